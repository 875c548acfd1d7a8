"""The table of options: every MINIO_* name and keyword, its type, default and meaning, as one frozen object."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal, NoReturn, Self

from . import endpoints
from . import validators as values

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from django.core.files.storage import Storage
    from minio.commonconfig import Tags
    from minio.credentials.providers import Provider
    from minio.retention import Retention
    from minio.sse import Sse
    from urllib3 import PoolManager

    Headers = Mapping[str, str]

DEFAULT_MEDIA_FILES_BUCKET = "auto-generated-bucket-media-files"
DEFAULT_STATIC_FILES_BUCKET = "auto-generated-bucket-static-files"
MEBIBYTE = 1024 * 1024
REQUIRED = object()
_WEEK = timedelta(days=7)


class Option:
    """One row of the table.

    Attributes:
        attribute: the attribute of StorageOptions that has the value.
        name: the name in OPTIONS.
        parse: checks and types a value, or raises WrongValueError.
        meaning: what it is for, in a few words.
        default: the value where none is set.
        unit: of a plain number.
        top_level: whether it is also looked up in the settings module when OPTIONS has none.
        secret: whether it appears in no repr and no error.
    """

    def __init__(
        self,
        name: str,
        parse: Callable[[Any], Any],
        meaning: str,
        default: object = None,
        *,
        unit: str = "",
        top_level: bool = False,
        secret: bool = False,
    ) -> None:
        self.attribute, self.name, self.parse, self.default, self.meaning = "", name, parse, default, meaning
        self.unit, self.top_level, self.secret = unit, top_level, secret

    def __set_name__(self, _: type, attribute: str) -> None:
        self.attribute = attribute


_row: Any = Option  # for type checkers: the class has the table's rows, and its instances the values


def _flag(name: str, meaning: str, *, top_level: bool = False) -> Any:
    """A row for an option that is off by default."""
    return Option(name, values.flag, meaning, False, top_level=top_level)


class StorageOptions:  # noqa: PLW1641 - not hashable, as some values are dictionaries
    """The checked and typed options of one storage.

    Not a dataclass: creating one with so many fields takes a tenth of the time that this app adds to Django's start.

    Attributes:
        alias: the alias in STORAGES; empty for a storage that is made by a call.
    """

    alias: str
    endpoint: str = _row("MINIO_ENDPOINT", endpoints.endpoint, "host[:port] of the server", REQUIRED)
    access_key: str | None = _row("MINIO_ACCESS_KEY", values.text, "access key; needed unless MINIO_CREDENTIALS is set")
    secret_key: str | None = _row(
        "MINIO_SECRET_KEY", values.secret_text, "secret key; needed unless MINIO_CREDENTIALS is set", secret=True
    )
    session_token: str | None = _row(
        "MINIO_SESSION_TOKEN", values.session_token, "session token of temporary credentials", secret=True
    )
    credentials: Provider | Callable[[], Provider] | str | None = _row(
        "MINIO_CREDENTIALS",
        values.credentials,
        "a minio.credentials Provider, a dotted path to one or to a function that returns it; replaces the keys",
        secret=True,
    )
    use_https: bool = _row("MINIO_USE_HTTPS", values.flag, "whether the endpoint speaks https", REQUIRED)
    region: str = _row("MINIO_REGION", values.region, "region that requests are signed for", "us-east-1")
    virtual_host_style: bool = _flag(
        "MINIO_VIRTUAL_HOST_STYLE", "URLs of buckets are bucket.host instead of host/bucket"
    )
    external_endpoint: str | None = _row(
        "MINIO_EXTERNAL_ENDPOINT", endpoints.endpoint, "host[:port] in URLs, if it differs"
    )
    external_use_https: bool | None = _row(
        "MINIO_EXTERNAL_ENDPOINT_USE_HTTPS", values.flag, "whether the external endpoint speaks https"
    )
    private_buckets: tuple[str, ...] = _row(
        "MINIO_PRIVATE_BUCKETS", values.buckets, "buckets whose objects need presigned URLs", ()
    )
    public_buckets: tuple[str, ...] = _row(
        "MINIO_PUBLIC_BUCKETS", values.buckets, "buckets whose objects anyone may download", ()
    )
    default_bucket: str = _row(
        "MINIO_DEFAULT_BUCKET", values.bucket, "bucket of a storage without bucket_name", DEFAULT_MEDIA_FILES_BUCKET
    )
    static_files_bucket: str | None = _row(
        "MINIO_STATIC_FILES_BUCKET",
        values.bucket,
        f"bucket of static files, always public; {DEFAULT_STATIC_FILES_BUCKET} for a static storage without it",
    )
    static_gzip: bool = _flag("MINIO_STATIC_GZIP", "compress static files of text types, with Content-Encoding")
    manifest_storage: Storage | str | None = _row(
        "manifest_storage", values.storage, "where MinioManifestStaticStorage keeps its manifest; default: bucket"
    )
    location: str = _row(
        "MINIO_LOCATION", values.location, "key prefix inside the bucket; names are relative to it", ""
    )
    uploads_prefix: str = _row(
        "MINIO_UPLOADS_PREFIX", values.uploads_prefix, "key prefix of unsaved direct uploads", ".direct-uploads/"
    )
    uploads_open: int = _row(
        "MINIO_UPLOADS_OPEN", values.limit, "direct uploads of one user in progress; 0: no limit", 100, unit="uploads"
    )
    uploads_per_hour: int = _row(
        "MINIO_UPLOADS_PER_HOUR", values.limit, "direct uploads of one user an hour; 0: no limit", 1000, unit="uploads"
    )
    cors_origins: tuple[str, ...] = _row(
        "MINIO_CORS_ORIGINS", values.origins, "origins of pages that upload to the buckets", ()
    )
    url_expiry: timedelta = _row(
        "MINIO_URL_EXPIRY_HOURS", values.url_expiry, "how long presigned URLs are valid", _WEEK, unit="hours"
    )
    signing_window: timedelta | None = _row(
        "MINIO_URL_STABLE_FOR",
        values.signing_window,
        "how long every process returns the same presigned URL; at most half of MINIO_URL_EXPIRY_HOURS",
    )
    consistency_check_on_start: bool = _flag(
        "MINIO_CONSISTENCY_CHECK_ON_START", "create and correct buckets whenever Django starts", top_level=True
    )
    bucket_check_on_save: bool = _flag("MINIO_BUCKET_CHECK_ON_SAVE", "create a missing bucket on save", top_level=True)
    policy_hooks: tuple[tuple[str, dict[str, Any]], ...] = _row(
        "MINIO_POLICY_HOOKS", values.policy_hooks, "list of (bucket, policy) for initialize_buckets to apply last", ()
    )
    conditional_writes: bool | Literal["auto"] = _row(
        "MINIO_CONDITIONAL_WRITES",
        values.conditional_writes,
        '"auto": HEAD, then conditional PUT; True: conditional PUT alone (needs If-None-Match); False: HEAD, then PUT',
        "auto",
    )
    multipart_upload: bool = _flag("MINIO_MULTIPART_UPLOAD", "use the two options below instead of the default sizes")
    multipart_threshold: int = _row(
        "MINIO_MULTIPART_THRESHOLD", values.size, "size from which uploads are multipart", 10 * MEBIBYTE, unit="bytes"
    )
    multipart_part_size: int = _row(
        "MINIO_MULTIPART_PART_SIZE", values.part_size, "size of one part", 10 * MEBIBYTE, unit="bytes"
    )
    object_headers: Mapping[str, str] | Callable[[str], Headers] | str | None = _row(
        "MINIO_OBJECT_HEADERS",
        values.object_headers,
        "headers of uploads such as Cache-Control: a mapping, or a function (or dotted path to one) name -> mapping",
    )
    trust_content_type: bool = _flag(
        "MINIO_TRUST_CONTENT_TYPE", "keep the Content-Type of an upload's sender, even HTML"
    )
    public_base_url: str | Mapping[str, str] | None = _row(
        "MINIO_PUBLIC_BASE_URL",
        values.public_base_url,
        "URL of public buckets, such as a CDN's; names are appended to it; or a mapping bucket -> URL",
    )
    slow_request_seconds: float | None = _row(
        "MINIO_SLOW_REQUEST_SECONDS", values.duration, "time from which a request is logged as slow", unit="seconds"
    )
    http_client: PoolManager | None = _row(
        "MINIO_HTTP_CLIENT", values.http_client, "a urllib3.PoolManager instead of the default one", secret=True
    )
    url_caching_enabled: bool = _flag(
        "MINIO_URL_CACHING_ENABLED", "keep presigned URLs in Django's cache", top_level=True
    )
    url_cache_timeout: int | None = _row(
        "MINIO_URL_CACHE_TIMEOUT",
        values.seconds,
        "expiry of cached URLs; by default 80 % of the URL's",
        unit="seconds",
        top_level=True,
    )
    url_cache_prefix: str = _row(
        "MINIO_URL_CACHE_PREFIX", values.text, "prefix of cache keys of presigned URLs", "minio_url_", top_level=True
    )

    bucket_name: str = _row("bucket_name", values.bucket_or_empty, "bucket of this storage", "")
    replace_existing: bool = _flag("replace_existing", "save() replaces an object of the same name")
    metadata: Mapping[str, Any] | None = _row("metadata", values.metadata, "user metadata of every upload")
    headers: Mapping[str, str] | None = _row("headers", values.header_mapping, "request headers of every upload")
    sse: Sse | None = _row("sse", values.sse, "server-side encryption of every upload", secret=True)
    progress: Any = _row("progress", values.progress, "progress object: set_meta(object_name, total_length), update(n)")
    tags: Tags | None = _row("tags", values.mapping, "tags of every upload")
    retention: Retention | None = _row("retention", values.retention, "retention of every upload")
    legal_hold: bool = _flag("legal_hold", "put every upload under legal hold")
    num_parallel_uploads: int = _row(
        "num_parallel_uploads", values.count, "parts of one file that are sent at once", 4, unit="parts"
    )
    num_parallel_downloads: int = _row(
        "num_parallel_downloads", values.count, "requests of one large file that is read at once", 4, unit="requests"
    )
    checksum: str | None = _row(
        "checksum", values.checksum, "CRC32, SHA1 or SHA256: sent with each upload and kept by the server"
    )

    def __init__(self, alias: str, values: Mapping[str, Any]) -> None:
        """Take a value for every attribute in the table."""
        vars(self).update(values, alias=alias)

    def replace(self, **changes: Any) -> Self:
        """Return a copy with other values for some attributes."""
        return type(self)(self.alias, {**vars(self), **changes})

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"The options of a storage cannot be changed: {name}.")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, StorageOptions) and vars(self) == vars(other)

    def __repr__(self) -> str:
        shown = (f"{row.attribute}={getattr(self, row.attribute)!r}" for row in FIELDS.values() if not row.secret)
        return f"StorageOptions(alias={self.alias!r}, {', '.join(shown)})"

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self

    def __reduce__(self) -> NoReturn:
        """Raise TypeError: a pickle would contain secrets."""
        raise TypeError(
            "The options of a storage hold its secrets and cannot be pickled. Pickle the storage, or its alias."
        )

    def base_url(self, *, external: bool = False) -> str:
        """``scheme://host[:port]`` of the endpoint, or of the external one if there is one."""
        endpoint, https = self.endpoint, self.use_https
        if external and self.external_endpoint is not None:
            endpoint, https = self.external_endpoint, bool(self.external_use_https)
        return f"{'https' if https else 'http'}://{endpoint}"

    @property
    def key_prefix(self) -> str:
        """What the keys of all objects start with: MINIO_LOCATION and a slash, or an empty string."""
        return f"{self.location}/" if self.location else ""

    @property
    def label(self) -> str:
        """The storage's name in errors and reports."""
        return f"STORAGES['{self.alias}']" if self.alias else "A storage made by a call"

    @property
    def effective_cache_timeout(self) -> int:
        """Seconds that a cached URL is used."""
        by_default = int(self.url_expiry.total_seconds() * 0.8)
        return by_default if self.url_cache_timeout is None else self.url_cache_timeout

    @property
    def buckets(self) -> frozenset[str]:
        """Names of all buckets in the options."""
        own = {self.bucket_name, self.default_bucket, self.static_files_bucket or ""}
        return frozenset({*own, *self.private_buckets, *self.public_buckets} - {""})

    @property
    def all_private_buckets(self) -> list[str]:
        """Private buckets, the default bucket included unless it is declared public."""
        undeclared = self.default_bucket not in (*self.private_buckets, *self.public_buckets)
        return [*self.private_buckets, self.default_bucket] if undeclared else list(self.private_buckets)


FIELDS = {option.name: option for option in vars(StorageOptions).values() if isinstance(option, Option)}
OTHER_SPELLINGS = {"user_metadata": "metadata", "http_client": "MINIO_HTTP_CLIENT"}
OPTION_NAMES = frozenset(FIELDS) | frozenset(OTHER_SPELLINGS)
