"""Ranged requests for one version of an object, and the bodies of their responses."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ..errors import BadResponseError, ObjectChangedError
from ..options.fields import MEBIBYTE
from ..redaction.request_description import printable
from ..s3.errors import is_interruption, is_timeout
from ..s3.responses import TruncatedResponse, content_range, size_of
from ..sockets.cancellation import current_cancellation
from ..sockets.responses import socket_of
from ..transport.bodies import discard, drain

if TYPE_CHECKING:
    from minio.sse import SseCustomerKey
    from urllib3 import BaseHTTPResponse

    from ..s3.client import S3Client

CHEAP_TO_SKIP = 64 * 1024  # bytes that are read and dropped rather than sending another request
ATTEMPTS = 5  # to continue after a broken connection without receiving a byte in between
PIECE = MEBIBYTE // 4  # bytes that one call takes from a connection, at most


class Version:
    """One version of an object: every request has the first response's ETag in If-Match.

    Attributes:
        etag: of the version; None before the first response.
        size: bytes of the object; None before the first response.
        encoding: Content-Encoding; empty if there is none, or before the first response.
    """

    def __init__(
        self, client: S3Client, bucket: str, key: str, ssec: SseCustomerKey | None, etag: str | None, size: int | None
    ) -> None:
        self._client = client
        self._bucket = bucket
        self._key = key
        self._ssec = ssec
        self.etag = etag
        self.size = size
        self.encoding = ""

    def known_size(self) -> int:
        """Return the size in bytes; sends a HEAD request if no response has come yet."""
        if self.size is None:
            stored = self._client.head(self._bucket, self._key, self._ssec)
            self.size, self.etag = int(stored.size or 0), stored.etag
        return self.size

    def fetch(self, first: int, length: int) -> Body:
        """Request bytes.

        Raises:
            ObjectNotFound: at the first request, if the object does not exist.
            ObjectChangedError: at a later one, if it was replaced or deleted in the meantime.
            BadResponseError: the server sends other bytes than requested.
        """
        headers = {"Range": f"bytes={first}-{first + length - 1}"}
        if self.etag:
            headers["If-Match"] = f'"{self.etag}"'
        try:
            response = self._client.get(self._bucket, self._key, headers, self._ssec)
        except FileNotFoundError as error:
            if self.etag is None:
                raise
            raise ObjectChangedError(self._bucket, self._key) from error
        if response is None:
            return self._nothing_at(first)
        end, size = self._checked_range(response, first, length)
        self.encoding = response.headers.get("content-encoding", "")
        if self.etag is None:
            self.etag, self.size = response.headers.get("etag", "").strip('"'), size
        return Body(response, first, end)

    def _checked_range(self, response: BaseHTTPResponse, first: int, length: int) -> tuple[int, int]:
        """Return the end of a response's range, and the object's size.

        Raises:
            BadResponseError: the response has other bytes than requested, or more.
        """
        if response.status == 206:  # noqa: PLR2004 - Partial Content
            start, end, size = content_range(response) or (-1, -1, -1)
        else:  # the whole object, which is fine if all of it was requested
            start, end = 0, size_of(response)
            size = end
        if start == first and end <= first + length and response.length_remaining == end - start:
            return end, size
        discard(response)
        received = response.headers.get("content-range") or response.headers.get("content-length")
        raise BadResponseError(
            f"The server ignored the range of a request for '{self._key}' in bucket '{self._bucket}': {length} bytes "
            f"from {first} on were requested, the response is {response.status} with {printable(str(received))}."
        )

    def _nothing_at(self, first: int) -> Body:
        """Interpret "range not satisfiable": an empty object, or a position after the end."""
        if first == 0 and self.size is None:
            self.size = 0
        if first >= self.known_size():
            return Body(None, first, first)
        raise ObjectChangedError(self._bucket, self._key)


class Body:
    """The body of one response, read from ``position`` to ``end`` (not included)."""

    resumes = False  # the caller sends another request after an interruption

    def __init__(self, response: BaseHTTPResponse | None, position: int, end: int) -> None:
        self._response = response
        self.position = position
        self.end = end
        self._process = os.getpid()

    def move_to(self, position: int) -> bool:
        """Whether reading can continue at ``position``; skips some bytes if that saves a request."""
        if self._process != os.getpid():  # a forked child shares the socket with its parent: it must not read from it
            self._response = None
            return False
        if not self.position <= position < self.end or position - self.position > CHEAP_TO_SKIP:
            return self._response is None and position == self.end == self.position
        while self.position < position:
            self.read(position - self.position)
        return True

    def read(self, size: int) -> bytes:
        """Read up to ``size`` bytes; fewer only at the end of the response."""
        if self._response is None or not size:
            return b""
        cancellation = current_cancellation()
        if cancellation is not None and (connected := socket_of(self._response)):
            cancellation.watch(connected)
        data: bytes = self._response.read(min(size, self.end - self.position), decode_content=False)
        if not data and self.position < self.end:
            raise TruncatedResponse(f"The response ended {self.end - self.position} bytes before its end.")
        self.position += len(data)
        return data

    def read_rest(self) -> bytes:
        """Read to the end of the response and release the connection."""
        pieces = []
        while self.position < self.end:
            pieces.append(self.read(self.end - self.position))
        self.release()
        return b"".join(pieces)

    def release(self, *, broken: bool = False) -> None:
        """Release the connection if it works and little of the response is unread, else close it."""
        response, self._response = self._response, None
        if response is None or self._process != os.getpid():
            return
        if not broken and self.end - self.position <= CHEAP_TO_SKIP:
            drain(response, CHEAP_TO_SKIP + 1)
        else:
            discard(response)


class Interruptions:
    """Interruptions since the last byte was received: which may be followed by another request."""

    def __init__(self) -> None:
        self._attempts_left = ATTEMPTS
        self._timed_out = False

    def add(self, error: Exception) -> None:
        """Count one.

        Raises:
            Exception: the error itself, if it is not an interruption, or if it is one too many.
        """
        if not is_interruption(error):
            raise error
        self._attempts_left -= 1
        timed_out = is_timeout(error)
        if not self._attempts_left or (timed_out and self._timed_out):
            raise error
        self._timed_out = self._timed_out or timed_out


class ResumedBody:
    """The bytes of a response, which other requests for the same version continue after interruptions."""

    def __init__(self, version: Version, body: Body) -> None:
        self._version = version
        self._body = body
        self._end = body.end
        self._interruptions = Interruptions()

    def read(self, size: int) -> bytes:
        """Read up to ``size`` bytes; none only at the end.

        Raises:
            ObjectChangedError, BadResponseError: as ``Version.fetch``.
            Exception: an interruption that lasts.
        """
        while True:
            try:
                if self._body.position == self._body.end < self._end:
                    self._body = self._version.fetch(self._body.position, self._end - self._body.position)
                data = self._body.read(size)
            except Exception as error:  # noqa: BLE001 - raised again unless it is an interruption
                self.close()
                self._interruptions.add(error)
            else:
                self._interruptions = Interruptions()
                return data

    def close(self) -> None:
        """Release the connection; close it if its response is not read to the end."""
        self._body.release(broken=self._body.position < self._body.end)
        self._body = Body(None, self._body.position, self._body.position)
