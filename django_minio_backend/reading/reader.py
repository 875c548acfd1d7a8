"""Reads an object as a seekable stream: by ranged requests for one version, resumed after a broken connection."""

from __future__ import annotations

import io
import time
from typing import TYPE_CHECKING

from ..options.fields import MEBIBYTE
from .ranges import CHEAP_TO_SKIP, Interruptions, Version
from .read_ahead import BLOCK, ReadAhead

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer
    from minio.sse import SseCustomerKey

    from ..s3.client import S3Client
    from .ranges import Body

BUFFER = 128 * 1024  # bytes read at once for callers that read fewer
FIRST_WINDOW = MEBIBYTE // 2  # bytes that the first request asks for
JUMP_WINDOW = CHEAP_TO_SKIP  # bytes that the first request after a seek asks for
GROWTH = 8  # factor between the windows of requests in sequence
TAIL = MEBIBYTE // 4  # archives have their directory at the end: a seek there fetches it as a whole
UNBOUNDED = 1 << 43  # more than the largest object, 5 TiB
SEQUENCE = 8 * MEBIBYTE  # bytes read in sequence before more than one request is sent at a time
WORTH_IT = 2 * BLOCK  # bytes that must be left for that
# Bytes a second from one connection that need no second one: about what a gigabit network carries. Beyond, more
# connections cost CPU (three times as much on loopback) and save little. Only the time that reads wait counts, so a
# caller that is slower than the network sees a fast connection.
FAST = 100 * MEBIBYTE


def buffered_reader(
    client: S3Client, bucket: str, key: str, ssec: SseCustomerKey | None, parallel: int
) -> io.BufferedReader:
    """Return a buffered reader of an object; ``parallel`` is that of ``ObjectReader``.

    Raises:
        ObjectNotFound: the object does not exist.
    """
    reader = ObjectReader(client, bucket, key, ssec, parallel=parallel)
    reader.start()
    return io.BufferedReader(reader, BUFFER)


class ObjectReader(io.RawIOBase):
    """Reads one object; no request is sent before ``start`` or the first read.

    Every request after the first has the first response's ETag in If-Match, so that bytes of two versions never mix. If
    ETag and size are known before (``pinned``), the first request has it as well.

    After 8 MiB in sequence, and in ``readall``, a large rest is read ahead by ``parallel`` requests at a time if reads
    wait for the connection. With 1, there is one request at a time.

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
        *,
        parallel: int = 1,
    ) -> None:
        self._version = Version(client, bucket, key, ssec, *(pinned or (None, None)))
        self._parallel = parallel
        self._position = 0
        self._read_up_to = 0  # end of the last read: a read from there is sequential
        self._sequence_start = 0
        self._received = 0  # bytes
        self._waited = 0.0  # seconds, for these bytes
        self._stream: Body | ReadAhead | None = None
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
        return self._version.known_size()

    @property
    def encoding(self) -> str:
        """The object's Content-Encoding."""
        return self._version.encoding

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
        if not size or (self._version.size is not None and self._position >= self._version.size):
            return b""
        data = self._from_tail(size) or self._from_stream(size)
        self._position += len(data)
        self._read_up_to = self._position
        return data

    def _from_tail(self, size: int) -> bytes:
        start = self._position - (self.size - len(self._tail)) if self._tail else -1
        return self._tail[start : start + size] if start >= 0 else b""

    def _from_stream(self, size: int) -> bytes:
        interruptions = Interruptions()
        while True:
            try:
                if self._stream is None or not self._stream.move_to(self._position):
                    self._open_stream(size)
                return self._from_tail(size) if self._stream is None else self._timed_read(self._stream, size)
            except Exception as error:
                has_resumed = self._stream is not None and self._stream.resumes
                self._drop_stream(broken=True)
                if has_resumed:
                    raise
                interruptions.add(error)

    def _timed_read(self, stream: Body | ReadAhead, size: int) -> bytes:
        begin = time.perf_counter()
        data = stream.read(size)
        self._waited += time.perf_counter() - begin
        self._received += len(data)
        return data

    def _open_stream(self, size: int) -> None:
        """Request the bytes from the position on, and more of them the longer the reads are sequential.

        No stream is open afterwards if the position is after the end, or if the tail was fetched.
        """
        version, position = self._version, self._position
        jumped = position != self._read_up_to
        if jumped:
            self._sequence_start = position
        if version.etag is not None:
            self._window = JUMP_WINDOW if jumped and self._window < UNBOUNDED else min(self._window * GROWTH, UNBOUNDED)
        self._drop_stream()
        if jumped and version.size is not None and version.size - position <= TAIL < version.size:
            self._tail = version.fetch(version.size - TAIL, TAIL).read_rest()
            return
        window = max(self._window, size)
        if self._parallel > 1 and version.size is not None and version.size - position > WORTH_IT and self._is_slow():
            in_sequence = position - self._sequence_start
            if self._window == UNBOUNDED or in_sequence >= SEQUENCE:
                self._stream = ReadAhead(version, position, self._parallel)
                return
            window = min(window, SEQUENCE - in_sequence)
        body = version.fetch(position, window)
        if position == 0 and body.end == version.size and body.end <= TAIL:
            self._tail = body.read_rest()  # all of a small object: releases the connection, and makes seeking free
        else:
            self._stream = body

    def _is_slow(self) -> bool:
        return self._received < self._waited * FAST

    def _drop_stream(self, *, broken: bool = False) -> None:
        stream, self._stream = getattr(self, "_stream", None), None
        if stream is not None:
            stream.release(broken=broken)

    def _check_open(self) -> None:
        if self.closed:
            raise ValueError("I/O operation on closed file.")
