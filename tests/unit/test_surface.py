"""What users were promised by name is there, with the arguments that they were promised."""

from __future__ import annotations

import importlib
import inspect
from pathlib import Path
from typing import Any

import pytest
from django.apps import AppConfig
from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage import Storage
from django.core.management import get_commands

import django_minio_backend
from django_minio_backend.errors import ConfigurationError
from django_minio_backend.models import MinioBackend, MinioBackendStatic
from django_minio_backend.options.fields import OPTION_NAMES
from django_minio_backend.utils import PrivatePublicMixedError
from tests.support.settings import made_up

PATHS = [
    "django_minio_backend.MinioBackend",
    "django_minio_backend.MinioBackendStatic",
    "django_minio_backend.iso_date_prefix",
    "django_minio_backend.get_iso_date",
    "django_minio_backend.DjangoMinioBackendConfig",
    "django_minio_backend.models.MinioBackend",
    "django_minio_backend.models.MinioBackendStatic",
    "django_minio_backend.models.iso_date_prefix",
    "django_minio_backend.models.get_iso_date",
    "django_minio_backend.apps.DjangoMinioBackendConfig",
    "django_minio_backend.utils.MinioServerStatus",
    "django_minio_backend.utils.ConfigurationError",
    "django_minio_backend.utils.PrivatePublicMixedError",
    "django_minio_backend.utils.get_setting",
    "django_minio_backend.utils.get_storages_setting",
]
PROMISED_OPTIONS = {
    *("MINIO_ENDPOINT", "MINIO_EXTERNAL_ENDPOINT", "MINIO_EXTERNAL_ENDPOINT_USE_HTTPS", "MINIO_ACCESS_KEY"),
    *("MINIO_SECRET_KEY", "MINIO_USE_HTTPS", "MINIO_REGION", "MINIO_PRIVATE_BUCKETS", "MINIO_PUBLIC_BUCKETS"),
    *("MINIO_URL_EXPIRY_HOURS", "MINIO_CONSISTENCY_CHECK_ON_START", "MINIO_POLICY_HOOKS", "MINIO_DEFAULT_BUCKET"),
    *("MINIO_STATIC_FILES_BUCKET", "MINIO_BUCKET_CHECK_ON_SAVE", "MINIO_MULTIPART_UPLOAD"),
    *("MINIO_MULTIPART_THRESHOLD", "MINIO_MULTIPART_PART_SIZE", "MINIO_URL_CACHING_ENABLED"),
    *("MINIO_URL_CACHE_TIMEOUT", "MINIO_URL_CACHE_PREFIX", "MINIO_HTTP_CLIENT", "MINIO_SESSION_TOKEN"),
    *("MINIO_CREDENTIALS", "MINIO_LOCATION", "MINIO_OBJECT_HEADERS", "MINIO_PUBLIC_BASE_URL"),
    *("MINIO_CONDITIONAL_WRITES", "MINIO_VIRTUAL_HOST_STYLE", "MINIO_SLOW_REQUEST_SECONDS"),
    *("replace_existing", "http_client", "metadata", "user_metadata", "headers", "sse", "progress", "tags"),
    *("retention", "legal_hold", "num_parallel_uploads", "num_parallel_downloads", "checksum"),
}
ATTRIBUTES: dict[str, Any] = {
    "bucket": "photos",
    "is_bucket_public": False,
    "PRIVATE_BUCKETS": ["photos"],
    "PUBLIC_BUCKETS": ["leaflets"],
    "HTTP_CLIENT": None,
    "base_url": "http://minio.test:9000",
    "base_url_external": "https://files.test",
    "same_endpoints": False,
    "url_caching_enabled": False,
    "url_cache_timeout": int(7 * 24 * 3600 * 0.8),
    "cache_prefix": "minio_url_",
    "DEFAULT_MEDIA_FILES_BUCKET": "auto-generated-bucket-media-files",
    "DEFAULT_STATIC_FILES_BUCKET": "auto-generated-bucket-static-files",
}
SIGNATURES = {
    "validate_settings": "(self)",
    "stat": "(self, name)",
    "is_minio_available": "(self)",
    "check_bucket_existence": "(self)",
    "check_bucket_existences": "(self, max_workers=None)",
    "set_bucket_policy": "(self, bucket, policy)",
    "set_bucket_to_public": "(self)",
    "delete": "(self, name)",
    "exists": "(self, name)",
    "listdir": "(self, path)",
    "size": "(self, name)",
    "get_modified_time": "(self, name)",
    "get_available_name": "(self, name, max_length=None)",
    "get_alternative_name": "(self, file_root, file_ext)",
    "is_name_available": "(self, name, max_length=None)",
    "generate_filename": "(self, filename)",
    "get_valid_name": "(self, name)",
    "save": "(self, name, content, max_length=None)",
}


@pytest.fixture
def storage() -> MinioBackend:
    return MinioBackend(
        **made_up(
            MINIO_EXTERNAL_ENDPOINT="files.test",
            MINIO_EXTERNAL_ENDPOINT_USE_HTTPS=True,
            MINIO_DEFAULT_BUCKET="photos",
            MINIO_PUBLIC_BUCKETS=["leaflets"],
        )
    )


def signature(function: Any) -> str:
    """Names and defaults of a function's arguments; what is keyword-only may be added to a promise."""
    kinds: dict[object, str] = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}
    parameters = inspect.signature(function).parameters.values()
    shown = [
        f"{kinds.get(one.kind, '')}{one.name}" + ("" if one.default is one.empty else f"={one.default!r}")
        for one in parameters
        if one.kind is not inspect.Parameter.KEYWORD_ONLY
    ]
    return f"({', '.join(shown)})"


@pytest.mark.parametrize("path", PATHS)
def test_a_promised_dotted_path_is_there(path: str) -> None:
    module, _, name = path.rpartition(".")
    assert getattr(importlib.import_module(module), name).__name__ == name


def test_both_paths_lead_to_one_class() -> None:
    assert django_minio_backend.MinioBackend is MinioBackend
    assert django_minio_backend.MinioBackendStatic is MinioBackendStatic


def test_the_classes_are_what_django_expects() -> None:
    assert issubclass(MinioBackend, Storage)
    assert issubclass(MinioBackendStatic, MinioBackend)
    assert issubclass(django_minio_backend.DjangoMinioBackendConfig, AppConfig)
    assert issubclass(ConfigurationError, ImproperlyConfigured)
    assert issubclass(PrivatePublicMixedError, ConfigurationError)


@pytest.mark.parametrize("name", sorted(PROMISED_OPTIONS))
def test_a_promised_option_is_known(name: str) -> None:
    assert name in OPTION_NAMES


@pytest.mark.parametrize("command", ["initialize_buckets", "is_minio_available", "clean_orphaned_minio_files"])
def test_a_promised_command_is_there(command: str) -> None:
    assert get_commands()[command] == "django_minio_backend"


@pytest.mark.parametrize(("name", "value"), ATTRIBUTES.items())
def test_a_storage_has_the_promised_attribute(storage: MinioBackend, name: str, value: object) -> None:
    assert getattr(storage, name) == value


def test_the_constructor_takes_bucket_and_alias_by_position() -> None:
    assert signature(MinioBackend) == "(bucket_name='', storage_name='default', *args, **options)"


@pytest.mark.parametrize(("method", "promised"), SIGNATURES.items())
def test_a_method_has_the_promised_signature(method: str, promised: str) -> None:
    assert signature(getattr(MinioBackend, method)) == promised


def test_open_takes_a_name_and_a_mode_by_position() -> None:
    assert signature(MinioBackend.open).startswith("(self, name, mode='rb'")


def test_url_takes_a_name_by_position() -> None:
    assert signature(MinioBackend.url) == "(self, name)"


def test_the_clients_are_the_sdks(storage: MinioBackend) -> None:
    from minio import Minio

    assert isinstance(storage.client, Minio)
    assert isinstance(storage.client_external, Minio)
    assert storage.client is not storage.client_external


def test_storages_of_one_server_share_a_client() -> None:
    assert MinioBackend("one", **made_up()).client is MinioBackend("two", **made_up()).client


@pytest.mark.parametrize("method", ["path", "get_accessed_time", "get_created_time"])
def test_what_objects_do_not_have_is_not_implemented(storage: MinioBackend, method: str) -> None:
    with pytest.raises(NotImplementedError):
        getattr(storage, method)("name")


def test_the_lists_of_buckets_are_the_callers_own(storage: MinioBackend) -> None:
    storage.PRIVATE_BUCKETS.clear()
    storage.PUBLIC_BUCKETS.clear()
    assert (storage.PRIVATE_BUCKETS, storage.PUBLIC_BUCKETS) == (["photos"], ["leaflets"])


def test_types_are_published_to_type_checkers() -> None:
    assert (Path(django_minio_backend.__file__).parent / "py.typed").exists()


def test_a_third_positional_argument_is_refused() -> None:
    with pytest.raises(TypeError, match="bucket_name and storage_name"):
        MinioBackend("photos", "default", "surprise")
