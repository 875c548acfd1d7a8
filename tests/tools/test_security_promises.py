"""SECURITY.md and tests/security: every promise names a test, and every test belongs to exactly one promise."""

from __future__ import annotations

import ast
import re
from collections import Counter
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
ROOM = "tests/security/"
TABLE = re.compile(r"^\| Promise \| Test \|\n\| --- \| --- \|\n((?:\|.*\n)*)", re.MULTILINE)
ROW = re.compile(r"\| (?P<promise>[A-Z`].*\.) \| \[`(?P<test>[^`]+)`\]\((?P<link>[^)]+)\) \|")


class Promise(NamedTuple):
    """A row of the table: a sentence, and the file, class or function that tests it, as pytest names them."""

    text: str
    test: str


def promises_of(document: str) -> list[Promise]:
    """Read the table.

    Raises:
        ValueError: there is not one table, or a row is not as the others.
    """
    (table,) = TABLE.findall(document)
    promises = []
    for line in table.splitlines():
        row = ROW.fullmatch(line)
        if row is None or row["link"] != row["test"].partition("::")[0]:
            raise ValueError(f"This is no row | Promise. | [`path::name`](path) |: {line}")
        promises.append(Promise(row["promise"], row["test"]))
    return promises


def covers(test: str, node: str) -> bool:
    """Whether a row that names `test` stands for this test function."""
    return node == test or node.startswith(f"{test}::")


@cache
def functions_in(path: Path) -> frozenset[str]:
    """The test functions of a file, those of a class as Class::function."""
    names: set[str] = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef) and node.name.startswith("Test"):
            inner = [child.name for child in node.body if isinstance(child, ast.FunctionDef)]
            names |= {f"{node.name}::{name}" for name in inner if name.startswith("test")}
        elif isinstance(node, ast.FunctionDef) and node.name.startswith("test"):
            names.add(node.name)
    return frozenset(names)


def problems(promises: list[Promise], root: Path) -> list[str]:
    """What is wrong between the promises and the tests below `root`."""
    wrong = [f"twice: {text}" for text, count in Counter(promise.text for promise in promises).items() if count > 1]
    files = {file.relative_to(root).as_posix(): file for file in (root / ROOM).rglob("test_*.py")}
    nodes = {f"{name}::{test}" for name, file in files.items() for test in functions_in(file)}
    for promise in promises:
        path = promise.test.partition("::")[0]
        known = {f"{path}::{test}" for test in functions_in(root / path)} if (root / path).is_file() else set()
        if not any(covers(promise.test, node) for node in known):
            wrong.append(f"no such test: {promise.test}")
    for node in sorted(nodes):
        rows = [promise.test for promise in promises if covers(promise.test, node)]
        if len(rows) != 1:
            wrong.append(f"{node} belongs to {len(rows)} promises: {rows}")
    return wrong


def test_every_promise_has_its_test_and_every_test_its_promise() -> None:
    promises = promises_of((ROOT / "SECURITY.md").read_text(encoding="utf-8"))
    assert promises
    assert problems(promises, ROOT) == []


# The check itself finds what is wrong


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with two tests, and a class with one more."""
    room = tmp_path / ROOM
    room.mkdir(parents=True)
    (room / "test_doors.py").write_text(
        "def test_a_door_is_shut(): ...\ndef helper(): ...\nclass TestKeys:\n    def test_a_key_fits(self): ...\n"
    )
    (room / "test_walls.py").write_text("def test_a_wall_stands(): ...\n")
    return tmp_path


DOORS, WALLS = f"{ROOM}test_doors.py", f"{ROOM}test_walls.py"


@pytest.mark.parametrize(
    "tests",
    [(DOORS, WALLS), (f"{DOORS}::test_a_door_is_shut", f"{DOORS}::TestKeys", f"{WALLS}::test_a_wall_stands")],
    ids=["files", "functions-and-classes"],
)
def test_one_row_for_each_test_is_right(project: Path, tests: tuple[str, ...]) -> None:
    assert problems([Promise(f"Promise {test}.", test) for test in tests], project) == []


@pytest.mark.parametrize(
    ("tests", "problem"),
    [
        ((DOORS,), f"{WALLS}::test_a_wall_stands belongs to 0 promises: []"),
        ((DOORS, WALLS, f"{DOORS}::TestKeys"), f"{DOORS}::TestKeys::test_a_key_fits belongs to 2 promises"),
        ((DOORS, WALLS, WALLS), f"{WALLS}::test_a_wall_stands belongs to 2 promises"),
        ((DOORS, WALLS, f"{WALLS}::test_gone"), f"no such test: {WALLS}::test_gone"),
        ((DOORS, WALLS, f"{DOORS}::helper"), f"no such test: {DOORS}::helper"),
        ((DOORS, WALLS, f"{ROOM}test_gone.py"), f"no such test: {ROOM}test_gone.py"),
        ((DOORS, WALLS, f"{ROOM}test_doo"), f"no such test: {ROOM}test_doo"),
    ],
    ids=["no-row", "class-twice", "file-twice", "no-function", "no-test", "no-file", "half-a-name"],
)
def test_a_row_too_few_or_too_many_is_found(project: Path, tests: tuple[str, ...], problem: str) -> None:
    promises = [Promise(f"Promise {number}.", test) for number, test in enumerate(tests)]
    assert any(found.startswith(problem) for found in problems(promises, project))


def test_a_promise_that_is_made_twice_is_found(project: Path) -> None:
    assert problems([Promise("The same.", DOORS), Promise("The same.", WALLS)], project) == ["twice: The same."]


@pytest.mark.parametrize(
    "row",
    [
        "| A promise. | `tests/security/test_a.py` |",
        "| A promise. | [`tests/security/test_a.py`](tests/security/test_b.py) |",
        "| no sentence | [`tests/security/test_a.py`](tests/security/test_a.py) |",
        "| | |",
    ],
    ids=["no-link", "another-link", "no-sentence", "empty"],
)
def test_a_row_of_another_form_is_refused(row: str) -> None:
    with pytest.raises(ValueError, match="This is no row"):
        promises_of(f"| Promise | Test |\n| --- | --- |\n{row}\n")
