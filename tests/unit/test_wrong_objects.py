"""Options that take an object: an invalid one is reported when settings are checked, not by the first save."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
import urllib3
from minio.commonconfig import GOVERNANCE
from minio.retention import Retention
from minio.sse import SseCustomerKey, SseS3

from django_minio_backend.aliases import check_settings
from django_minio_backend.errors import ConfigurationError
from django_minio_backend.files import upload_headers
from tests.support.settings import made_up, read, storages_set


class Progress:
    def set_meta(self, object_name: str, total_length: int) -> None: ...

    def update(self, length: int) -> None: ...


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MINIO_HTTP_CLIENT", urllib3.HTTPConnectionPool("127.0.0.1")),
        ("MINIO_HTTP_CLIENT", urllib3.PoolManager),
        ("sse", "AES256"),
        ("sse", SseS3),
        ("retention", "1 day"),
        ("progress", 3),
        ("headers", {"Cache-Control": 3}),
        ("MINIO_OBJECT_HEADERS", {"Cache-Control": 3}),
    ],
)
def test_a_wrong_object_is_a_configuration_error(name: str, value: object) -> None:
    with pytest.raises(ConfigurationError, match=name):
        read(**{name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MINIO_HTTP_CLIENT", urllib3.ProxyManager("http://127.0.0.1:3128")),
        ("sse", SseS3()),
        ("sse", SseCustomerKey(b"32byteslongsecretkeymustprovided")),
        ("retention", Retention(GOVERNANCE, datetime(2030, 1, 1, tzinfo=UTC))),
        ("progress", Progress()),
        ("headers", {"Cache-Control": "max-age=60"}),
    ],
)
def test_a_valid_object_is_accepted(name: str, value: object) -> None:
    read(**{"MINIO_USE_HTTPS": True, name: value})


def test_an_alias_of_others_that_cannot_be_imported_does_not_stop_django() -> None:
    other: dict[str, Any] = {"BACKEND": "not_installed.Storage", "OPTIONS": {"bucket": "x"}}
    with storages_set(other=other):
        assert check_settings() == {}


def test_an_alias_of_ours_that_cannot_be_imported_is_a_mistake() -> None:
    with (
        storages_set(other={"BACKEND": "django_minio_backend.modles.MinioBackend", "OPTIONS": made_up()}),
        pytest.raises(ConfigurationError, match=r"other.*BACKEND"),
    ):
        check_settings()


@pytest.mark.parametrize("stated", ["text/plän", "text/€", "no type", "text/html\r\nX: y", "", None])
def test_a_content_type_that_cannot_be_sent_is_ignored(stated: object) -> None:
    class Content:
        content_type = stated

    assert upload_headers.content_type("photo.png", Content()) == "image/png"
