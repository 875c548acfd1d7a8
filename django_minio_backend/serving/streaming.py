"""The responses of mode "stream": conditions, ranges and HEAD as RFC 9110 says, by one request to the server."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from django.core.handlers.asgi import ASGIRequest
from django.http import HttpResponse, HttpResponseNotModified, StreamingHttpResponse
from django.utils.cache import get_conditional_response, patch_vary_headers
from django.utils.http import http_date, parse_etags

from ..errors import ObjectChangedError
from .bodies import AsyncBlocks, GunzipBody, MultipartBody, SyncBlocks
from .ranges import ByteRange, Span, parse_ranges, range_applies, resolve
from .sources import NotModifiedError, UnsatisfiableRangeError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

    from .bodies import Body
    from .safe_content import Presentation
    from .sources import Opened, Representation, Source

_GZIP = re.compile(r"(?:^|,)\s*(?:x-)?gzip\s*(?:;\s*q=(?P<q>[01](?:\.[0-9]*)?)\s*)?(?=,|$)", re.IGNORECASE)


class PartialResponse(StreamingHttpResponse):
    """A response with a part of a file (206), which Django's GZipMiddleware leaves as it is.

    Compressing a part would make it a part of something that does not exist. The middleware skips responses that have a
    Content-Encoding, and nothing else stops it.
    """

    status_code = 206

    def has_header(self, header: str) -> bool:
        """Whether there is such a header; Content-Encoding counts as one that is always there."""
        return header.lower() == "content-encoding" or super().has_header(header)

    __contains__ = has_header


@dataclass(frozen=True)
class Exchange:
    """One request for one file, and how its response is made."""

    request: HttpRequest
    source: Source
    presentation: Presentation

    def response(self) -> HttpResponseBase:
        """Return the response.

        Raises:
            FileNotFoundError: the file does not exist.
        """
        ranges = parse_ranges(self.request.headers.get("Range")) if self.request.method == "GET" else []
        if self.request.method == "HEAD" or len(ranges) > 1:
            return self._by_description(self.source.describe(), ranges)
        try:
            opened = self._open(ranges)
        except NotModifiedError:
            return self._not_modified()
        except UnsatisfiableRangeError:  # or a condition that comes before the range is not met
            return self._by_description(self.source.describe(), ranges)
        except ObjectChangedError:  # If-Range names another version
            opened = self.source.open()
        return self._by_content(opened, ranges)

    def _open(self, ranges: Sequence[ByteRange]) -> Opened:
        """Open the range, with a condition that the server can decide: it is exactly the request's."""
        headers = self.request.headers
        if {"If-Match", "If-Unmodified-Since"} & set(headers):
            return self.source.open(*ranges)
        known = parse_etags(headers.get("If-None-Match", ""))
        if len(known) == 1 and known != ["*"]:
            return self.source.open(*ranges, none_match=known[0].removeprefix("W/"))
        if_range = headers.get("If-Range", "").strip()
        is_etag = if_range.startswith('"') and not known and "If-Modified-Since" not in headers
        return self.source.open(*ranges, match=if_range if ranges and is_etag else "")

    def _by_content(self, opened: Opened, ranges: Sequence[ByteRange]) -> HttpResponseBase:
        """Return the response for a file that has been opened, unless another part of it has to be."""
        variant = self._variant(opened.representation)
        refused = self._refused(variant)
        if refused is not None:
            opened.body.close()
            return refused
        if self._spans(variant, ranges) == [opened.span]:
            return self._part(opened.body, opened.span, variant)
        if opened.span.size != opened.representation.size:
            opened.body.close()
            opened = self.source.open()
        return self._whole(opened)

    def _by_description(self, representation: Representation, ranges: Sequence[ByteRange]) -> HttpResponseBase:
        """Return the response where the file must be known before anything is opened."""
        variant = self._variant(representation)
        refused = self._refused(variant)
        if refused is not None:
            return refused
        if self.request.method == "HEAD":
            return self._dressed(HttpResponse(), variant, variant.size)
        spans = self._spans(variant, ranges)
        if spans == []:
            response = HttpResponse(status=416)
            response["Content-Range"] = f"bytes */{variant.size}"
            return response
        try:
            if spans:
                if len(spans) > 1:
                    return self._several(spans, variant)
                return self._part(self._open_span(spans[0], variant), spans[0], variant)
        except (ObjectChangedError, UnsatisfiableRangeError):  # since it was described
            pass
        return self._whole(self.source.open())

    def _spans(self, variant: Representation, ranges: Sequence[ByteRange]) -> list[Span] | None:
        """The bytes to send; None for all, as where ranges are not possible or If-Range is not met."""
        applies = range_applies(self.request.headers.get("If-Range"), variant.etag, variant.modified)
        return resolve(ranges, variant.size) if applies and variant.size is not None else None

    def _open_span(self, span: Span, variant: Representation) -> Body:
        """Open these bytes of this version.

        Raises:
            ObjectChangedError: the file has changed, or the server ignores ranges.
        """
        opened = self.source.open(ByteRange(span.first, span.end - 1), match=variant.etag)
        if opened.span == span:
            return opened.body
        opened.body.close()
        raise ObjectChangedError("", "")

    # Variants: an encoded file is sent as it is stored, or decoded for a client that cannot do that

    def _variant(self, representation: Representation) -> Representation:
        """What is sent of the file. Decoded bytes have no known size, no ranges, and a weak ETag."""
        if self._is_decoded(representation):
            return replace(representation, size=None, etag=f"W/{representation.etag}")
        return representation

    def _is_decoded(self, representation: Representation) -> bool:
        if representation.encoding not in ("gzip", "x-gzip"):
            return False
        accepted = _GZIP.search(self.request.headers.get("Accept-Encoding", ""))
        return accepted is None or float(accepted["q"] or 1) == 0

    # Responses

    def _refused(self, variant: Representation) -> HttpResponseBase | None:
        """304 or 412 if a condition of the request says so (RFC 9110, 13.2.2)."""
        described = HttpResponse()
        self._dressed(described, variant, None)
        seconds = int(variant.modified.timestamp()) if variant.modified else None
        response = get_conditional_response(self.request, variant.etag or None, seconds, described)
        return None if response is described else response

    def _not_modified(self) -> HttpResponseBase:
        response = HttpResponseNotModified()
        response["ETag"] = parse_etags(self.request.headers["If-None-Match"])[0].removeprefix("W/")
        response["Cache-Control"] = self.presentation.headers("")["Cache-Control"]
        return response

    def _whole(self, opened: Opened) -> HttpResponseBase:
        variant = self._variant(opened.representation)
        body = opened.body if variant.size is not None else GunzipBody(opened.body)
        return self._dressed(StreamingHttpResponse(self._blocks(body)), variant, variant.size)

    def _part(self, body: Body, span: Span, variant: Representation) -> HttpResponseBase:
        response = self._dressed(PartialResponse(self._blocks(body)), variant, span.size)
        response["Content-Range"] = span.of(variant.size or 0)
        return response

    def _several(self, spans: Sequence[Span], variant: Representation) -> HttpResponseBase:
        """multipart/byteranges, with one request to the server for each part."""
        boundary = secrets.token_hex(16)
        media_type = self.presentation.headers(variant.content_type)["Content-Type"]
        headers = [
            f"\r\n--{boundary}\r\nContent-Type: {media_type}\r\n"
            f"Content-Range: {span.of(variant.size or 0)}\r\n\r\n".encode("latin-1")
            for span in spans
        ]
        end = f"\r\n--{boundary}--\r\n".encode()
        openers = [partial(self._open_span, span, variant) for span in spans]
        body = MultipartBody(zip(headers, openers, strict=True), end)
        size = sum(span.size for span in spans) + sum(map(len, [*headers, end]))
        response = self._dressed(PartialResponse(self._blocks(body)), variant, size)
        response["Content-Type"] = f"multipart/byteranges; boundary={boundary}"
        return response

    def _blocks(self, body: Body) -> SyncBlocks | AsyncBlocks:
        request = getattr(self.request, "_request", self.request)  # Django REST framework wraps it
        return AsyncBlocks(body) if isinstance(request, ASGIRequest) else SyncBlocks(body)

    def _dressed(self, response: HttpResponseBase, variant: Representation, size: int | None) -> HttpResponseBase:
        """Return the response with the headers that describe the file."""
        headers = self.presentation.headers(variant.content_type)
        if variant.etag:
            headers["ETag"] = variant.etag
        if variant.modified:
            headers["Last-Modified"] = http_date(variant.modified.timestamp())
        if variant.size is not None:
            headers["Accept-Ranges"] = "bytes"
            headers["Content-Encoding"] = variant.encoding
        if size is not None:
            headers["Content-Length"] = str(size)
        for name, value in headers.items():
            if value:
                response[name] = value
        if variant.encoding:
            patch_vary_headers(response, ["Accept-Encoding"])
        return response
