"""BaseStorage: a storage's options, its clients, its buckets, and its identity in migrations and pickles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from django.core.files.storage import Storage
from django.utils.functional import cached_property

from .errors import ConfigurationError
from .files.keys import key_of
from .options.fields import DEFAULT_MEDIA_FILES_BUCKET, DEFAULT_STATIC_FILES_BUCKET, FIELDS, OPTION_NAMES
from .options.hiding import hidden_arguments, hidden_options
from .options.names import in_known_case
from .options.reading import differs
from .options.resolution import class_options_of, options_of_call
from .options.subclassing import has_own_init

# Imports inside functions here load what Django's start does not need: the SDK, buckets, health checks, migrations.

if TYPE_CHECKING:
    from minio import Minio
    from minio.sse import SseCustomerKey
    from urllib3 import PoolManager

    from .buckets.plan import BucketSpec
    from .identity import ConstructorCall
    from .options.fields import StorageOptions
    from .s3.client import S3Client


class DefaultAlias(str):
    """The default of ``storage_name``; its type distinguishes it from the same name given by a caller."""

    __slots__ = ()


class RecordedCall(Storage):
    """Records a storage's call; a class of its own, as inspect.signature() would prefer ``__new__`` to ``__init__``."""

    _constructor_args: tuple[tuple[Any, ...], dict[str, Any]] = ((), {})

    def __new__(cls, *args: Any, **options: Any) -> Self:
        """Record the call, as Django's ``@deconstructible`` does."""
        storage = super().__new__(cls)
        storage._constructor_args = hidden_arguments(cls, args), hidden_options(options)
        return storage


class BaseStorage(RecordedCall):
    """A storage that knows its options, its server and its buckets; MinioBackend adds the files."""

    DEFAULT_MEDIA_FILES_BUCKET = DEFAULT_MEDIA_FILES_BUCKET
    DEFAULT_STATIC_FILES_BUCKET = DEFAULT_STATIC_FILES_BUCKET

    def __init__(
        self, bucket_name: str = "", storage_name: str = DefaultAlias("default"), *args: Any, **options: Any
    ) -> None:
        options = hidden_options(options)  # tracebacks from here on show no secret
        if args:
            raise TypeError(f"{type(self).__name__} takes two positional arguments: bucket_name and storage_name.")
        self._given = in_known_case({"bucket_name": bucket_name, **options} if bucket_name else options)
        class_options = class_options_of(type(self))
        if isinstance(storage_name, DefaultAlias) and class_options.storage_name:
            storage_name = DefaultAlias(class_options.storage_name)
        self._storage_name = storage_name
        set_before = hidden_options({name: value for name, value in vars(self).items() if name in OPTION_NAMES})
        self.options = self._read_options()
        for name, value in set_before.items():
            self._check_attribute(name, value)
        for name in class_options.values:  # the class attribute would show its value even if OPTIONS overrides it
            vars(self)[name] = getattr(self.options, FIELDS[name].attribute)

    def __setattr__(self, name: str, value: Any) -> None:
        """Refuse an attribute with the name of an option but another value, as it would not change the option."""
        if name in OPTION_NAMES and "options" in vars(self):
            value = hidden_options({name: value})[name]
            self._check_attribute(name, value)
        super().__setattr__(name, value)

    def _check_attribute(self, name: str, value: Any) -> None:
        # Django's ManifestFilesMixin sets manifest_storage.
        if name != "manifest_storage" and differs(self.options, name, value):
            raise ConfigurationError(
                f"{self!r}: {type(self).__name__} sets {name} on itself, which changes no option. Set it in the class, "
                f"or pass it on: super().__init__({name}=...)."
            )

    def _read_options(self) -> StorageOptions:
        arguments, keywords = self._constructor_args
        outer_call = self._given
        if has_own_init(type(self)):
            outer_call = {"": arguments} if arguments else keywords  # Django passes OPTIONS by name only
        alias, was_given = str(self._storage_name), self._alias_was_given
        return options_of_call(self._given, type(self), alias=alias, alias_was_given=was_given, outer_call=outer_call)

    @property
    def bucket(self) -> str:
        """Name of this storage's bucket."""
        return self.options.bucket_name or self.options.default_bucket

    @property
    def is_bucket_public(self) -> bool:
        """Whether anyone may download this bucket's objects."""
        return self.bucket in self.PUBLIC_BUCKETS

    def key(self, name: object) -> str:
        """The key of the object that has this name: MINIO_LOCATION and the name, normalised as by save().

        Raises:
            SuspiciousFileOperation: the name is absolute or leaves the storage.
            ValueError: no object can have this name.
        """
        return key_of(name, self.options.location)

    @property
    def replace_existing(self) -> bool:
        """Whether save() replaces an existing object of the same name."""
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
        """The connection pool in MINIO_HTTP_CLIENT, if any."""
        return self.options.http_client

    @property
    def server_url(self) -> str:
        """``scheme://host[:port]`` of the endpoint."""
        return self.options.base_url()

    @property
    def base_url(self) -> str:
        """The same as ``server_url``; for a static storage, the URL of its bucket."""
        return self.server_url

    @property
    def base_url_external(self) -> str:
        """``scheme://host[:port]`` of the endpoint in URLs."""
        return self.options.base_url(external=True)

    @property
    def same_endpoints(self) -> bool:
        """Whether URLs have the same endpoint as this process's requests."""
        return self.server_url == self.base_url_external

    @property
    def url_caching_enabled(self) -> bool:
        """Whether presigned URLs are kept in Django's cache."""
        return self.options.url_caching_enabled

    @property
    def url_cache_timeout(self) -> int:
        """Seconds for which a cached URL is reused."""
        return self.options.effective_cache_timeout

    @property
    def cache_prefix(self) -> str:
        """Prefix of the cache keys of URLs."""
        return self.options.url_cache_prefix

    def validate_settings(self) -> None:
        """Read the options again from the current settings; ConfigurationError names every problem."""
        self._read_options()

    def is_of_these_settings(self) -> bool:
        """Whether the current settings give the same options; a test may have overridden them."""
        try:
            return self._read_options() == self.options
        except ConfigurationError:
            return False

    @cached_property
    def s3(self) -> S3Client:
        """The client that this package uses."""
        return _client(self.options)

    @cached_property
    def s3_external(self) -> S3Client:
        """The client whose credentials and endpoint presigned URLs have; it sends no request."""
        return _client(self.options, external=True)

    @property
    def client(self) -> Minio:
        """The SDK's client, shared by all storages with the same endpoint and credentials."""
        return self.s3.sdk

    @property
    def client_external(self) -> Minio:
        """The SDK's client for the external endpoint; it sends no request."""
        return self.s3_external.sdk

    @cached_property
    def ssec(self) -> SseCustomerKey | None:
        """The customer's key (SSE-C) that requests for encrypted objects need."""
        from .s3.credentials import customer_key

        return customer_key(self.options)

    def check_bucket_existence(self) -> None:
        """Create this storage's bucket if it is missing."""
        from .buckets.declared import create_missing

        create_missing(self.s3, [self.bucket])

    def check_bucket_existences(self, max_workers: int | None = None) -> None:
        """Create every missing bucket of this storage's settings, ``max_workers`` at a time."""
        from .buckets.declared import create_missing

        create_missing(self.s3, [*self.PUBLIC_BUCKETS, *self.PRIVATE_BUCKETS], max_workers)

    def set_bucket_policy(self, bucket: str, policy: dict[str, Any]) -> None:
        """Replace a bucket's policy."""
        self.s3.set_bucket_policy(bucket, policy)

    def set_bucket_to_public(self) -> None:
        """Let anyone download this bucket's objects; their names cannot be listed."""
        from .buckets import plan

        staging_prefix = "" if self.bucket in self.static_buckets else self.options.uploads_prefix
        plan.publish(self.s3, plan.BucketSpec(self.bucket, public=True, staging_prefix=staging_prefix))

    @property
    def static_buckets(self) -> list[str]:
        """Buckets of this storage that hold static files, which are never cleaned: none."""
        return []

    def bucket_specs(self) -> list[BucketSpec]:
        """Every bucket of this storage's settings, as it should be."""
        from .buckets.declared import declared_buckets

        private = [*self.PRIVATE_BUCKETS, self.bucket]
        return declared_buckets(self.options, self.PUBLIC_BUCKETS, private, self.static_buckets)

    def ensure_bucket(self) -> None:
        """Create this storage's bucket as its settings describe it."""
        from .buckets import plan

        (spec,) = (spec for spec in self.bucket_specs() if spec.name == self.bucket)
        plan.apply(self.s3, plan.plan(self.s3, spec))

    # Migrations and pickles

    @property
    def _alias_was_given(self) -> bool:
        return not isinstance(self._storage_name, DefaultAlias)

    @property
    def _constructor_call(self) -> ConstructorCall:
        from .identity import ConstructorCall

        call = type(self), *self._constructor_args, self._given
        return ConstructorCall(*call, self.options.alias, self._alias_was_given, label=repr(self))

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        """Path, arguments and keywords that a migration keeps: bucket and alias, or a subclass's own call; no secret.

        Raises:
            TypeError: a subclass's ``__init__`` cannot be called without a secret.
        """
        return self._constructor_call.deconstruct()

    def __reduce__(self) -> tuple[Any, ...]:
        return self._constructor_call.reduce()

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self

    def __repr__(self) -> str:
        if "options" not in vars(self):  # the options are invalid
            return f"<{type(self).__name__}: not made>"
        alias = f" of {self.options.label}" if self.options.alias else ""
        return f"<{type(self).__name__}: bucket '{self.bucket}'{alias} at {self.server_url}>"


def _client(options: StorageOptions, *, external: bool = False) -> S3Client:
    """Return the client, and import with the first one whatever uses a client.

    If a process forks while one of its threads imports a module, that module stays locked in the child.
    """
    from .direct_uploads import presigned, transfer  # noqa: F401
    from .files import file, upload, writer  # noqa: F401
    from .object_urls import urls  # noqa: F401
    from .reading import reader  # noqa: F401
    from .s3 import listing  # noqa: F401
    from .s3.registry import client_for

    return client_for(options, external=external)
