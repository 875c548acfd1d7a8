"""http on a port that speaks https, and the other way round: the error names the option to change."""

from __future__ import annotations

import socketserver
import ssl
import threading
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import trustme
from django.core.files.base import ContentFile
from django.core.management import CommandError, call_command

from django_minio_backend.errors import BadResponseError, NotHttpsError
from django_minio_backend.models import MinioBackend
from tests.support.hostile import hostile, response
from tests.support.settings import entry, storages_set

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.hostile import HostileServer, Received

    Start = Callable[..., HostileServer]
    StorageAt = Callable[..., MinioBackend]


@dataclass
class PlainServer:
    endpoint: str
    connections: int = 0


OPERATIONS: dict[str, Callable[[MinioBackend], object]] = {
    "save": lambda storage: storage.save("name.txt", ContentFile(b"content")),
    "read": lambda storage: storage.open("name.txt").read(),
    "delete": lambda storage: storage.delete("name.txt"),
    "exists": lambda storage: storage.exists("name.txt"),
}
COMMANDS = [["is_minio_available"], ["is_minio_available", "--deep"], ["initialize_buckets"]]
WORDS = {
    "Go": b"Client sent an HTTP request to an HTTPS server.\n",
    "nginx": b"<html><body><center>The plain HTTP request was sent to HTTPS port</center></body></html>",
    "Apache": b"Reason: You're speaking plain HTTP to an SSL-enabled server port.<br />",
}


@pytest.fixture
def storage_at(minio_options: dict[str, Any]) -> StorageAt:
    def make(endpoint: str, **options: Any) -> MinioBackend:
        return MinioBackend(**{**minio_options, "MINIO_ENDPOINT": endpoint, "MINIO_USE_HTTPS": False, **options})

    return make


@pytest.fixture
def hostile_server() -> Iterator[Start]:
    with ExitStack() as stack:
        yield lambda reply, **options: stack.enter_context(hostile(reply, **options))


@pytest.fixture
def plain_server() -> Iterator[PlainServer]:
    """A server that speaks http: whatever begins otherwise is a bad request, at once."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            running.connections += 1
            self.request.recv(16_384)
            self.request.sendall(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n400 Bad Request")

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        running = PlainServer(f"127.0.0.1:{server.server_address[1]}")
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield running
        server.shutdown()


def no_object(_: Received) -> list[bytes]:
    return [response(404, b"")]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_https_on_a_port_for_http_is_reported(plain_server: PlainServer, storage_at: StorageAt, operation: str) -> None:
    with pytest.raises(NotHttpsError) as caught:
        OPERATIONS[operation](storage_at(plain_server.endpoint, MINIO_USE_HTTPS=True))
    assert f"https://{plain_server.endpoint} does not speak https. Set MINIO_USE_HTTPS to False" in str(caught.value)
    assert plain_server.connections == 1, "it is not tried again"


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_commands_tell_of_https_on_a_port_for_http(
    plain_server: PlainServer, minio_options: dict[str, Any], command: list[str]
) -> None:
    options = {**minio_options, "MINIO_ENDPOINT": plain_server.endpoint, "MINIO_USE_HTTPS": True}
    with storages_set(default=entry(options)), pytest.raises(CommandError) as caught:
        call_command(*command)
    assert "does not speak https. Set MINIO_USE_HTTPS to False" in str(caught.value)
    assert ".." not in str(caught.value)


@pytest.mark.parametrize("words", WORDS)
@pytest.mark.parametrize("operation", [name for name in OPERATIONS if name != "exists"])  # HEAD's response has no body
def test_http_on_a_port_for_https_is_reported(
    hostile_server: Start, storage_at: StorageAt, operation: str, words: str
) -> None:
    running = hostile_server(lambda _: [response(400, WORDS[words], {"Content-Type": "text/plain"})])
    with pytest.raises(BadResponseError) as caught:
        OPERATIONS[operation](storage_at(running.endpoint, replace_existing=True))
    assert f"http://{running.endpoint} speaks https, not http. Set MINIO_USE_HTTPS to True" in str(caught.value)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("words", WORDS)
def test_commands_tell_of_http_on_a_port_for_https(
    hostile_server: Start, minio_options: dict[str, Any], command: list[str], words: str
) -> None:
    running = hostile_server(lambda _: [response(400, WORDS[words], {"Content-Type": "text/plain"})])
    options = {**minio_options, "MINIO_ENDPOINT": running.endpoint, "MINIO_USE_HTTPS": False}
    with storages_set(default=entry(options)), pytest.raises(CommandError) as caught:
        call_command(*command)
    assert f"http://{running.endpoint} speaks https, not http. Set MINIO_USE_HTTPS to True" in str(caught.value)


@pytest.mark.parametrize("secure", [False, True], ids=["http", "https"])
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_commands_name_no_object_of_python(minio_options: dict[str, Any], command: list[str], secure: Any) -> None:
    options = {**minio_options, "MINIO_ENDPOINT": "127.0.0.1:1", "MINIO_USE_HTTPS": secure}
    with storages_set(default=entry(options)), pytest.raises(CommandError) as caught:
        call_command(*command)
    assert "Connection refused" in str(caught.value)
    assert "Connection(" not in str(caught.value)
    assert "object at" not in str(caught.value)


@pytest.mark.parametrize("secure", [False, True], ids=["http", "https"])
@pytest.mark.parametrize("operation", OPERATIONS)
def test_errors_name_no_class_of_this_package(storage_at: StorageAt, operation: str, secure: Any) -> None:
    with pytest.raises(Exception, match="refused") as caught:
        OPERATIONS[operation](storage_at("127.0.0.1:1", MINIO_USE_HTTPS=secure))
    assert "django_minio_backend" not in str(caught.value)
    assert "_Connection" not in str(caught.value)
    assert "_SecureConnection" not in str(caught.value)


def test_an_untrusted_certificate_is_still_reported_as_such(hostile_server: Start, storage_at: StorageAt) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    running = hostile_server(no_object, tls=context)
    with pytest.raises(Exception, match="is not trusted"):
        storage_at(running.endpoint, MINIO_USE_HTTPS=True).delete("name.txt")
