"""Requests, responses and errors of S3, and the XML that they contain."""

from __future__ import annotations

import datetime as dt
import time
from dataclasses import dataclass, field
from email.utils import formatdate
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote, urlsplit
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from collections.abc import Mapping

    Content = bytes | memoryview

NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
STATUS_OF = {
    "AccessDenied": 403,
    "BucketAlreadyOwnedByYou": 409,
    "BucketNotEmpty": 409,
    "InvalidAccessKeyId": 403,
    "InvalidRange": 416,
    "MissingContentLength": 411,
    "NoSuchBucket": 404,
    "NoSuchBucketPolicy": 404,
    "NoSuchKey": 404,
    "NoSuchUpload": 404,
    "NoSuchVersion": 404,
    "NotImplemented": 501,
    "PreconditionFailed": 412,
    "RequestTimeTooSkewed": 403,
    "SignatureDoesNotMatch": 403,
}
"""HTTP status by the code of an error; all others are 400.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
"""
HTTP_BAD_REQUEST = 400


class RequestError(Exception):
    """A request that is refused with an error document.

    Attributes:
        code: of the error.
        message: in words.
        headers: further response headers.
    """

    def __init__(self, code: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.headers = dict(headers or {})


def not_supported(what: str) -> RequestError:
    """The error for what the server in memory does not know."""
    return RequestError(
        "NotImplemented", f"{what} is not supported by the server in memory. Test it with a real server."
    )


class Request:
    """One request as it arrives at the server.

    Attributes:
        url: whole.
        headers: by name in lower case, with Host and Content-Length.
        body: as sent.
        path: decoded.
        query: the decoded parameters in their order.
        parameters: the same by name.
    """

    __slots__ = ("body", "headers", "method", "parameters", "path", "query", "url")

    def __init__(self, method: str, url: str, headers: Mapping[str, str], body: bytes = b"") -> None:
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body
        parts = urlsplit(url)
        self.path = unquote(parts.path) or "/"
        self.query = parse_qsl(parts.query, keep_blank_values=True) if parts.query else []
        self.parameters = dict(self.query)

    def header(self, name: str) -> str:
        """A header's value; empty if there is none."""
        return self.headers.get(name, "")

    def number(self, name: str, default: int, *, limit: int) -> int:
        """A parameter that is a number from 0 to ``limit``; larger ones count as the limit.

        Raises:
            RequestError: it is something else.
        """
        text = self.parameters.get(name, "") or str(default)
        if not (text.isascii() and text.isdecimal()):
            raise RequestError("InvalidArgument", f"{name} must be a number from 0 to {limit}.")
        return min(int(text[:10]), limit)


@dataclass
class Response:
    """One response; the server adds Date, Content-Length and the like."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: Content = b""


def xml_response(name: str, content: str, *, status: int = 200) -> Response:
    """A response with an XML document of S3's namespace."""
    document = f'<?xml version="1.0" encoding="UTF-8"?>\n<{name} xmlns="{NAMESPACE}">{content}</{name}>'
    return Response(status, {"Content-Type": "application/xml"}, document.encode("utf-8", "replace"))


def error_response(error: RequestError, resource: str, request_id: str) -> Response:
    """The response that reports an error."""
    details = element("Code", error.code), element("Message", error.message), element("Resource", resource)
    content = "".join((*details, element("RequestId", request_id), element("HostId", "memory")))
    document = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error>{content}</Error>'
    # HEAD has no body, so MinIO repeats code and message in headers.
    repeated = {"x-minio-error-code": error.code, "x-minio-error-desc": f'"{error.message}"'}
    headers = {"Content-Type": "application/xml", **repeated, **error.headers}
    return Response(STATUS_OF.get(error.code, HTTP_BAD_REQUEST), headers, document.encode("utf-8", "replace"))


def element(name: str, text: object) -> str:
    """An XML element with text."""
    return f"<{name}>{escape(str(text), {chr(13): '&#xD;'})}</{name}>"


def parsed_xml(body: bytes) -> ET.Element:
    """The root of a document, with names that have no namespace.

    Raises:
        RequestError: it is not XML.
    """
    try:
        if b"<!DOCTYPE" in body:
            raise RequestError("MalformedXML", "The XML has a document type.")
        root = ET.fromstring(body)  # noqa: S314 - a document type is refused above
    except ET.ParseError as error:
        raise RequestError("MalformedXML", f"The XML is not well-formed: {error}.") from None
    for node in root.iter():
        node.tag = node.tag.rpartition("}")[2]
    return root


def http_date(seconds: float) -> str:
    """A time as in Last-Modified; ``seconds`` since 1970."""
    return _http_date(int(seconds))


@lru_cache(maxsize=64)
def _http_date(second: int) -> str:
    return formatdate(second, usegmt=True)


def iso_date(seconds: float) -> str:
    """A time as in listings, in milliseconds."""
    moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    return f"{moment}.{int(seconds % 1 * 1000):03}Z"


def seconds_of(text: str) -> float | None:
    """Seconds since 1970 of a time in UTC in a format of ISO 8601, as X-Amz-Date has it; None if it has another one."""
    try:
        return dt.datetime.fromisoformat(text).timestamp() if text.endswith("Z") else None
    except ValueError:
        return None
