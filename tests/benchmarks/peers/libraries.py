"""The libraries that are compared: what is installed, and how a site configures them for a private bucket."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.support.environments import ROOT, make_environment
from tests.support.server_options import options_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from tools.servers import Server

    Entry = dict[str, Any]

FOLDER = ROOT / ".cache" / "peers"
SDK = "minio==7.2.20"
OURS, PREDECESSOR = "ours", "predecessor"
READ_ONLY = {"write": "its files are opened for reading only"}


class Configuration(NamedTuple):
    """How a site uses a library: its entries of STORAGES, its apps and other settings."""

    default: Entry
    staticfiles: Entry
    apps: list[str]
    more: dict[str, Any]

    def site(self) -> dict[str, Any]:
        """Settings of a site that has nothing but this library."""
        storages = {"default": self.default, "staticfiles": self.staticfiles}
        return {"INSTALLED_APPS": self.apps, "STORAGES": storages, **self.more}


@dataclass(frozen=True)
class Library:
    """One library.

    Attributes:
        key: Its name in `LIBRARIES` and the name of its environment.
        title: Its name for readers.
        distribution: Its name for pip.
        requirements: What pip installs, with the pins of constraints-guides.txt.
        sdk: The distribution by which it talks to the server.
        configure: Returns the configuration from the server and the names of the buckets of media and static files.
        settings: What is set besides endpoint, keys, region and buckets, in words.
        hashed: The storage of hashed static files; empty if there is none that works without a manifest.
        lacks: Operations that it does not have, each with the reason.
    """

    key: str
    title: str
    distribution: str
    requirements: tuple[str, ...]
    sdk: str
    configure: Callable[[Server, str, str], Configuration]
    settings: str = "nothing more"
    hashed: str = ""
    lacks: Mapping[str, str] = field(default_factory=dict)

    def python(self) -> Path:
        """The interpreter of its environment, which is made when first needed."""
        return make_environment(FOLDER / self.key, self.requirements)


def _url(server: Server) -> str:
    return f"{'https' if server.secure else 'http'}://{server.endpoint}"


def _ours(server: Server, media: str, static: str) -> Configuration:
    options, package = options_of(server), "django_minio_backend"
    return Configuration(
        {"BACKEND": f"{package}.models.MinioBackend", "OPTIONS": {**options, "MINIO_DEFAULT_BUCKET": media}},
        {
            "BACKEND": f"{package}.models.MinioBackendStatic",
            "OPTIONS": {**options, "MINIO_STATIC_FILES_BUCKET": static},
        },
        [f"{package}.apps.DjangoMinioBackendConfig"],
        {},
    )


def _predecessor(server: Server, media: str, static: str) -> Configuration:
    configuration = _ours(server, media, static)
    configuration.default["OPTIONS"]["MINIO_PRIVATE_BUCKETS"] = [media]
    return configuration


def _django_storages(server: Server, media: str, static: str) -> Configuration:
    options = {
        "access_key": server.access_key,
        "secret_key": server.secret_key,
        "endpoint_url": _url(server),
        "region_name": server.region,
        "signature_version": "s3v4",
    }
    module = "storages.backends.s3"
    return Configuration(
        {"BACKEND": f"{module}.S3Storage", "OPTIONS": {**options, "bucket_name": media, "file_overwrite": False}},
        {"BACKEND": f"{module}.S3StaticStorage", "OPTIONS": {**options, "bucket_name": static}},
        ["storages"],
        {},
    )


def _django_s3_storage(server: Server, media: str, static: str) -> Configuration:
    options = {
        "aws_region": server.region,
        "aws_access_key_id": server.access_key,
        "aws_secret_access_key": server.secret_key,
        "aws_s3_endpoint_url": _url(server),
    }
    module = "django_s3_storage.storage"
    return Configuration(
        {"BACKEND": f"{module}.S3Storage", "OPTIONS": {**options, "aws_s3_bucket_name": media}},
        {"BACKEND": f"{module}.StaticS3Storage", "OPTIONS": {**options, "aws_s3_bucket_name": static}},
        ["django_s3_storage"],
        {},
    )


def _django_minio_storage(server: Server, media: str, static: str) -> Configuration:
    return Configuration(
        {"BACKEND": "minio_storage.storage.MinioMediaStorage"},
        {"BACKEND": "minio_storage.storage.MinioStaticStorage"},
        ["minio_storage"],
        {
            "MINIO_STORAGE_ENDPOINT": server.endpoint,
            "MINIO_STORAGE_ACCESS_KEY": server.access_key,
            "MINIO_STORAGE_SECRET_KEY": server.secret_key,
            "MINIO_STORAGE_USE_HTTPS": server.secure,
            "MINIO_STORAGE_REGION": server.region,
            "MINIO_STORAGE_MEDIA_BUCKET_NAME": media,
            "MINIO_STORAGE_MEDIA_USE_PRESIGNED": True,
            "MINIO_STORAGE_STATIC_BUCKET_NAME": static,
        },
    )


LIBRARIES = {
    library.key: library
    for library in (
        Library(
            OURS,
            "django-minio-backend",
            "django-minio-backend",
            ("--editable", str(ROOT), SDK),
            "minio",
            _ours,
            hashed="django_minio_backend.models.MinioManifestStaticStorage",
        ),
        Library(
            PREDECESSOR,
            "django-minio-backend 4",
            "django-minio-backend",
            ("django-minio-backend==4.4.4",),
            "minio",
            _predecessor,
            "`MINIO_PRIVATE_BUCKETS` with the bucket of media files",
            lacks=READ_ONLY,
        ),
        Library(
            "django-storages",
            "django-storages",
            "django-storages",
            ("django-storages[s3]", "Django"),
            "boto3",
            _django_storages,
            "`file_overwrite = False`, so that a save replaces no other file, which is the default of all others; "
            '`signature_version = "s3v4"`, which its documentation recommends',
            hashed="storages.backends.s3.S3ManifestStaticStorage",
        ),
        Library(
            "django-s3-storage",
            "django-s3-storage",
            "django-s3-storage",
            ("django-s3-storage", "Django"),
            "boto3",
            _django_s3_storage,
            hashed="django_s3_storage.storage.ManifestStaticS3Storage",
            lacks=READ_ONLY,
        ),
        Library(
            "django-minio-storage",
            "django-minio-storage",
            "django-minio-storage",
            ("django-minio-storage", "Django", SDK),
            "minio",
            _django_minio_storage,
            "`MINIO_STORAGE_MEDIA_USE_PRESIGNED = True`, as files are private",
            lacks=READ_ONLY,
        ),
    )
}
