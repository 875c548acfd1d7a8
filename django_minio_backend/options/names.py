"""Names of options: their usual case, and hints for misspelt ones and for those of other libraries."""

from __future__ import annotations

from collections import Counter
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from .fields import OPTION_NAMES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_PUBLIC = "list the bucket in MINIO_PUBLIC_BUCKETS or MINIO_PRIVATE_BUCKETS"
_EXPIRY = "write MINIO_URL_EXPIRY_HOURS"
_CDN = "write MINIO_PUBLIC_BASE_URL"
_BUCKETS = "run manage.py initialize_buckets, or set MINIO_BUCKET_CHECK_ON_SAVE"
_POOL = "write MINIO_HTTP_CLIENT, a urllib3.PoolManager"
_CLOUDFRONT = "leave it out: URLs of private buckets are signed with the keys of the S3 server"
_NO_BACKUP = "leave it out: a deleted object is kept nowhere; turn on versioning for the bucket on the server"

# django-storages (S3): https://django-storages.readthedocs.io/en/latest/backends/amazon-S3.html
_DJANGO_STORAGES = {
    "access_key": "write MINIO_ACCESS_KEY",
    "secret_key": "write MINIO_SECRET_KEY",
    "security_token": "write MINIO_SESSION_TOKEN",
    "session_profile": "write MINIO_CREDENTIALS, a minio.credentials Provider",
    "endpoint_url": "write MINIO_ENDPOINT (host[:port]) and MINIO_USE_HTTPS",
    "region_name": "write MINIO_REGION",
    "use_ssl": "write MINIO_USE_HTTPS",
    "url_protocol": "write MINIO_USE_HTTPS, or MINIO_EXTERNAL_ENDPOINT_USE_HTTPS where URLs name another endpoint",
    "verify": f"set the environment variable SSL_CERT_FILE, or {_POOL}",
    **dict.fromkeys(("proxies", "client_config"), _POOL),
    "addressing_style": "write MINIO_VIRTUAL_HOST_STYLE",
    "signature_version": "leave it out: every request is signed with version 4",
    "location": "write MINIO_LOCATION",
    "file_overwrite": "write replace_existing",
    **dict.fromkeys(("default_acl", "bucket_acl"), _PUBLIC),
    "auto_create_bucket": _BUCKETS,
    "querystring_auth": f"{_PUBLIC}: URLs of private ones are signed",
    "querystring_expire": f"{_EXPIRY} (a timedelta, or hours)",
    "custom_domain": f"{_CDN}, with its scheme",
    **dict.fromkeys(("cloudfront_key", "cloudfront_key_id", "cloudfront_signer"), _CLOUDFRONT),
    "object_parameters": "write MINIO_OBJECT_HEADERS for headers; metadata, tags, sse and others are options too",
    "gzip": "write MINIO_STATIC_GZIP for static files; other files are stored as they are",
    "gzip_content_types": "leave it out: MINIO_STATIC_GZIP knows the types of text",
    "max_memory_size": "leave it out: files are streamed",
    "transfer_config": "write MINIO_MULTIPART_UPLOAD, MINIO_MULTIPART_THRESHOLD and MINIO_MULTIPART_PART_SIZE",
    "use_threads": "write num_parallel_uploads",
}

# django-minio-storage: https://django-minio-storage.readthedocs.io/en/latest/usage/
_DJANGO_MINIO_STORAGE = {
    "MINIO_STORAGE_ENDPOINT": "write MINIO_ENDPOINT",
    "MINIO_STORAGE_ACCESS_KEY": "write MINIO_ACCESS_KEY",
    "MINIO_STORAGE_SECRET_KEY": "write MINIO_SECRET_KEY",
    "MINIO_STORAGE_REGION": "write MINIO_REGION",
    "MINIO_STORAGE_USE_HTTPS": "write MINIO_USE_HTTPS",
    "MINIO_STORAGE_CERT_CHECK": f"set the environment variable SSL_CERT_FILE, or {_POOL}",
    "MINIO_STORAGE_MEDIA_BUCKET_NAME": "write MINIO_DEFAULT_BUCKET",
    "MINIO_STORAGE_STATIC_BUCKET_NAME": "write MINIO_STATIC_FILES_BUCKET",
    **dict.fromkeys(("MINIO_STORAGE_MEDIA_URL", "MINIO_STORAGE_STATIC_URL"), _CDN),
    "MINIO_STORAGE_MEDIA_USE_PRESIGNED": f"{_PUBLIC}: URLs of private ones are signed",
    "MINIO_STORAGE_STATIC_USE_PRESIGNED": "leave it out: static files are always public",
    "MINIO_STORAGE_MEDIA_URL_EXPIRY": _EXPIRY,
    "MINIO_STORAGE_STATIC_URL_EXPIRY": "leave it out: static files are always public",
    **dict.fromkeys(("MINIO_STORAGE_AUTO_CREATE_MEDIA_BUCKET", "MINIO_STORAGE_AUTO_CREATE_STATIC_BUCKET"), _BUCKETS),
    "MINIO_STORAGE_ASSUME_MEDIA_BUCKET_EXISTS": "leave it out: no bucket is looked for unless you ask for it",
    "MINIO_STORAGE_ASSUME_STATIC_BUCKET_EXISTS": "leave it out: no bucket is looked for unless you ask for it",
    "MINIO_STORAGE_AUTO_CREATE_MEDIA_POLICY": _PUBLIC,
    "MINIO_STORAGE_AUTO_CREATE_STATIC_POLICY": "leave it out: static files are always public",
    **dict.fromkeys(("MINIO_STORAGE_MEDIA_OBJECT_METADATA", "MINIO_STORAGE_STATIC_OBJECT_METADATA"), "write metadata"),
    **dict.fromkeys(("MINIO_STORAGE_MEDIA_BACKUP_BUCKET", "MINIO_STORAGE_MEDIA_BACKUP_FORMAT"), _NO_BACKUP),
}

# Django's FileSystemStorage; its base_url is an attribute of ours, see below
_FILE_SYSTEM = {
    "base_location": "write MINIO_LOCATION",
    "file_permissions_mode": "leave it out: objects have no permissions of files",
    "directory_permissions_mode": "leave it out: objects have no permissions of files",
    "allow_overwrite": "write replace_existing",
}

WRITE_INSTEAD = {**_DJANGO_STORAGES, **_DJANGO_MINIO_STORAGE, **_FILE_SYSTEM}

# Attributes of our storages that only show options: setting them in a subclass changes nothing.
SHOWN_ATTRIBUTES = {
    "base_url": f"{_CDN}, or MINIO_EXTERNAL_ENDPOINT",
    "base_url_external": "write MINIO_EXTERNAL_ENDPOINT and MINIO_EXTERNAL_ENDPOINT_USE_HTTPS",
    "HTTP_CLIENT": "write MINIO_HTTP_CLIENT",
    "DEFAULT_MEDIA_FILES_BUCKET": "write MINIO_DEFAULT_BUCKET",
    "DEFAULT_STATIC_FILES_BUCKET": "write MINIO_STATIC_FILES_BUCKET",
    "url_cache_timeout": "write MINIO_URL_CACHE_TIMEOUT",
    "cache_prefix": "write MINIO_URL_CACHE_PREFIX",
}

# Names of earlier versions, and those of arguments that people expect.
_RENAMED = {"MINIO_MEDIA_FILES_BUCKET": "MINIO_DEFAULT_BUCKET", "alias": "storage_name", "bucket": "bucket_name"}
_BY_LOWER_CASE = {name.lower(): name for name in OPTION_NAMES}


def in_known_case(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options under their names in this package's case: django-dbbackup, for one, makes them lower-case.

    Names that are the same option stay as they are, which is an error for ``read_options``.
    """
    known = {name: _known_case(name) for name in options}
    counts = Counter(known.values())
    return {known[name] if counts[known[name]] == 1 else str(name): value for name, value in options.items()}


def unknown_names(names: Iterable[str], labels: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Each name that is no option, and what is wrong with it in words.

    Args:
        names: names of options, in the known case unless set twice.
        labels: how errors show some of the names.
    """
    for name in map(str, names):
        if name in OPTION_NAMES:
            continue
        if (known := _known_case(name)) in OPTION_NAMES:
            yield name, f"{known} is set twice, also as {name}; keep one."
        else:
            yield name, f"{labels.get(name, name)} is not an option{_hint(name)}"


def _known_case(name: object) -> str:
    is_attribute = name in SHOWN_ATTRIBUTES  # HTTP_CLIENT is one, and not the option http_client
    return str(name) if is_attribute else _BY_LOWER_CASE.get(str(name).lower(), str(name))


def _hint(name: str) -> str:
    """The end of a sentence that says that there is no such option: what to write instead."""
    instead = WRITE_INSTEAD.get(name) or SHOWN_ATTRIBUTES.get(name)
    if instead:
        return f"; {instead}."
    known = {option.upper(): option for option in (*sorted(OPTION_NAMES), "storage_name")}
    similar = get_close_matches(name.upper(), known, n=1)
    nearest = _RENAMED.get(name) or (known[similar[0]] if similar else "")
    return f"; did you mean {nearest}?" if nearest else "."
