"""One object's bytes as a raw, seekable stream: ranged requests, pinned to one version, resumed where they break."""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING

from ..errors import BadResponseError, ObjectChangedError
from ..options.fields import MEBIBYTE
from ..redaction.request_description import printable

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer
    from minio.sse import SseCustomerKey
    from urllib3 import BaseHTTPResponse

    from ..s3.client import S3Client

FIRST_WINDOW = MEBIBYTE // 2  # what the first request asks for
JUMP_WINDOW = 64 * 1024  # what the first request after a seek asks for
GROWTH = 8  # each further request in sequence asks for so many times as much
TAIL = MEBIBYTE // 4  # archives keep their directory at the end: a jump there fetches it whole, once
UNBOUNDED = 1 << 43  # more than the largest object, 5 TiB
ATTEMPTS = 5  # to go on where a connection broke, without a byte in between


class ObjectReader(io.RawIOBase):
    """Reads one object; nothing is requested before ``start`` or the first read.

    The first answer's ETag goes with every further request as If-Match, so bytes of two versions never mix.

    Attributes:
        encoding: the object's Content-Encoding, empty if it has none or no answer has come yet; it is not decoded here.

    Raises:
        ObjectNotFound: by the first request, if the object is not there.
        ObjectChangedError: by a later one, if it was replaced or deleted meanwhile.
        BadResponseError: by any, if the server sends other bytes than those asked for.
    """

    def __init__(self, client: S3Client, bucket: str, key: str, ssec: SseCustomerKey | None = None) -> None:
        self._client = client
        self._bucket = bucket
        self._key = key
        self._ssec = ssec
        self.encoding = ""
        self._position = 0
        self._read_up_to = 0  # where the last read ended: reading on from there is reading in sequence
        self._size: int | None = None
        self._etag: str | None = None
        self._stream: _Stream | None = None
        self._window = FIRST_WINDOW
        self._tail = b""

    def start(self) -> None:
        """Send the first request, so that a missing object is told before the first read."""
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
        """Move to an offset. Costs no request, but for a HEAD where the end is asked for and no answer has told it."""
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
        """Bytes of the object, asked of the server (one HEAD) where no answer has told yet."""
        if self._size is None:
            found = self._client.head(self._bucket, self._key, self._ssec)
            self._size, self._etag = int(found.size or 0), found.etag
        return self._size

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Fill ``buffer``, or less of it at the end of an answer; 0 at the end of the object."""
        self._check_open()
        view = memoryview(buffer).cast("B")
        data = self._read(len(view))
        view[: len(data)] = data
        return len(data)

    def readall(self) -> bytes:
        """Everything from here to the end, by one request as a rule."""
        self._check_open()
        self._window = UNBOUNDED
        pieces = list(iter(lambda: self._read(MEBIBYTE), b""))
        self._window = JUMP_WINDOW
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def close(self) -> None:
        """Give the connection back, or close it where much of its answer is unread."""
        self._drop_stream()
        self._tail = b""
        super().close()

    def _read(self, wanted: int) -> bytes:
        if not wanted or (self._size is not None and self._position >= self._size):
            return b""
        data = self._from_tail(wanted) or self._from_stream(wanted)
        self._position += len(data)
        self._read_up_to = self._position
        return data

    def _from_tail(self, wanted: int) -> bytes:
        start = self._position - (self.size - len(self._tail)) if self._tail else -1
        return self._tail[start : start + wanted] if start >= 0 else b""

    def _from_stream(self, wanted: int) -> bytes:
        timed_out = False
        for attempts_left in reversed(range(ATTEMPTS)):
            try:
                if self._stream is None or not self._stream.move_to(self._position):
                    self._open_stream(wanted)
                return self._from_tail(wanted) if self._stream is None else self._stream.read(wanted)
            except Exception as error:
                from ..s3.errors import is_interruption, is_timeout  # here, so that Django's start imports no urllib3

                if not is_interruption(error):
                    raise
                self._abandon_stream()
                out_of_time = is_timeout(error)
                if not attempts_left or (timed_out and out_of_time):
                    raise
                timed_out = timed_out or out_of_time
        raise AssertionError  # pragma: no cover - the loop above returns or raises

    def _open_stream(self, wanted: int) -> None:
        """Request the bytes from the position on, as far ahead as the reading so far makes likely.

        Leaves no stream open where the position is behind the end, or the tail has been fetched.
        """
        jumped = self._position != self._read_up_to
        if self._etag is not None:
            self._window = JUMP_WINDOW if jumped and self._window < UNBOUNDED else min(self._window * GROWTH, UNBOUNDED)
        self._drop_stream()
        if jumped and self._size is not None and self._size - self._position <= TAIL < self._size:
            self._tail = self._fetch(self._size - TAIL, TAIL).read_rest()
            return
        stream = self._fetch(self._position, max(self._window, wanted))
        if self._position == 0 and stream.end == self._size and stream.end <= TAIL:
            self._tail = stream.read_rest()  # all of a small object: its connection is free, seeking costs nothing
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
        """Where an answer ends, and the object's size.

        Raises:
            BadResponseError: the answer has other bytes than those that were asked for, or more.
        """
        from ..s3.responses import content_range, size_of
        from ..transport.bodies import discard

        if response.status == 206:  # noqa: PLR2004 - Partial Content
            start, end, size = content_range(response) or (-1, -1, -1)
        else:  # the whole object: right if no more was asked for
            start, end = 0, size_of(response)
            size = end
        if start == first and end <= first + length and response.length_remaining == end - start:
            return end, size
        discard(response)
        told = response.headers.get("content-range") or response.headers.get("content-length")
        raise BadResponseError(
            f"The server ignored the range of a request for '{self._key}' in bucket '{self._bucket}': asked for "
            f"{length} bytes from {first} on, it answered {response.status} with {printable(str(told))}."
        )

    def _nothing_at(self, first: int) -> _Stream:
        """Make sense of "range not satisfiable": an empty object, or a position behind the end."""
        if first == 0 and self._size is None:
            self._size = 0
        if first >= self.size:
            return _Stream(None, first, first)
        raise ObjectChangedError(self._bucket, self._key)

    def _drop_stream(self) -> None:
        stream, self._stream = getattr(self, "_stream", None), None
        if stream is not None:
            stream.release()

    def _abandon_stream(self) -> None:
        if self._stream is not None:
            self._stream.abandon()
            self._stream = None

    def _check_open(self) -> None:
        if self.closed:
            raise ValueError("I/O operation on closed file.")


class _Stream:
    """The body of one answer, read from ``position`` to ``end`` (not included)."""

    def __init__(self, response: BaseHTTPResponse | None, position: int, end: int) -> None:
        self._response = response
        self.position = position
        self.end = end
        self._process = os.getpid()

    def move_to(self, position: int) -> bool:
        """Whether reading can go on at ``position``; skips a little where that saves a request."""
        if self._process != os.getpid():  # a forked child shares the socket with its parent: it must not read from it
            self._response = None
            return False
        if not self.position <= position < self.end or position - self.position > JUMP_WINDOW:
            return self._response is None and position == self.end == self.position
        while self.position < position:
            self.read(position - self.position)
        return True

    def read(self, wanted: int) -> bytes:
        """Read up to ``wanted`` bytes; fewer only at the end of the answer."""
        if self._response is None or not wanted:
            return b""
        data: bytes = self._response.read(min(wanted, self.end - self.position), decode_content=False)
        if not data and self.position < self.end:
            from ..s3.responses import TruncatedResponse

            raise TruncatedResponse(f"The response ended {self.end - self.position} bytes too early.")
        self.position += len(data)
        return data

    def read_rest(self) -> bytes:
        """Read to the end of the answer and give the connection back."""
        pieces = []
        while self.position < self.end:
            pieces.append(self.read(self.end - self.position))
        self.release()
        return b"".join(pieces)

    def release(self) -> None:
        """Give the connection back if little of the answer is left to read, else close it."""
        response, self._response = self._response, None
        if response is None or self._process != os.getpid():
            return
        from ..transport.bodies import discard, drain

        if self.end - self.position <= JUMP_WINDOW:
            drain(response, JUMP_WINDOW + 1)
        else:
            discard(response)

    def abandon(self) -> None:
        """Close a broken connection."""
        from ..transport.bodies import discard

        if self._response is not None:
            discard(self._response)
            self._response = None
