"""Where a file's bytes come from: an object by one request to the server, or any other storage's file."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

from ..errors import BadResponseError, ObjectChangedError
from ..storage import MinioBackend
from .bodies import FileBody
from .ranges import Span, resolve

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping

    from django.core.files.storage import Storage
    from urllib3 import BaseHTTPResponse

    from .bodies import Body
    from .ranges import ByteRange

HTTP_PARTIAL, HTTP_NOT_MODIFIED = 206, 304


@dataclass(frozen=True)
class Representation:
    """What is known of a file without its bytes.

    Attributes:
        size: bytes as stored; None if that is not the number of bytes that are sent.
        content_type: media type; empty if unknown.
        etag: with its quotes; empty if there is none.
        modified: time of the last change, if known.
        encoding: Content-Encoding of the bytes; empty if they are not encoded.
    """

    size: int | None
    content_type: str
    etag: str = ""
    modified: dt.datetime | None = None
    encoding: str = ""


@dataclass(frozen=True)
class Opened:
    """A file whose bytes can be read: those of the span."""

    representation: Representation
    span: Span
    body: Body


class NotModifiedError(Exception):
    """The file still has the ETag that the client knows."""


class UnsatisfiableRangeError(Exception):
    """The file has no byte of the range."""


class Source(Protocol):
    """A file to serve. Both methods raise FileNotFoundError if it does not exist."""

    def describe(self) -> Representation:
        """Return what is known of the file."""

    def open(self, wanted: ByteRange | None = None, *, match: str = "", none_match: str = "") -> Opened:
        """Open the file, or a range of it.

        Args:
            wanted: the range; all bytes without it.
            match: the ETag that the file must have.
            none_match: the ETag that the client knows; the source may ignore it.

        Raises:
            NotModifiedError: the file has the ETag in ``none_match``.
            ObjectChangedError: the file has another ETag than ``match``.
            UnsatisfiableRangeError: no byte is in the range.
        """


class ObjectSource:
    """An object: one GET request, or one HEAD."""

    def __init__(self, storage: MinioBackend, name: str) -> None:
        self._client = storage.s3
        self._bucket = storage.bucket
        self._key = storage.key(name)
        self._ssec = storage.ssec

    def describe(self) -> Representation:
        """Send a HEAD request."""
        stored = self._client.head(self._bucket, self._key, self._ssec)
        return _described(stored.metadata or {}, int(stored.size or 0), str(stored.etag))

    def open(self, wanted: ByteRange | None = None, *, match: str = "", none_match: str = "") -> Opened:
        """Send a GET request with the range and the conditions, so that the server sends nothing in vain."""
        from ..reading.ranges import Body, ResumedBody, Version
        from ..s3.responses import etag_of
        from ..transport.bodies import discard

        headers = {"Range": str(wanted) if wanted else "", "If-Match": match, "If-None-Match": none_match}
        response = self._get({name: value for name, value in headers.items() if value})
        try:
            span, size = self._span(response, wanted)
            etag = etag_of(response)
            representation = _described(response.headers, size, etag)
        except Exception:
            discard(response)
            raise
        version = Version(self._client, self._bucket, self._key, self._ssec, etag, size)
        return Opened(representation, span, ResumedBody(version, Body(response, span.first, span.end)))

    def _get(self, headers: Mapping[str, str]) -> BaseHTTPResponse:
        from ..s3.errors import FAILURES, status_of

        try:
            response = self._client.get(self._bucket, self._key, headers, self._ssec)
        except FAILURES as error:
            if "If-None-Match" in headers and status_of(error) == HTTP_NOT_MODIFIED:
                raise NotModifiedError from error
            raise
        if response is None:
            raise UnsatisfiableRangeError
        return response

    def _span(self, response: BaseHTTPResponse, wanted: ByteRange | None) -> tuple[Span, int]:
        """Return the bytes that a response has, and the size of the object.

        Raises:
            BadResponseError: they are not those that were requested.
        """
        from ..s3.responses import content_range, size_of

        is_empty = response.headers.get("content-range", "").endswith("/0")  # as MinIO has it, with status 206
        if response.status != HTTP_PARTIAL or is_empty:  # also if the server ignores ranges
            size = size_of(response)
            return Span(0, size), size
        first, end, size = content_range(response) or (-1, -1, -1)
        span = Span(first, end)
        if wanted and resolve([wanted], size) == [span] and response.length_remaining == span.size:
            return span, size
        raise BadResponseError(
            f"The server has sent another range of '{self._key}' in bucket '{self._bucket}' than the requested "
            f"{wanted}. Check the proxies between this machine and the server."
        )


def _described(headers: Mapping[str, Any], size: int, etag: str) -> Representation:
    """Return what the response headers of an object say."""
    from ..s3.responses import time_of

    encodings = [each.strip().lower() for each in str(headers.get("content-encoding") or "").split(",")]
    return Representation(
        size=size,
        content_type=str(headers.get("content-type") or ""),
        etag=f'"{etag}"',
        modified=time_of(headers, "last-modified"),
        # aws-chunked is how an upload was sent; some servers keep it.
        encoding=", ".join(each for each in encodings if each not in ("", "identity", "aws-chunked")),
    )


class FileSource:
    """A file of any other storage, such as FileSystemStorage in development and InMemoryStorage in tests."""

    def __init__(self, storage: Storage, name: str) -> None:
        self._storage = storage
        self._name = name

    def describe(self) -> Representation:
        """Ask the storage for size and time, of which the ETag is made; without a time there is none."""
        from ..files.upload_headers import type_of_name

        described = Representation(self._storage.size(self._name), type_of_name(self._name))
        try:
            modified = self._storage.get_modified_time(self._name)
        except NotImplementedError:
            return described
        return replace(described, modified=modified, etag=f'"{int(modified.timestamp() * 1e6):x}-{described.size:x}"')

    def open(self, wanted: ByteRange | None = None, *, match: str = "", none_match: str = "") -> Opened:  # noqa: ARG002 - the caller compares ``none_match``, too
        """Open the file."""
        described = self.describe()
        size = described.size or 0
        spans = resolve([wanted], size) if wanted else None
        if match and match != described.etag:
            raise ObjectChangedError(type(self._storage).__name__, self._name)
        if spans == []:
            raise UnsatisfiableRangeError
        span = spans[0] if spans else Span(0, size)
        return Opened(described, span, FileBody(self._storage.open(self._name), span))


def source_of(storage: Storage, name: str) -> Source:
    """Return the source of a storage's file; a subclass that opens files in its own way is asked to open them."""
    if isinstance(storage, MinioBackend):
        kind = storage.__class__  # type() of Django's default_storage is its proxy
        if (kind.open, kind._open) == (MinioBackend.open, MinioBackend._open):  # noqa: SLF001 - documented for subclasses
            return ObjectSource(storage, name)
    return FileSource(storage, name)
