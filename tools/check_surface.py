"""Import every dotted path that users were promised from the installed package, and see that the SDK stays out.

Run by path with `python -I`, so that the repository is not on sys.path: `python -I tools/check_surface.py`.
"""

from __future__ import annotations

import importlib
import sys

STORAGES = ("MinioBackend", "MinioBackendStatic", "iso_date_prefix", "get_iso_date")
SURFACE = {
    "django_minio_backend": (*STORAGES, "DjangoMinioBackendConfig"),
    "django_minio_backend.models": STORAGES,
    "django_minio_backend.apps": ("DjangoMinioBackendConfig",),
    "django_minio_backend.utils": (
        "MinioServerStatus",
        "ConfigurationError",
        "PrivatePublicMixedError",
        "get_setting",
        "get_storages_setting",
    ),
    "django_minio_backend.signals": ("collect_references",),
    "django_minio_backend.serving": ("ServeFileView", "ServeFileMixin", "serve"),
    "django_minio_backend.instrumentation": (
        "ServerTimingMiddleware",
        "StorageRequest",
        "StorageRequests",
        "storage_health",
        "storage_requests",
    ),
    "django_minio_backend.testing": (
        "MemoryBucket",
        "MemoryMinio",
        "MemoryMinioMixin",
        "assert_storage_requests",
        "memory_minio",
    ),
}
COMMANDS = ("initialize_buckets", "is_minio_available", "clean_orphaned_minio_files")


def problems() -> list[str]:
    """Return what is missing or imported too early, one line each."""
    found = []
    for path, names in SURFACE.items():
        module = importlib.import_module(path)
        found += [f"{path}.{name} is missing" for name in names if not hasattr(module, name)]
    if "minio" in sys.modules:  # a command may import it: Django imports a command's module only to run it
        found.append("importing the package has imported the minio SDK")
    for command in COMMANDS:
        module = importlib.import_module(f"django_minio_backend.management.commands.{command}")
        if not hasattr(module, "Command"):
            found.append(f"the command {command} is missing")
    file = sys.modules["django_minio_backend"].__file__ or ""
    if not file.startswith(sys.prefix):
        found.append(f"{file} is not the installed package")
    return found


if __name__ == "__main__":
    if lines := problems():
        sys.exit("\n".join(lines))
    print("every promised path is there; the minio SDK was not imported")
