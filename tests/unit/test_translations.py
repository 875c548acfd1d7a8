"""Every message for the users of a site is translated to the languages that the package ships."""

from __future__ import annotations

import ast
import gettext
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import django_minio_backend

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(django_minio_backend.__file__).parent
LANGUAGES = [path.name for path in sorted((ROOT / "locale").iterdir())]
FUNCTIONS = {"_": 1, "pgettext": 2}


def messages(source: str) -> Iterator[tuple[str, ...]]:
    """What a module's source has translated: the texts, each after its context, if any."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in FUNCTIONS:
            texts = [ast.literal_eval(argument) for argument in node.args]
            if len(texts) == FUNCTIONS[node.func.id]:
                yield tuple(texts)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_message_is_translated_and_the_catalogue_compiled(language: str) -> None:
    catalogue = gettext.translation("django", ROOT / "locale", [language])
    found = {texts for path in ROOT.rglob("*.py") for texts in messages(path.read_text())}
    assert len(found) > 20
    missing = []
    for texts in found:
        translated = catalogue.gettext(*texts) if len(texts) == 1 else catalogue.pgettext(*texts)
        if translated == texts[-1]:
            missing.append(texts)
    assert not missing, "add them to django.po and run: msgfmt -o django.mo django.po"
