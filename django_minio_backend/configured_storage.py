"""What the options make of a storage: its properties, its clients, and its identity in migrations and pickles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from django.core.files.storage import Storage
from django.utils.functional import cached_property

from . import object_urls
from .option_reading import hidden_options, is_self_contained, options_of_call, without_secrets
from .options import DEFAULT_MEDIA_FILES_BUCKET, DEFAULT_STATIC_FILES_BUCKET, StorageOptions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from minio import Minio
    from minio.sse import SseCustomerKey
    from urllib3 import PoolManager

    from .s3 import S3Client


class DefaultAlias(str):
    """The default of ``storage_name``, told from the same name given by a caller."""

    __slots__ = ()


class ConfiguredStorage(Storage):
    """A storage that knows its options; what it does with files is a subclass's matter."""

    DEFAULT_MEDIA_FILES_BUCKET = DEFAULT_MEDIA_FILES_BUCKET
    DEFAULT_STATIC_FILES_BUCKET = DEFAULT_STATIC_FILES_BUCKET

    def __init__(
        self, bucket_name: str = "", storage_name: str = DefaultAlias("default"), *args: Any, **options: Any
    ) -> None:
        options = hidden_options(options)  # what errors from here on show
        if args:
            raise TypeError(f"{type(self).__name__} takes two positional arguments: bucket_name and storage_name.")
        self._given = {"bucket_name": bucket_name, **options} if bucket_name else options
        self._storage_name = storage_name
        self.options = self._read_options()

    # What the options make of a storage

    def _read_options(self) -> StorageOptions:
        return options_of_call(
            self._given,
            alias=str(self._storage_name),
            alias_was_given=not isinstance(self._storage_name, DefaultAlias),
            backend=type(self).__name__,
        )

    @property
    def bucket(self) -> str:
        """Name of this storage's bucket."""
        return self.options.bucket_name or self.options.default_bucket

    @property
    def is_bucket_public(self) -> bool:
        """Whether anyone may download this bucket's objects."""
        return self.bucket in self.PUBLIC_BUCKETS

    @property
    def replace_existing(self) -> bool:
        """Whether save() replaces an object of the same name."""
        return self.options.replace_existing

    @property
    def PRIVATE_BUCKETS(self) -> list[str]:  # noqa: N802 - a promised name
        """Private buckets of this storage, the default bucket included unless it is declared public."""
        return self.options.all_private_buckets

    @property
    def PUBLIC_BUCKETS(self) -> list[str]:  # noqa: N802 - a promised name
        """Public buckets of this storage."""
        return list(self.options.public_buckets)

    @property
    def HTTP_CLIENT(self) -> PoolManager | None:  # noqa: N802 - a promised name
        """The connection pool given as MINIO_HTTP_CLIENT, if any."""
        return self.options.http_client

    @property
    def base_url(self) -> str:
        """``scheme://host[:port]`` of the endpoint."""
        return object_urls.base_url(self.options, external=False)

    @property
    def base_url_external(self) -> str:
        """``scheme://host[:port]`` of the endpoint that URLs name."""
        return object_urls.base_url(self.options, external=True)

    @property
    def same_endpoints(self) -> bool:
        """Whether URLs name the endpoint that this process talks to."""
        return self.base_url == self.base_url_external

    @property
    def url_caching_enabled(self) -> bool:
        """Whether presigned URLs are kept in Django's cache."""
        return self.options.url_caching_enabled

    @property
    def url_cache_timeout(self) -> int:
        """Seconds that a cached URL is used."""
        return self.options.effective_cache_timeout

    @property
    def cache_prefix(self) -> str:
        """What the keys of cached URLs start with."""
        return self.options.url_cache_prefix

    def validate_settings(self) -> None:
        """Check the options again, against the settings as they are now.

        Raises:
            ConfigurationError: with every problem.
        """
        self._read_options()

    # Clients

    @cached_property
    def s3(self) -> S3Client:
        """The client that this package's own modules use."""
        from .clients import client_for  # here, so that importing the package does not import the SDK

        return client_for(self.options)

    @cached_property
    def s3_external(self) -> S3Client:
        """The client that signs URLs."""
        from .clients import client_for

        return client_for(self.options, external=True)

    @property
    def client(self) -> Minio:
        """The SDK's client, shared with all storages of the same endpoint and credentials."""
        return self.s3.sdk

    @property
    def client_external(self) -> Minio:
        """The SDK's client for the external endpoint; it signs URLs and sends nothing."""
        return self.s3_external.sdk

    @cached_property
    def ssec(self) -> SseCustomerKey | None:
        """The key that reading needs as well, where objects are encrypted with one of the customer's (SSE-C)."""
        from .s3 import customer_key

        return customer_key(self.options)

    # Identity: what migrations and pickles keep of a storage

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        """Bucket and alias for a migration; never a secret. Without an alias: the other options."""
        kind = type(self)
        path = f"{kind.__module__}.{kind.__qualname__}"
        if kind.__module__.startswith(__package__ + "."):
            path = f"{__package__}.models.{kind.__qualname__}"
        if not self.options.alias:
            return path, [], {**without_secrets(self._given), "storage_name": ""}
        bucket = {"bucket_name": self._given["bucket_name"]} if self._given.get("bucket_name") else {}
        return path, [], {**bucket, "storage_name": self.options.alias}

    def __reduce__(self) -> tuple[Any, ...]:
        alias_was_given = not isinstance(self._storage_name, DefaultAlias)
        extras = {} if is_self_contained(self._given, alias_was_given=alias_was_given) else self._given
        if not self.options.alias or extras != without_secrets(extras):
            raise TypeError(
                f"{self!r} cannot be pickled without its secrets. Give the field a callable that returns the storage."
            )
        return _rebuild, (type(self), self.options.alias, extras)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self

    def __repr__(self) -> str:
        if "options" not in vars(self):  # as a report of a wrong option shows it
            return f"<{type(self).__name__}: not made>"
        alias = f" of STORAGES['{self.options.alias}']" if self.options.alias else ""
        return f"<{type(self).__name__}: bucket '{self.bucket}'{alias} at {self.base_url}>"


def _rebuild(kind: type[ConfiguredStorage], alias: str, given: Mapping[str, Any]) -> ConfiguredStorage:
    """Make a pickled storage again, from the settings of the process that reads the pickle."""
    return kind(storage_name=alias, **given)
