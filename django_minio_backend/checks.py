"""System checks of settings that are valid but unwise: one function for each id, and none uses the network.

``manage.py check`` runs them, ``check --deploy`` also those for production, ``check --tag minio`` only these.
SILENCED_SYSTEM_CHECKS takes their ids.
"""

from __future__ import annotations

import ipaddress
import ssl
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from django.apps import apps
from django.conf import settings
from django.core.checks import CheckMessage, Tags, Warning, register  # noqa: A004 - Django's name for a message of this level

from .aliases import minio_storages
from .options.fields import FIELDS, OPTION_NAMES
from .options.resolution import settings_of_version_3
from .staticfiles.storage import MinioBackendStatic

if TYPE_CHECKING:
    from collections.abc import Iterator

    from urllib3 import PoolManager

    from .storage import MinioBackend

TAG = "minio"
UNSHARED_CACHES = {
    "django.core.cache.backends.locmem.LocMemCache": "each process has its own cache",
    "django.core.cache.backends.dummy.DummyCache": "it keeps nothing",
}
# Defaults and examples of servers, of their documentation and of this package. A word that may also be the name of a
# real user, such as "test", is only among the secret keys.
WELL_KNOWN_KEYS = frozenset(
    {
        *("ACCESS-KEY", "demonstration"),  # this package: 4.x, docker-compose.yml
        *("minioadmin", "Q3AM3UQ867SPQQA43P2F"),  # MinIO and its playground
        *("AKIAIOSFODNN7EXAMPLE", "ASIAIOSFODNN7EXAMPLE", "AKIAI44QH8DHBEXAMPLE"),  # AWS
        *("some_access_key1", "some_access_key2", "some_access_key3", "any"),  # SeaweedFS
        *("testuser", "myaccess"),  # Versity
        "GK31c2f218a2e44f485b94239e",  # Garage
        "rustfsadmin",  # RustFS
        *("0555b35654ad1656d804", "555b35654ad1656d804"),  # Ceph
        *("accessKey1", "accessKey2"),  # Zenko CloudServer
        "AKIAIOSFOLQUICKSTART",  # lakeFS
        "foobar_key",  # moto
    }
)
WELL_KNOWN_SECRETS = frozenset(
    {
        *("SECRET-KEY", "demonstration-only"),
        *("minioadmin", "minio123", "minio", "zuf+tfteSlswRu7BJ86wekitnifILbZam1KYY3TG"),
        *("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "je7MtGbClwBF/2Zp9Utk/h3yCo8nvbEXAMPLEKEY"),
        *("some_secret_key1", "some_secret_key2", "some_secret_key3", "any"),
        *("secret", "mysecret"),
        "b892c0665f0ada8a4755dae98baa3b133590e11dae3bcc1f9d769d67f16c3835",
        "rustfsadmin",
        "h7GhxuBLTrlhVUyxSPUKUV8r/2EI4ngqJxD7iBdBYLhwluN30JaT3Q==",
        *("verySecretKey1", "verySecretKey2"),
        *("test", "testing", "foobar_secret", "bar"),  # LocalStack, moto, S3Mock
        *("password", "admin", "changeme"),  # as people guess
    }
)
UNVERIFIED = ("CERT_NONE", "NONE", ssl.CERT_NONE)  # values of urllib3's cert_reqs


@register(TAG, Tags.security, deploy=True)
def plain_http_for_browsers(**_: Any) -> Iterator[CheckMessage]:
    """minio.W001: browsers get http URLs."""
    for alias, storage in minio_storages().items():
        public = storage.options.public_base_url or {}
        urls = [storage.base_url_external, *([public] if isinstance(public, str) else public.values())]
        for url in urls:
            if url.startswith("http://"):
                yield Warning(
                    f"STORAGES['{alias}']: browsers load files from {url}, without encryption.",
                    hint="Anyone on the network can read and change them, and https pages do not load them. "
                    "Give the server a certificate and set MINIO_USE_HTTPS, or, if a proxy has the certificate, "
                    "MINIO_EXTERNAL_ENDPOINT and MINIO_EXTERNAL_ENDPOINT_USE_HTTPS (MINIO_PUBLIC_BASE_URL: write "
                    "https://).",
                    id="minio.W001",
                )


@register(TAG, Tags.security, deploy=True)
def plain_http_to_the_server(**_: Any) -> Iterator[CheckMessage]:
    """minio.W002: Django sends http requests to a server outside the private network; browsers use another endpoint."""
    for alias, storage in minio_storages().items():
        if not (storage.same_endpoints or storage.options.use_https or _is_private_host(storage.server_url)):
            yield Warning(
                f"STORAGES['{alias}']: files are sent to {storage.server_url} and read from it without encryption.",
                hint="Set MINIO_USE_HTTPS, or silence this if nobody else is on that network.",
                id="minio.W002",
            )


@register(TAG, Tags.security, deploy=True)
def well_known_credentials(**_: Any) -> Iterator[CheckMessage]:
    """minio.W003: the keys are those of a documentation."""
    for alias, storage in minio_storages().items():
        if storage.options.access_key in WELL_KNOWN_KEYS or storage.options.secret_key in WELL_KNOWN_SECRETS:
            yield Warning(
                f"STORAGES['{alias}']: the keys are a default or an example that everybody knows.",
                hint="Make a user on the server for this site, allow it the site's buckets, and set its keys as "
                "MINIO_ACCESS_KEY and MINIO_SECRET_KEY.",
                id="minio.W003",
            )


@register(TAG, Tags.security, deploy=True)
def unverified_certificates(**_: Any) -> Iterator[CheckMessage]:
    """minio.W009: a connection pool of the project does not verify the server."""
    from .transport.pool import pools_of  # here, as it imports urllib3

    for alias, storage in minio_storages().items():
        client = storage.options.http_client if storage.options.use_https else None
        providers = pools_of(storage.options.credentials)
        for name, pool in (("MINIO_HTTP_CLIENT", client), *(("MINIO_CREDENTIALS", pool) for pool in providers)):
            for reason in _unverified(pool):
                yield Warning(
                    f"STORAGES['{alias}']: the connections of {name} do not verify the server: {reason}.",
                    hint="Anyone on the network can pretend to be the server, read files and change them. Leave this "
                    "out. If your own authority signed the server's certificate, set ca_certs to it, or "
                    "SSL_CERT_FILE without MINIO_HTTP_CLIENT.",
                    id="minio.W009",
                )


@register(TAG, Tags.security, Tags.staticfiles)
def static_bucket_listed_private(**_: Any) -> Iterator[CheckMessage]:
    """minio.W004: a bucket of static files, which is always public, is private in another storage."""
    storages = minio_storages()
    static = {
        (storage.server_url, storage.bucket): alias
        for alias, storage in storages.items()
        if isinstance(storage, MinioBackendStatic)
    }
    for alias, storage in storages.items():
        if isinstance(storage, MinioBackendStatic):  # does not use its default bucket
            listed = storage.options.private_buckets
        else:
            listed = (*storage.PRIVATE_BUCKETS, *([] if storage.is_bucket_public else [storage.bucket]))
        for bucket in dict.fromkeys(listed):
            if owner := static.get((storage.server_url, bucket)):
                yield Warning(
                    f"STORAGES['{alias}']: bucket '{bucket}' is private, but holds the static files of "
                    f"STORAGES['{owner}'], so initialize_buckets makes it public.",
                    hint="Take it out of MINIO_PRIVATE_BUCKETS (and MINIO_DEFAULT_BUCKET); private files "
                    "need another bucket.",
                    id="minio.W004",
                )


@register(TAG, Tags.staticfiles)
def app_order(**_: Any) -> Iterator[CheckMessage]:
    """minio.W005: Django's collectstatic is used, and this app's would be faster."""
    names = [config.name for config in apps.get_app_configs()]
    staticfiles = "django.contrib.staticfiles"
    is_collected = isinstance(minio_storages().get("staticfiles"), MinioBackendStatic) and staticfiles in names
    if is_collected and names.index(staticfiles) < names.index("django_minio_backend"):
        yield Warning(
            "INSTALLED_APPS has django_minio_backend after django.contrib.staticfiles, so that collectstatic "
            "compares and uploads file by file.",
            hint="Put 'django_minio_backend.apps.DjangoMinioBackendConfig' before 'django.contrib.staticfiles'.",
            id="minio.W005",
        )


@register(TAG, Tags.caches)
def url_cache_not_shared(**_: Any) -> Iterator[CheckMessage]:
    """minio.W006: presigned URLs are in a cache that processes do not share."""
    backend = settings.CACHES.get("default", {}).get("BACKEND")
    reason = UNSHARED_CACHES.get(str(backend))
    for alias, storage in minio_storages().items():
        if reason and _caches_urls(storage):
            yield Warning(
                f"STORAGES['{alias}']: MINIO_URL_CACHING_ENABLED is on, but CACHES['default'] is {backend}: {reason}.",
                hint="Use a cache that processes share, such as Redis, Memcached or the database, or turn "
                "MINIO_URL_CACHING_ENABLED off.",
                id="minio.W006",
            )


@register(TAG, Tags.caches)
def url_cache_outlives_urls(**_: Any) -> Iterator[CheckMessage]:
    """minio.W007: presigned URLs expire before their cache entries."""
    for alias, storage in minio_storages().items():
        expiry = storage.options.url_expiry.total_seconds()
        if _caches_urls(storage) and storage.url_cache_timeout >= expiry:
            yield Warning(
                f"STORAGES['{alias}']: MINIO_URL_CACHE_TIMEOUT is {storage.url_cache_timeout} seconds, but URLs "
                f"expire after {expiry:.0f} (MINIO_URL_EXPIRY_HOURS).",
                hint="Leave MINIO_URL_CACHE_TIMEOUT out (it is 80 % of the expiry then), or make it shorter.",
                id="minio.W007",
            )


@register(TAG)
def misspelt_setting(**_: Any) -> Iterator[CheckMessage]:
    """minio.W008: the name of a setting is almost one that is read."""
    names = [name for name, option in FIELDS.items() if option.top_level]
    for name in (name for name in dir(settings) if name.startswith("MINIO_") and name not in OPTION_NAMES):
        for match in get_close_matches(name, names, n=1, cutoff=0.85):
            yield Warning(
                f"The setting {name} is not read; did you mean {match}?",
                hint=f"Rename it, or silence this if it belongs to your project. {match} can also stand in OPTIONS.",
                id="minio.W008",
            )


@register(TAG)
def settings_of_3(**_: Any) -> Iterator[CheckMessage]:
    """minio.W010: the settings are those of 3.x, and no storage uses them."""
    if not minio_storages() and (hint := settings_of_version_3()):
        yield Warning(
            f"No storage in STORAGES is a MinIO storage. {hint}",
            hint="Move them into STORAGES. Each storage has its options there.",
            id="minio.W010",
        )


def _caches_urls(storage: MinioBackend) -> bool:
    """Whether presigned URLs are cached; URLs of static files are not presigned."""
    return storage.url_caching_enabled and not isinstance(storage, MinioBackendStatic)


def _unverified(pool: PoolManager | None) -> Iterator[str]:
    """What a pool does not verify; a known fingerprint is enough."""
    keywords = {} if pool is None else pool.connection_pool_kw
    if keywords.get("assert_fingerprint"):
        return
    context = keywords.get("ssl_context")
    required = keywords.get("cert_reqs")
    if required is None and isinstance(context, ssl.SSLContext):
        required = context.verify_mode
    if required in UNVERIFIED:
        yield "any certificate is accepted (cert_reqs is CERT_NONE)"
    elif keywords.get("assert_hostname") is False:
        yield "a certificate for any host is accepted (assert_hostname is False)"
    elif isinstance(context, ssl.SSLContext) and not context.check_hostname:
        yield "its ssl_context does not compare host names (check_hostname is False)"


def _is_private_host(url: str) -> bool:
    """Whether the host is this machine, a private IP address, or a name of a local network."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return "." not in host
