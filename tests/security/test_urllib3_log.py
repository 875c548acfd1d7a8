"""The log of urllib3, at its most detailed: no query and no secret of this package's requests is in it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest
import urllib3
from django.core.files.base import ContentFile
from minio.credentials.providers import WebIdentityProvider

from django_minio_backend.errors import BadResponseError
from django_minio_backend.s3.errors import FAILURES
from tests.support.hostile import Received, response

if TYPE_CHECKING:
    from collections.abc import Callable

    from django_minio_backend.models import MinioBackend
    from tests.support.hostile import HostileServer, Reply

TOKEN = "eyJhbGciOiJSUzI1NiJ9eyJzdWIiOiJ3ZWIifQ"


def echoed(request: Received) -> bytes:
    return request.target.encode()


REPLIES: dict[str, Reply] = {
    "no response": lambda _: [],
    "unavailable": lambda _: [response(503)],
    "a status line with the URL": lambda request: [b"XTTP " + echoed(request) + b"\r\n\r\n"],
    "malformed headers with the URL": lambda request: [
        b"HTTP/1.1 403 No\r\nContent-Length: 0\r\nno colon " + echoed(request) + b"\r\nX: y\r\n\r\n"
    ],
}


@pytest.mark.parametrize("pool", ["of the SDK", "of the project"])
@pytest.mark.parametrize("reply", REPLIES)
def test_a_web_identity_s_token_is_not_logged(
    hostile_server: Callable[..., HostileServer],
    storage_at: Callable[..., MinioBackend],
    caplog: pytest.LogCaptureFixture,
    reply: str,
    pool: str,
) -> None:
    server = hostile_server(REPLIES[reply])
    retries = urllib3.Retry(2, backoff_factor=0, status_forcelist=[503], allowed_methods=None)
    provider = WebIdentityProvider(
        jwt_provider_func=lambda: {"access_token": TOKEN, "expires_in": "60"},
        sts_endpoint=f"http://{server.endpoint}",
        http_client=urllib3.PoolManager(retries=retries) if pool == "of the project" else None,
    )
    caplog.set_level(logging.DEBUG)
    storage = storage_at(server.endpoint, MINIO_CREDENTIALS=provider, MINIO_ACCESS_KEY=None, MINIO_SECRET_KEY=None)
    with pytest.raises((ValueError, BadResponseError, urllib3.exceptions.HTTPError)):
        storage.save("name.txt", ContentFile(b"content"))
    assert TOKEN in server.received[0].target
    assert [record for record in caplog.records if record.name.startswith("urllib3.")]
    assert TOKEN not in caplog.text
    assert "WebIdentityToken" not in caplog.text


def test_retries_are_still_logged(
    hostile_server: Callable[..., HostileServer],
    storage_at: Callable[..., MinioBackend],
    caplog: pytest.LogCaptureFixture,
) -> None:
    server = hostile_server(lambda _: [])
    retrying: Any = urllib3.PoolManager(retries=urllib3.Retry(1, backoff_factor=0))
    storage = storage_at(server.endpoint, MINIO_HTTP_CLIENT=retrying, MINIO_DEFAULT_BUCKET="papers")
    with pytest.raises(urllib3.exceptions.HTTPError):
        storage.listdir("folder")
    warnings = [record.getMessage() for record in caplog.records if record.name == "urllib3.connectionpool"]
    assert any(message.startswith("Retrying (") and message.endswith(": /papers") for message in warnings), warnings
    assert any("Remote end closed connection" in message for message in warnings), warnings


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"", id="no response"),
        pytest.param(b"HTTP/1.1 200 OK\r\nno colon\r\nContent-Length: 0\r\n\r\n", id="malformed headers"),
    ],
)
def test_a_kept_record_holds_no_error_no_body_and_no_connection(
    hostile_server: Callable[..., HostileServer],
    storage_at: Callable[..., MinioBackend],
    caplog: pytest.LogCaptureFixture,
    sent: bytes,
) -> None:
    server = hostile_server(lambda _: [sent])
    retrying: Any = urllib3.PoolManager(retries=urllib3.Retry(1, backoff_factor=0))
    caplog.set_level(logging.DEBUG)
    storage = storage_at(server.endpoint, MINIO_HTTP_CLIENT=retrying)
    with pytest.raises(FAILURES):
        storage.save("name.txt", ContentFile(b"content"))
    records = [record for record in caplog.records if record.name.startswith("urllib3.")]
    assert any(record.levelno == logging.WARNING for record in records)
    for record in records:
        assert isinstance(record.args, tuple)
        assert all(isinstance(argument, str | int | None) for argument in record.args)
        assert record.exc_info is None
    if sent:
        assert "urllib3.exceptions.HeaderParsingError: [" in caplog.text, "what was logged is text now"


def test_requests_of_others_are_logged_as_ever(
    hostile_server: Callable[..., HostileServer], caplog: pytest.LogCaptureFixture
) -> None:
    server = hostile_server(lambda _: [])
    with (
        urllib3.PoolManager(retries=urllib3.Retry(1, backoff_factor=0)) as pool,
        pytest.raises(urllib3.exceptions.HTTPError),
    ):
        pool.request("GET", f"http://{server.endpoint}/page?number=2")
    assert "/page?number=2" in caplog.text
