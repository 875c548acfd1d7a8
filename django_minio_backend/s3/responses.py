"""Responses of S3: values in headers, and XML documents.

XML is parsed here and not by the SDK, whose parser takes several times as long, ignores the Date header, and reads
times with strptime(), whose lock may be held forever in a forked child.
"""

from __future__ import annotations

import datetime as dt
import re
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import TYPE_CHECKING, cast
from urllib.parse import unquote_plus
from xml.etree import ElementTree as ET

from minio.error import S3Error
from urllib3.exceptions import ProtocolError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from urllib3 import BaseHTTPResponse

MAX_COLUMNS = 16  # children of a listed entry; S3 has half as many
MAX_SIZE_DIGITS = 18  # of a size in bytes; SQLite's integers end at 19 digits, and no object has more than 15

_CONTROLS = bytes([*range(32), 127])


class TruncatedResponse(ProtocolError):  # noqa: N818 - named as the condition
    """A response lacks what S3 always sends, as if its connection had been cut; nobody knows what the request did."""


def etag_of(response: BaseHTTPResponse) -> str:
    """Return the ETag without its quotes; empty if there is none."""
    return str(response.headers.get("etag", "")).removeprefix("W/").strip('"')


def size_of(response: BaseHTTPResponse) -> int:
    """Return the Content-Length in bytes.

    Raises:
        TruncatedResponse: there is none.
    """
    value = response.headers.get("content-length", "")
    if not _are_sizes([value]):
        raise TruncatedResponse("The response about an object has no valid Content-Length header.")
    return int(value)


def time_of(headers: Mapping[str, str], name: str) -> dt.datetime:
    """Return the time in a header (RFC 9110, 5.6.7).

    Raises:
        TruncatedResponse: there is none.
    """
    try:
        time = parsedate_to_datetime(headers.get(name, ""))
    except (ValueError, OverflowError) as error:
        raise TruncatedResponse(f"The response has no valid {name} header.") from error
    return time if time.tzinfo else time.replace(tzinfo=dt.UTC)  # "-0000" is UTC, too


def content_range(response: BaseHTTPResponse) -> tuple[int, int, int] | None:
    """Return first byte, end (not included) and size of the whole object (RFC 9110, 14.4); None if not valid."""
    match = re.fullmatch(r"bytes ([0-9]{1,19})-([0-9]{1,19})/([0-9]{1,19})", response.headers.get("content-range", ""))
    if match is None:
        return None
    first, last, size = (int(number) for number in match.groups())
    return (first, last + 1, size) if first <= last < size else None


class XmlResponse:
    """An XML document whose elements are found by name, whatever namespace the server puts them in.

    Args:
        response: read to the end.
        root: the expected name of the root element.
        bucket: the request's bucket, for errors.
        also: another name that some servers give it (moto names it by the operation).
        rows: name of the many similar children that the document may have, for ``columns``.

    Raises:
        urllib3.exceptions.ProtocolError: the document is incomplete or of another kind. Methods raise it for a missing
            or invalid value.
    """

    def __init__(self, response: BaseHTTPResponse, root: str, bucket: str, *, also: str = "", rows: str = "") -> None:
        self._bucket = bucket
        self._kind = root
        self._response = response
        document, self._columns = _split(response.data or b"", rows) if rows else (response.data, None)
        self._root = self._parsed(document)
        self.namespace, _, name = self._root.tag.rpartition("}")
        self.namespace += "}" if self.namespace else ""
        if name not in {root, also}:
            details = f"{self.text('Code')} {self.text('Message')}".strip()
            raise ProtocolError(f"The response about bucket '{bucket}' is <{name}> instead of <{root}>: {details}")
        self._is_encoded = self.text("EncodingType") == "url"

    @property
    def served_at(self) -> dt.datetime:
        """Time of the response, by the server's clock, in whole seconds (RFC 9110, 6.6.1)."""
        try:
            return time_of(self._response.headers, "Date")
        except TruncatedResponse as error:
            raise TruncatedResponse(
                f"The response about bucket '{self._bucket}' has no valid Date header, so the objects' age is unknown."
            ) from error

    @property
    def is_truncated(self) -> bool:
        """Whether there are more pages."""
        value = self.text("IsTruncated")
        if value not in ("true", "false"):
            raise ProtocolError(f"A listing of bucket '{self._bucket}' has no IsTruncated, so it may be incomplete.")
        return value == "true"

    def all(self, name: str) -> Iterator[ET.Element]:
        """Iterate over the children of that name."""
        return self._root.iterfind(self.namespace + name)

    def columns(self, rows: str, *names: str) -> list[list[str]]:
        """Return the texts of the children of these names of all ``rows``: a list for each name, empty if missing."""
        if self._columns is not None:
            missing = [""] * len(next(iter(self._columns.values())))
            columns = [_literal(self._columns.get(name, missing)) for name in names]
            if None not in columns:
                return cast("list[list[str]]", columns)
            self._root, self._columns = self._parsed(self._response.data), None
        elements = list(self.all(rows))
        return [[self.text(name, element) for element in elements] for name in names]

    def _parsed(self, document: bytes) -> ET.Element:
        try:
            return ET.fromstring(document)  # noqa: S314 - the pool refuses document types
        except ET.ParseError as error:
            raise TruncatedResponse(f"The <{self._kind}> of bucket '{self._bucket}' is incomplete.") from error

    def text(self, name: str, parent: ET.Element | None = None) -> str:
        """Return the text of the first child of that name; empty if there is none."""
        return (self._root if parent is None else parent).findtext(self.namespace + name, "")

    def required(self, name: str) -> str:
        """Return the text of the root's child of that name."""
        text = self.text(name)
        if not text:
            raise ProtocolError(f"The response about bucket '{self._bucket}' has no {name}.")
        return text

    def error(self, key: str) -> S3Error:
        """Return the SDK's error for an error document."""
        return S3Error(
            response=self._response,
            code=self.text("Code"),
            message=self.text("Message"),
            resource=self.text("Resource"),
            request_id=self.text("RequestId"),
            host_id=self.text("HostId"),
            bucket_name=self._bucket,
            object_name=key,
        )

    def decoded(self, text: str) -> str:
        """Return a key without percent-encoding, where the server says that it has encoded keys."""
        return text if self._is_literal(text) else unquote_plus(text)

    def keys_of(self, texts: list[str]) -> list[str]:
        """Return the keys that the texts of listed entries hold."""
        if "" in texts:
            raise ProtocolError(f"A listing of bucket '{self._bucket}' has an entry without a key.")
        return texts if self._is_literal("".join(texts)) else list(map(self.decoded, texts))

    def _is_literal(self, text: str) -> bool:
        return not self._is_encoded or ("%" not in text and "+" not in text)

    def sizes_of(self, texts: Sequence[str]) -> list[int]:
        """Return listed objects' sizes in bytes."""
        if not _are_sizes(texts):
            raise ProtocolError(f"A listing of bucket '{self._bucket}' has an object without a size.")
        return list(map(int, texts))

    def times_of(self, texts: Sequence[str]) -> list[dt.datetime]:
        """Return the times of listed entries."""
        try:
            times = list(map(dt.datetime.fromisoformat, texts))
        except ValueError as error:
            raise ProtocolError(f"A listing of bucket '{self._bucket}' has an entry without a time.") from error
        return [time if time.tzinfo else time.replace(tzinfo=dt.UTC) for time in times]


def _are_sizes(texts: Sequence[str]) -> bool:
    digits = "".join(texts)
    is_decimal = digits.isascii() and digits.isdecimal()
    return not texts or (is_decimal and all(texts) and max(map(len, texts)) <= MAX_SIZE_DIGITS)


def _split(data: bytes, name: str) -> tuple[bytes, dict[str, list[str]] | None]:
    """Return a document without its elements of this name, and the texts of their children by the children's names.

    A page of a listing has thousands of elements. ElementTree takes several times as long for them, most of it in the
    garbage collector. So elements that are as plain as those of all servers at hand are found by one expression. It
    matches balanced tags and text only, which leaves a document that is complete if the whole was. If one element is
    different, or anything around them changes how text is read, the whole is returned and None.
    """
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return data, None
    first, begin = text.find(f"<{name}>"), f"<{name}>"
    names = tuple(re.findall("<([A-Za-z]+)>", text[first + len(begin) : text.find(f"</{name}>", first)]))
    if first < 0 or not 0 < len(names) == len(set(names)) <= MAX_COLUMNS:
        return data, None
    parts = _row_pattern(name, names).split(text)
    step = len(names) + 1
    rest = "".join(parts[::step])
    if f"<{name}" in rest or not _is_plain(rest):
        return data, None
    return rest.encode(), {column: parts[place::step] for place, column in enumerate(names, 1)}


def _is_plain(rest: str) -> bool:
    """Whether a document is UTF-8 without comments and sections, which begin in this rest if they enclose elements."""
    return "<!" not in rest and rest.count("<?") == ('encoding="utf-8"?>' in rest[:64].lower())


def _literal(texts: list[str]) -> list[str] | None:
    """Return texts as an XML parser reads them.

    None if anything but quotes is escaped (servers escape those in ETags), or a character is invalid or normalised.
    """
    joined = "<".join(texts)
    if "&" in joined:
        joined = joined.replace("&#34;", '"').replace("&quot;", '"')
        texts = joined.split("<")
    if "&" in joined:
        return None
    # For ASCII, this takes less than half of the time of isprintable().
    plain = len(joined.encode().translate(None, _CONTROLS)) == len(joined) if joined.isascii() else joined.isprintable()
    return texts if plain else None


@lru_cache(maxsize=16)
def _row_pattern(name: str, names: tuple[str, ...]) -> re.Pattern[str]:
    """Return the pattern of an element that has children of these names in this order, which have text only."""
    return re.compile(f"<{name}>{''.join(f'<{child}>([^<]*+)</{child}>' for child in names)}</{name}>")
