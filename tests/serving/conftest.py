from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.core.files.base import ContentFile
from django.test import Client

from tests.app.models import Document
from tests.support.settings import default_site

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from django_minio_backend.models import MinioBackend


@pytest.fixture
def site(minio_options: dict[str, Any], settings: Any) -> Iterator[MinioBackend]:
    """The test site; its default storage."""
    with default_site(settings, "tests.serving.site", minio_options) as storage:
        yield storage


@pytest.fixture
def make_document(site: MinioBackend, db: None) -> Callable[..., Document]:  # noqa: ARG001 - both must be there
    """Save a document with a file."""

    def make(content: bytes = b"0123456789", name: str = "report.txt", title: str = "") -> Document:
        document = Document(title=title)
        document.plain.save(name, ContentFile(content))
        return document

    return make


@pytest.fixture
def document(make_document: Callable[..., Document]) -> Document:
    return make_document()


@pytest.fixture
def browser(site: MinioBackend) -> Client:  # noqa: ARG001 - order
    return Client()
