"""What the options make of a storage: its properties, its clients, and its identity in migrations and pickles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from django.conf import settings
from django.core.files.storage import Storage
from django.utils.functional import cached_property

from .errors import ConfigurationError
from .object_urls import urls
from .options.fields import (
    DEFAULT_MEDIA_FILES_BUCKET,
    DEFAULT_STATIC_FILES_BUCKET,
    FIELDS,
    OPTION_NAMES,
    StorageOptions,
)
from .options.resolution import (
    class_options_of,
    differs,
    hidden_arguments,
    hidden_options,
    in_known_case,
    is_self_contained,
    options_of_call,
    without_secrets,
)
from .options.subclassing import has_own_init, is_callable_with, names_of_arguments, takes
from .redaction.secret_values import has_secret

if TYPE_CHECKING:
    from collections.abc import Mapping

    from minio import Minio
    from minio.sse import SseCustomerKey
    from urllib3 import PoolManager

    from .s3.client import S3Client


class DefaultAlias(str):
    """The default of ``storage_name``, told from the same name given by a caller."""

    __slots__ = ()


class RecordedCall(Storage):
    """A storage that knows by which call it was made, as Django's ``@deconstructible`` has it."""

    _constructor_args: tuple[tuple[Any, ...], dict[str, Any]] = ((), {})

    def __new__(cls, *args: Any, **options: Any) -> Self:
        """Keep the arguments, which a subclass's ``__init__`` may change before they become options."""
        storage = super().__new__(cls)
        storage._constructor_args = hidden_arguments(cls, args), hidden_options(options)
        return storage


class ConfiguredStorage(RecordedCall):
    """A storage that knows its options; what it does with files is a subclass's matter."""

    DEFAULT_MEDIA_FILES_BUCKET = DEFAULT_MEDIA_FILES_BUCKET
    DEFAULT_STATIC_FILES_BUCKET = DEFAULT_STATIC_FILES_BUCKET

    def __init__(
        self, bucket_name: str = "", storage_name: str = DefaultAlias("default"), *args: Any, **options: Any
    ) -> None:
        options = hidden_options(options)  # what errors from here on show
        if args:
            raise TypeError(f"{type(self).__name__} takes two positional arguments: bucket_name and storage_name.")
        self._given = in_known_case({"bucket_name": bucket_name, **options} if bucket_name else options)
        of_class = class_options_of(type(self))
        if isinstance(storage_name, DefaultAlias) and of_class.storage_name:
            storage_name = DefaultAlias(of_class.storage_name)
        self._storage_name = storage_name
        set_before = hidden_options({name: value for name, value in vars(self).items() if name in OPTION_NAMES})
        self.options = self._read_options()
        for name, value in set_before.items():
            self._check_attribute(name, value)
        for name in of_class.values:  # so that the attribute shows what counts
            vars(self)[name] = getattr(self.options, FIELDS[name].name)

    def __setattr__(self, name: str, value: Any) -> None:
        """Set an attribute.

        Raises:
            ConfigurationError: it is named like an option, and the option has another value, which will stay.
        """
        if name in OPTION_NAMES and "options" in vars(self):
            value = hidden_options({name: value})[name]
            self._check_attribute(name, value)
        super().__setattr__(name, value)

    def _check_attribute(self, name: str, value: Any) -> None:
        # Django's ManifestFilesMixin sets manifest_storage.
        if name != "manifest_storage" and differs(self.options, name, value):
            raise ConfigurationError(
                f"{self!r}: {type(self).__name__} sets {name} on itself, which changes no option; set it in the class, "
                f"or pass it on: super().__init__({name}=...)."
            )

    # What the options make of a storage

    def _read_options(self) -> StorageOptions:
        arguments, keywords = self._constructor_args
        outer_call = self._given
        if has_own_init(type(self)):
            outer_call = {"": arguments} if arguments else keywords  # Django passes OPTIONS by name only
        return options_of_call(
            self._given,
            type(self),
            alias=str(self._storage_name),
            alias_was_given=self._alias_was_given,
            outer_call=outer_call,
        )

    @property
    def _alias_was_given(self) -> bool:
        return not isinstance(self._storage_name, DefaultAlias)

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
    def server_url(self) -> str:
        """``scheme://host[:port]`` of the endpoint."""
        return urls.base_url(self.options, external=False)

    @property
    def base_url(self) -> str:
        """The same; a static storage has the URL of its bucket here."""
        return self.server_url

    @property
    def base_url_external(self) -> str:
        """``scheme://host[:port]`` of the endpoint that URLs name."""
        return urls.base_url(self.options, external=True)

    @property
    def same_endpoints(self) -> bool:
        """Whether URLs name the endpoint that this process talks to."""
        return self.server_url == self.base_url_external

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

    def is_of_these_settings(self) -> bool:
        """Whether the settings as they are now make the same storage; a test may have overridden them since."""
        try:
            return self._read_options() == self.options
        except ConfigurationError:
            return False

    # Clients

    @cached_property
    def s3(self) -> S3Client:
        """The client that this package's own modules use."""
        from .s3.registry import client_for  # here, so that importing the package does not import the SDK

        return client_for(self.options)

    @cached_property
    def s3_external(self) -> S3Client:
        """The client that signs URLs."""
        from .s3.registry import client_for

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
        from .s3.credentials import customer_key

        return customer_key(self.options)

    # Identity: what migrations and pickles keep of a storage

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        """What a migration holds: bucket and alias, or a subclass's own call; never a secret.

        Without an alias: the other options.

        Raises:
            TypeError: a subclass's ``__init__`` cannot be called without a secret.
        """
        kind = type(self)
        path = f"{kind.__module__}.{kind.__qualname__}"
        if kind.__module__.startswith(__package__ + "."):
            path = f"{__package__}.models.{kind.__qualname__}"
        if has_own_init(kind):
            return path, *self._own_call()
        if not self.options.alias:
            return path, [], {**without_secrets(self._given), "storage_name": ""}
        bucket = {"bucket_name": self._given["bucket_name"]} if self._given.get("bucket_name") else {}
        return path, [], {**bucket, "storage_name": self.options.alias}

    def _own_call(self) -> tuple[list[Any], dict[str, Any]]:
        """The call that made this storage, less its secrets; its server, where it brings one, as an alias."""
        kind = type(self)
        arguments, given = self._constructor_args
        if any(map(has_secret, arguments)):
            given = {**dict(zip(names_of_arguments(kind, arguments), arguments, strict=True)), **given}
            arguments = ()
        kept = without_secrets(given)
        brings_server = self._brings_its_server(given)
        if brings_server and takes(kind, "storage_name"):
            if self.options.alias:
                kept = {name: kept[name] for name in kept if name == "bucket_name" or name not in OPTION_NAMES}
            kept["storage_name"] = self.options.alias
        elif (brings_server and kept != given) or not is_callable_with(kind, arguments, kept):
            left_out = ", ".join(name for name in given if name not in kept)
            raise TypeError(
                f"{self!r} cannot be written to a migration without its secrets ({left_out}). "
                "Give the field a callable that returns the storage."
            )
        return list(arguments), kept

    def _brings_its_server(self, given: Mapping[str, Any]) -> bool:
        """Whether the server is in these arguments of the call, and nothing else was looked up."""
        return all(is_self_contained(one, alias_was_given=self._alias_was_given) for one in (given, self._given))

    def __reduce__(self) -> tuple[Any, ...]:
        kind = type(self)
        if has_own_init(kind):
            arguments, given = self._constructor_args
            if given == without_secrets(given) and not any(map(has_secret, arguments)):
                return _call_again, (kind, arguments, given)
            if self.options.alias and not arguments and self._brings_its_server(given):
                return _rebuild_entry, (kind, self.options.alias)
        else:
            is_own = is_self_contained(self._given, alias_was_given=self._alias_was_given)
            extras = {} if is_own and self.options.alias else self._given
            if (self.options.alias or not is_own) and extras == without_secrets(extras):
                return _rebuild, (kind, self.options.alias, extras)
        raise TypeError(
            f"{self!r} cannot be pickled without its secrets. Give the field a callable that returns the storage."
        )

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self

    def __repr__(self) -> str:
        if "options" not in vars(self):  # as a report of a wrong option shows it
            return f"<{type(self).__name__}: not made>"
        alias = f" of STORAGES['{self.options.alias}']" if self.options.alias else ""
        return f"<{type(self).__name__}: bucket '{self.bucket}'{alias} at {self.server_url}>"


def _rebuild(kind: type[ConfiguredStorage], alias: str, given: Mapping[str, Any]) -> ConfiguredStorage:
    """Make a pickled storage again, from the settings of the process that reads the pickle."""
    return kind(storage_name=alias, **given)


def _rebuild_entry(kind: type[ConfiguredStorage], alias: str) -> ConfiguredStorage:
    """Make a pickled ``storages[alias]`` again, of the OPTIONS that the reading process has."""
    return kind(**settings.STORAGES[alias]["OPTIONS"])


def _call_again(
    kind: type[ConfiguredStorage], arguments: tuple[Any, ...], given: Mapping[str, Any]
) -> ConfiguredStorage:
    """Make a pickled storage of a subclass again, by the call that made it."""
    return kind(*arguments, **given)
