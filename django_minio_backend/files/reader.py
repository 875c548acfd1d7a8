"""Reads an object as a seekable stream: by ranged requests for one version, resumed after a broken connection."""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING

from ..errors import BadResponseError, ObjectChangedError
from ..options.fields import MEBIBYTE
from ..redaction.request_description import printable
from ..s3.errors import is_interruption, is_timeout
from ..s3.responses import TruncatedResponse, content_range, size_of
from ..transport.bodies import discard, drain

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer
    from minio.sse import SseCustomerKey
    from urllib3 import BaseHTTPResponse

    from ..s3.client import S3Client

BUFFER = 128 * 1024  # bytes read at once for callers that read fewer
FIRST_WINDOW = MEBIBYTE // 2  # bytes that the first request asks for
JUMP_WINDOW = 64 * 1024  # bytes that the first request after a seek asks for
GROWTH = 8  # factor between the windows of requests in sequence
TAIL = MEBIBYTE // 4  # archives have their directory at the end: a seek there fetches it as a whole
UNBOUNDED = 1 << 43  # more than the largest object, 5 TiB
ATTEMPTS = 5  # to continue after a broken connection without receiving a byte in between


def buffered_reader(client: S3Client, bucket: str, key: str, ssec: SseCustomerKey | None) -> io.BufferedReader:
    """Return a buffered reader of an object.

    Raises:
        ObjectNotFound: the object does not exist.
    """
    reader = ObjectReader(client, bucket, key, ssec)
    reader.start()
    return io.BufferedReader(reader, BUFFER)


class ObjectReader(io.RawIOBase):
    """Reads one object; no request is sent before ``start`` or the first read.

    Every request after the first has the first response's ETag in If-Match, so that bytes of two versions never mix. If
    ETag and size are known before (``pinned``), the first request has it as well.

    Attributes:
        encoding: the object's Content-Encoding; empty if it has none, or before the first response. The bytes are not
            decoded.

    Raises:
        ObjectNotFound: at the first request, if the object does not exist.
        ObjectChangedError: at a later one, if it was replaced or deleted in the meantime.
        BadResponseError: at any request, if the server sends other bytes than requested.
    """

    def __init__(
        self,
        client: S3Client,
        bucket: str,
        key: str,
        ssec: SseCustomerKey | None = None,
        pinned: tuple[str, int] | None = None,
    ) -> None:
        self._client = client
        self._bucket = bucket
        self._key = key
        self._ssec = ssec
        self.encoding = ""
        self._position = 0
        self._read_up_to = 0  # end of the last read: a read from there is sequential
        self._etag: str | None
        self._size: int | None
        self._etag, self._size = pinned or (None, None)
        self._stream: _Stream | None = None
        self._window = FIRST_WINDOW // GROWTH if pinned else FIRST_WINDOW  # a request with a known ETag grows it first
        self._tail = b""

    def start(self) -> None:
        """Send the first request, so that a missing object is reported before the first read."""
        self._from_stream(0)

    def readable(self) -> bool:
        """Whether this stream can be read: always."""
        return True

    def seekable(self) -> bool:
        """Whether this stream can seek: always."""
        return True

    def tell(self) -> int:
        """Offset of the next byte."""
        self._check_open()
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Move to an offset. Only a seek from an end that is still unknown sends a request (HEAD)."""
        self._check_open()
        if whence not in (io.SEEK_SET, io.SEEK_CUR, io.SEEK_END):
            raise ValueError(f"invalid whence ({whence}, should be 0, 1 or 2)")
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position}.get(whence)
        position = offset + (self.size if base is None else base)
        if position < 0:
            raise ValueError(f"negative seek position {position}")
        self._position = position
        return position

    @property
    def size(self) -> int:
        """Bytes of the object; sends a HEAD request if no response has come yet."""
        if self._size is None:
            stored = self._client.head(self._bucket, self._key, self._ssec)
            self._size, self._etag = int(stored.size or 0), stored.etag
        return self._size

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Fill ``buffer``, or a part of it at the end of a response; return 0 at the end of the object."""
        self._check_open()
        view = memoryview(buffer).cast("B")
        data = self._read(len(view))
        view[: len(data)] = data
        return len(data)

    def readall(self) -> bytes:
        """Read everything from here to the end, normally by one request."""
        self._check_open()
        self._window = UNBOUNDED
        pieces = list(iter(lambda: self._read(MEBIBYTE), b""))
        self._window = JUMP_WINDOW
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def close(self) -> None:
        """Release the connection, or close it if much of its response is unread."""
        self._drop_stream()
        self._tail = b""
        super().close()

    def _read(self, size: int) -> bytes:
        if not size or (self._size is not None and self._position >= self._size):
            return b""
        data = self._from_tail(size) or self._from_stream(size)
        self._position += len(data)
        self._read_up_to = self._position
        return data

    def _from_tail(self, size: int) -> bytes:
        start = self._position - (self.size - len(self._tail)) if self._tail else -1
        return self._tail[start : start + size] if start >= 0 else b""

    def _from_stream(self, size: int) -> bytes:
        timed_out = False
        for attempts_left in reversed(range(ATTEMPTS)):
            try:
                if self._stream is None or not self._stream.move_to(self._position):
                    self._open_stream(size)
                return self._from_tail(size) if self._stream is None else self._stream.read(size)
            except Exception as error:
                if not is_interruption(error):
                    raise
                self._drop_stream(broken=True)
                out_of_time = is_timeout(error)
                if not attempts_left or (timed_out and out_of_time):
                    raise
                timed_out = timed_out or out_of_time
        raise AssertionError  # pragma: no cover - the loop above returns or raises

    def _open_stream(self, size: int) -> None:
        """Request the bytes from the position on, and more of them the longer the reads are sequential.

        No stream is open afterwards if the position is after the end, or if the tail was fetched.
        """
        jumped = self._position != self._read_up_to
        if self._etag is not None:
            self._window = JUMP_WINDOW if jumped and self._window < UNBOUNDED else min(self._window * GROWTH, UNBOUNDED)
        self._drop_stream()
        if jumped and self._size is not None and self._size - self._position <= TAIL < self._size:
            self._tail = self._fetch(self._size - TAIL, TAIL).read_rest()
            return
        stream = self._fetch(self._position, max(self._window, size))
        if self._position == 0 and stream.end == self._size and stream.end <= TAIL:
            self._tail = stream.read_rest()  # all of a small object: releases the connection, and makes seeking free
        else:
            self._stream = stream

    def _fetch(self, first: int, length: int) -> _Stream:
        headers = {"Range": f"bytes={first}-{first + length - 1}"}
        if self._etag:
            headers["If-Match"] = f'"{self._etag}"'
        try:
            response = self._client.get(self._bucket, self._key, headers, self._ssec)
        except FileNotFoundError as error:
            if self._etag is None:
                raise
            raise ObjectChangedError(self._bucket, self._key) from error
        if response is None:
            return self._nothing_at(first)
        end, size = self._checked_range(response, first, length)
        self.encoding = response.headers.get("content-encoding", "")
        if self._etag is None:
            self._etag, self._size = response.headers.get("etag", "").strip('"'), size
        return _Stream(response, first, end)

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

    def _nothing_at(self, first: int) -> _Stream:
        """Interpret "range not satisfiable": an empty object, or a position after the end."""
        if first == 0 and self._size is None:
            self._size = 0
        if first >= self.size:
            return _Stream(None, first, first)
        raise ObjectChangedError(self._bucket, self._key)

    def _drop_stream(self, *, broken: bool = False) -> None:
        stream, self._stream = getattr(self, "_stream", None), None
        if stream is not None:
            stream.release(broken=broken)

    def _check_open(self) -> None:
        if self.closed:
            raise ValueError("I/O operation on closed file.")


class _Stream:
    """The body of one response, read from ``position`` to ``end`` (not included)."""

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
        if not self.position <= position < self.end or position - self.position > JUMP_WINDOW:
            return self._response is None and position == self.end == self.position
        while self.position < position:
            self.read(position - self.position)
        return True

    def read(self, size: int) -> bytes:
        """Read up to ``size`` bytes; fewer only at the end of the response."""
        if self._response is None or not size:
            return b""
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
        if not broken and self.end - self.position <= JUMP_WINDOW:
            drain(response, JUMP_WINDOW + 1)
        else:
            discard(response)
