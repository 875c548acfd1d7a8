from __future__ import annotations

import io
import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
from django.core.management import call_command
from minio.error import S3Error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from minio import Minio

    Run = Callable[..., str]
    PolicyOf = Callable[[str], dict[str, Any] | None]
    WebServer = Callable[[int], str]


@pytest.fixture
def run() -> Run:
    """Run a command and return what it printed."""

    def called(command: str, *arguments: str) -> str:
        output, errors = io.StringIO(), io.StringIO()
        call_command(command, *arguments, stdout=output, stderr=errors)
        assert not errors.getvalue()
        return output.getvalue()

    return called


@pytest.fixture
def policy_of(sdk: Minio) -> PolicyOf:
    def policy(bucket: str) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = json.loads(sdk.get_bucket_policy(bucket_name=bucket))
        except S3Error as error:
            if error.code == "NoSuchBucketPolicy":
                return None
            raise
        return found

    return policy


@pytest.fixture
def silent_endpoint() -> Iterator[str]:
    """A port that accepts connections and never responds."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        yield f"127.0.0.1:{listener.getsockname()[1]}"


@pytest.fixture
def web_server() -> Iterator[WebServer]:
    """Start a web server that gives one page, with this status, for every address."""
    running: list[ThreadingHTTPServer] = []

    def start(status: int) -> str:
        class Page(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(status)
                self.send_header("Content-Type", "text/html")
                self.end_headers()
                self.wfile.write(b"<!doctype html><title>A shop</title>")

            def log_message(self, *_: object) -> None:
                pass

        web = ThreadingHTTPServer(("127.0.0.1", 0), Page)
        running.append(web)
        threading.Thread(target=web.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return f"127.0.0.1:{web.server_port}"

    yield start
    for web in running:
        web.shutdown()
        web.server_close()
