"""The package stays small in its parts: rooms, modules, classes and functions."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

import pytest

import django_minio_backend

ROOT = Path(django_minio_backend.__file__).parent
PATHS = {str(path.relative_to(ROOT)): path for path in sorted(ROOT.rglob("*.py"))}
AT_THE_ROOT, IN_A_ROOM = 14, 8  # modules
MODULE, CLASS, FUNCTION = 300, 250, 40  # lines; of a function without its docstring


def lines_of(node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    lines = (node.end_lineno or 0) - node.lineno + 1
    first = node.body[0]
    if isinstance(node, ast.ClassDef) or ast.get_docstring(node) is None:
        return lines
    return lines - ((first.end_lineno or 0) - first.lineno + 1)


def test_a_room_has_few_modules() -> None:
    modules = Counter(path.parent for path in PATHS.values() if path.name != "__init__.py" or path.parent == ROOT)
    assert modules.pop(ROOT) <= AT_THE_ROOT
    assert [(room.name, count) for room, count in modules.items() if count > IN_A_ROOM] == []


@pytest.mark.parametrize("module", PATHS)
def test_a_module_and_its_parts_are_short(module: str) -> None:
    text = PATHS[module].read_text()
    assert text.count("\n") <= MODULE
    limits = {ast.ClassDef: CLASS, ast.FunctionDef: FUNCTION, ast.AsyncFunctionDef: FUNCTION}
    nodes = [node for node in ast.walk(ast.parse(text)) if isinstance(node, tuple(limits))]
    assert [node.name for node in nodes if lines_of(node) > limits[type(node)]] == []  # type: ignore[attr-defined,arg-type]
