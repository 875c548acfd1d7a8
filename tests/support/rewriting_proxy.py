"""An HTTP proxy in front of a server; where a test says so, it sends responses of its own."""

from __future__ import annotations

import http.client
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tools.servers import Server


class Received(NamedTuple):
    """A request on its way."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes = b""


class Response(NamedTuple):
    """A response instead of the server's own."""

    status: int
    body: bytes = b""
    content_type: str = "application/xml"
    etag: str = ""
    date: str = ""

    def headers(self) -> dict[str, str]:
        version = {"ETag": self.etag, "Last-Modified": "Sun, 01 Nov 2026 12:00:00 GMT"} if self.etag else {}
        return {"Content-Type": self.content_type, **version, **({"Date": self.date} if self.date else {})}


HANG_UP = Response(0)  # the connection is closed without a response


def s3_error(status: int, code: str) -> Response:
    """An error as S3 servers send it."""
    return Response(status, f"<Error><Code>{code}</Code><Message>made up by a test</Message></Error>".encode())


@dataclass
class RewritingProxy:
    """The proxy; `rule` gets each request and returns a response, or None to pass it on.

    A rule set as `afterwards` is called after the server has responded: the request was carried out by then.
    `date` is the Date header of all responses that are passed on, for a server whose clock shows another time.
    """

    endpoint: str
    rule: Callable[[Received], Response | None] = lambda _: None
    afterwards: Callable[[Received], Response | None] = lambda _: None
    requests: list[Received] = field(default_factory=list)
    date: str = ""

    def changed_headers(self) -> dict[str, str]:
        return {"Date": self.date} if self.date else {}


class _Quiet(ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """Connections that a client drops are not reported."""


class _QuietHandler(BaseHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def rewriting_proxy(server: Server) -> Iterator[RewritingProxy]:
    """Run the proxy for the length of the block."""
    rewriter = RewritingProxy("")

    class Handler(_QuietHandler):
        protocol_version = "HTTP/1.1"

        def handle_one(self) -> None:
            url = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            request = Received(self.command, url.path, url.query, dict(self.headers.items()), body)
            rewriter.requests.append(request)
            replacement = rewriter.rule(request)
            if replacement is None:
                passed = self.pass_on(body)
                replacement = rewriter.afterwards(request)
                if replacement is None:
                    self.give(*passed)
                    return
            if replacement is HANG_UP:
                self.close_connection = True
                return
            self.give(replacement.status, replacement.headers(), replacement.body)

        do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = handle_one  # noqa: N815 - named by http.server

        def pass_on(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
            connection = http.client.HTTPConnection(server.endpoint)
            connection.request(self.command, self.path, body=body, headers=dict(self.headers.items()))
            response = connection.getresponse()
            found = response.read()
            connection.close()
            headers = {name.title(): value for name, value in response.getheaders()}  # Garage: in lower case
            return response.status, headers | rewriter.changed_headers(), found

        def give(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
            self.send_response_only(status)
            for name, value in headers.items():
                if name.lower() not in {"content-length", "transfer-encoding", "connection"}:
                    self.send_header(name, value)
            length = headers.get("Content-Length", "0") if self.command == "HEAD" else str(len(body))
            self.send_header("Content-Length", length)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

    with _Quiet(("127.0.0.1", 0), Handler) as proxy:
        proxy.daemon_threads = True
        rewriter.endpoint = f"127.0.0.1:{proxy.server_address[1]}"
        thread = threading.Thread(target=proxy.serve_forever, daemon=True)
        thread.start()
        try:
            yield rewriter
        finally:
            proxy.shutdown()
            thread.join()
