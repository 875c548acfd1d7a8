"""Imports go downward only, there are no cycles, and the minio SDK stays out until it is needed."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest
from urllib3.exceptions import SSLError

import django_minio_backend
from django_minio_backend import errors

PACKAGE = "django_minio_backend"
ROOT = Path(django_minio_backend.__file__).parent

# A module may import what stands before it, in its own row too. So there can be no cycle.
LAYERS: tuple[tuple[str, ...], ...] = (
    (
        *("certificate_errors", "errors", "escaping", "whole_heads", "heads", "headers", "signals", "secret_values"),
        *("frame_locals", "request_words", "redirects", "certificates", "echoes", "guarded_pool"),
    ),
    ("option_values", "options", "other_libraries", "subclassing", "option_reading"),
    ("failures", "credentials", "s3", "clients"),
    ("dates", "checksums", "names", "sources", "readers", "uploads", "writers", "files"),
    ("quoting", "signing", "response_headers", "url_cache", "object_urls", "presigned_uploads"),
    ("answers", "exposure", "deadlines", "refusals", "buckets", "trials", "health"),
    ("listings", "bulk", "parallel_listing", "difference"),
    ("folders", "compression", "static_comparison", "parallel_uploads", "progress"),
    (
        "saving",
        "configured_storage",
        "bucket_storage",
        "addressed_storage",
        "storage",
        "current_run",
        "collecting",
        "static",
        "static_manifest",
    ),
    ("configured", "checks", "row_files", "references", "choosing", "initialization", "diagnosis"),
    ("places", "comparison", "orphans"),
    (
        "apps",
        "management",
        "management.escaped_output",
        "management.cleaning_report",
        "management.commands",
        "management.commands.clean_orphaned_minio_files",
        "management.commands.collectstatic",
        "management.commands.initialize_buckets",
        "management.commands.is_minio_available",
    ),
    ("", "models", "utils"),  # "" is __init__.py
)
RANKS = {module: rank for rank, module in enumerate(module for layer in LAYERS for module in layer)}
COMMANDS = [module for module in RANKS if module.startswith("management.commands.")]
SDK_ROOMS = {"failures", "credentials", "s3", "clients"}
LATE = ("minio", "urllib3", "certifi")  # what Django's start does without; most of its time would be theirs


SET_UP = """
import django
django.setup()
from django.core.files.storage import storages
assert type(storages["default"]).__name__ == "MinioBackend"
assert type(storages["staticfiles"]).__name__ == "MinioBackendStatic"
"""


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


SOURCES = {module_of(path): path.read_text() for path in sorted(ROOT.rglob("*.py"))}


class Imports(ast.NodeVisitor):
    """Collects what a module's source imports; TYPE_CHECKING blocks are left out.

    Attributes:
        at_module_level: full names of what is imported when the module is.
        anywhere: those, and what its functions import.
    """

    def __init__(self, module: str, source: str) -> None:
        self._package = f"{PACKAGE}.{module}".strip(".") if is_package(module) else parent(f"{PACKAGE}.{module}")
        self._depth = 0
        self.at_module_level: set[str] = set()
        self.anywhere: set[str] = set()
        self.visit(ast.parse(source))

    def visit_If(self, node: ast.If) -> None:
        for child in node.orelse if ast.unparse(node.test).endswith("TYPE_CHECKING") else [node.test, *node.body]:
            self.visit(child)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._depth += 1
        self.generic_visit(node)
        self._depth -= 1

    def visit_Import(self, node: ast.Import) -> None:
        for name in node.names:
            self._add(name.name)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        base = node.module or ""
        if node.level:
            package = self._package.rsplit(".", node.level - 1)[0]
            base = f"{package}.{base}".rstrip(".")
        for name in node.names:
            self._add(f"{base}.{name.name}")

    def _add(self, name: str) -> None:
        self.anywhere.add(name)
        if not self._depth:
            self.at_module_level.add(name)

    def own_modules(self) -> set[str]:
        """Modules of this package among all that is imported."""
        inside = {name.removeprefix(PACKAGE).strip(".") for name in self.anywhere if is_below(name, PACKAGE)}
        return {name if name in RANKS else parent(name) for name in inside}


def is_package(module: str) -> bool:
    return (ROOT / module.replace(".", "/") / "__init__.py").exists()


def parent(name: str) -> str:
    return name.rpartition(".")[0]


def is_below(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


def test_every_module_has_a_place_in_the_table() -> None:
    assert set(SOURCES) == set(RANKS)


@pytest.mark.parametrize("module", SOURCES)
def test_a_module_imports_only_what_lies_below_it(module: str) -> None:
    upward = {other for other in Imports(module, SOURCES[module]).own_modules() if RANKS[other] >= RANKS[module]}
    assert not upward


@pytest.mark.parametrize("module", SOURCES)
def test_only_the_rooms_of_clients_import_the_sdk_with_themselves(module: str) -> None:
    imported = any(is_below(name, "minio") for name in Imports(module, SOURCES[module]).at_module_level)
    assert imported == (module in SDK_ROOMS)


@pytest.mark.parametrize("module", [module for module in SOURCES if module not in SDK_ROOMS])
def test_nobody_imports_the_rooms_of_clients_at_module_level(module: str) -> None:
    names = Imports(module, SOURCES[module]).at_module_level
    assert not [name for name in names for room in SDK_ROOMS if is_below(name, f"{PACKAGE}.{room}")]


def test_an_error_of_urllib3s_is_imported_from_where_all_errors_are() -> None:
    from django_minio_backend.errors import CertificateError

    assert issubclass(CertificateError, SSLError)
    with pytest.raises(AttributeError, match="has no attribute 'CertificateEror'"):
        errors.CertificateEror  # noqa: B018 - the attribute is what is tried


@pytest.mark.parametrize("command", COMMANDS)
def test_no_room_imports_a_command(command: str) -> None:
    assert not [module for module, text in SOURCES.items() if command in Imports(module, text).own_modules()]


def test_the_reading_of_imports_knows_all_their_forms() -> None:
    source = """
from typing import TYPE_CHECKING
import minio.error
from . import names, uploads
from .s3 import S3Client
from django_minio_backend.errors import CleaningError
if TYPE_CHECKING:
    from .places import Place
else:
    from .readers import ObjectReader
def function():
    from .clients import client_for
"""
    imports = Imports("storage", source)
    assert imports.own_modules() == {"names", "uploads", "s3", "errors", "readers", "clients"}
    assert "minio.error" in imports.at_module_level
    assert imports.anywhere - imports.at_module_level == {"django_minio_backend.s3.registry.client_for"}
    assert Imports("management.commands.x", "from ...orphans import delete").own_modules() == {"orphans"}
    assert Imports("", "from .storage import MinioBackend").own_modules() == {"storage"}


@pytest.mark.parametrize(
    "script",
    [
        "import django_minio_backend",
        "import django_minio_backend.models, django_minio_backend.utils, django_minio_backend.apps",
        SET_UP,
    ],
)
def test_neither_the_sdk_nor_urllib3_is_imported_before_a_client_is_used(script: str) -> None:
    told = subprocess.run(
        [
            sys.executable,
            "-c",
            f"{script}\nimport sys; print([name for name in sys.modules if name.startswith({LATE!r})])",
        ],
        cwd=ROOT.parent,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (told.stdout, told.returncode) == ("[]\n", 0), told.stderr


def test_the_package_is_imported_without_configured_settings() -> None:
    environment = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    told = subprocess.run(
        [sys.executable, "-c", "import django_minio_backend; print(django_minio_backend.MinioBackend.__name__)"],
        cwd=ROOT.parent,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.stdout == "MinioBackend\n", told.stderr
