"""Imports go downward only, there are no cycles, and the minio SDK stays out until it is needed."""

from __future__ import annotations

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest
from urllib3.exceptions import SSLError

import django_minio_backend
from django_minio_backend import errors
from tests.support.processes import run_python

PACKAGE = "django_minio_backend"
ROOT = Path(django_minio_backend.__file__).parent

# A room may import the rooms before it, those to the left of it in its own row too. So there can be no cycle of rooms.
LAYERS = """
certificate_errors errors requesters signals
redaction sockets transport options
signing
s3
files reading object_urls
direct_uploads health buckets
identity base save_attempt storage
staticfiles aliases orphans serving
checks apps management instrumentation
s3_requests memory_s3 testing
models utils __init__
"""
RANKS = {room: rank for rank, room in enumerate(LAYERS.split())}
SDK_ROOMS = {"certificate_errors", "sockets", "transport", "s3"}  # these import minio and urllib3
LATE = ("minio", "urllib3", "certifi")  # what Django's start does without; most of its time would be theirs


SET_UP = """
import django
django.setup()
from django.core.files.storage import storages
assert type(storages["default"]).__name__ == "MinioBackend"
assert type(storages["staticfiles"]).__name__ == "MinioBackendStatic"
"""


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


ROOMS = {module_of(path) for path in ROOT.glob("*/**/__init__.py")}  # what these import is relative to themselves
SOURCES = {module_of(path): path.read_text() for path in sorted(ROOT.rglob("*.py"))}


class Imports(ast.NodeVisitor):
    """Collects what a module's source imports.

    Attributes:
        at_runtime: full names of what is imported with the module itself.
        anywhere: those, what its functions import, and what only its types need.
    """

    def __init__(self, module: str, source: str) -> None:
        self._package = f"{PACKAGE}.{module}" if module in ROOMS else parent(f"{PACKAGE}.{module}")
        self._late = 0
        self.at_runtime: set[str] = set()
        self.anywhere: set[str] = set()
        self.visit(ast.parse(source))

    def visit_If(self, node: ast.If) -> None:
        only_for_types = ast.unparse(node.test).endswith("TYPE_CHECKING")
        self._late += only_for_types
        for child in node.body:
            self.visit(child)
        self._late -= only_for_types
        for child in node.orelse:
            self.visit(child)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._late += 1
        self.generic_visit(node)
        self._late -= 1

    def visit_Import(self, node: ast.Import) -> None:
        self._add(*(name.name for name in node.names))

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        base = node.module or ""
        if node.level:
            package = self._package.rsplit(".", node.level - 1)[0]
            base = f"{package}.{base}".rstrip(".")
        self._add(*(f"{base}.{name.name}" for name in node.names))

    def _add(self, *names: str) -> None:
        self.anywhere.update(names)
        if not self._late:
            self.at_runtime.update(names)

    def own(self) -> set[str]:
        """Modules of this package among all that is imported."""
        inside = {name.removeprefix(f"{PACKAGE}.") for name in self.anywhere if name.startswith(f"{PACKAGE}.")}
        return {name if name in SOURCES else parent(name) or "__init__" for name in inside}


def parent(name: str) -> str:
    return name.rpartition(".")[0]


def room_of(module: str) -> str:
    return module.partition(".")[0]


def is_below(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


def test_every_room_has_a_layer() -> None:
    assert {room_of(module) for module in SOURCES} == set(RANKS)


@pytest.mark.parametrize("module", SOURCES)
def test_a_module_imports_from_its_own_room_and_those_below(module: str) -> None:
    rooms = {room_of(other) for other in Imports(module, SOURCES[module]).own()} - {room_of(module)}
    assert not {room for room in rooms if RANKS[room] >= RANKS[room_of(module)]}


@pytest.mark.parametrize("room", RANKS)
def test_modules_of_a_room_do_not_import_each_other_in_a_circle(room: str) -> None:
    graph = {module: Imports(module, text).own() for module, text in SOURCES.items() if room_of(module) == room}
    TopologicalSorter(graph).prepare()  # raises CycleError


@pytest.mark.parametrize("module", SOURCES)
def test_the_sdk_and_urllib3_are_imported_with_the_rooms_of_connections_only(module: str) -> None:
    if room_of(module) not in SDK_ROOMS:
        imported = Imports(module, SOURCES[module]).at_runtime
        assert not [name for name in imported for package in LATE if is_below(name, package)]


def test_an_error_of_urllib3s_is_imported_from_where_all_errors_are() -> None:
    from django_minio_backend.errors import CertificateError

    assert issubclass(CertificateError, SSLError)
    with pytest.raises(AttributeError, match="has no attribute 'CertificateEror'"):
        errors.CertificateEror  # noqa: B018 - the attribute is what is tried


def test_the_reading_of_imports_knows_all_their_forms() -> None:
    source = """
from typing import TYPE_CHECKING
import minio.error
from .files import keys, upload
from .s3.client import S3Client
from django_minio_backend.errors import CleaningError
if TYPE_CHECKING:
    from .orphans.scope import Place
else:
    from .reading.reader import ObjectReader
def function():
    from .s3.registry import client_for
"""
    imports = Imports("storage", source)
    modules = {"files.keys", "files.upload", "s3.client", "errors", "reading.reader", "orphans.scope", "s3.registry"}
    assert imports.own() == modules
    assert "minio.error" in imports.at_runtime
    assert imports.anywhere - imports.at_runtime == {
        "django_minio_backend.s3.registry.client_for",
        "django_minio_backend.orphans.scope.Place",
    }
    assert Imports("management.commands.x", "from ...orphans.deletion import delete").own() == {"orphans.deletion"}
    assert Imports("__init__", "from .storage import MinioBackend").own() == {"storage"}


# What Django's start loads; everything else waits for the first request or signature.
LOADED_AT_START = {
    *("apps", "models", "errors", "checks", "aliases", "base", "save_attempt", "storage"),
    *("options.endpoints", "options.fields", "options.hiding", "options.names", "options.reading"),
    *("options.resolution", "options.subclassing", "options.validators"),
    *("redaction.secret_values", "transport.headers", "transport.limits", "files.keys"),
    *("staticfiles.current_run", "staticfiles.storage"),
}


@pytest.mark.parametrize(
    "script",
    [
        pytest.param("import django_minio_backend", id="the package"),
        pytest.param("import django_minio_backend.models, django_minio_backend.utils", id="its public modules"),
        pytest.param(SET_UP, id="the start of Django"),
    ],
)
def test_neither_the_sdk_nor_urllib3_is_imported_before_a_client_is_used(script: str) -> None:
    script = f"{script}\nimport sys; print([name for name in sys.modules if name.startswith({LATE!r})])"
    run = run_python("-c", script, environment={"DJANGO_SETTINGS_MODULE": "tests.settings"})
    assert (run.stdout, run.returncode) == ("[]\n", 0), run.stderr


def test_the_start_of_django_loads_few_modules() -> None:
    script = f"{SET_UP}\nimport sys; print(*(name for name in sys.modules if name.startswith('{PACKAGE}.')))"
    run = run_python("-c", script, environment={"DJANGO_SETTINGS_MODULE": "tests.settings"})
    loaded = {name.removeprefix(f"{PACKAGE}.") for name in run.stdout.split()}
    assert loaded - {room_of(name) for name in loaded if "." in name} == LOADED_AT_START, run.stderr


def test_the_package_is_imported_without_configured_settings() -> None:
    run = run_python("-c", "import django_minio_backend; print(django_minio_backend.MinioBackend.__name__)")
    assert run.stdout == "MinioBackend\n", run.stderr
