"""XML answers about a bucket: taken apart, and refused if they are not whole.

The SDK's parser takes several times as long, passes the server's time over, and reads times by strptime(), whose lock a
forked child may inherit locked.
"""

from __future__ import annotations

import datetime as dt
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING
from urllib.parse import unquote_plus
from xml.etree import ElementTree as ET

from urllib3.exceptions import ProtocolError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from urllib3 import BaseHTTPResponse

MAX_SIZE_DIGITS = 18  # of a size in bytes; SQLite's integers end at 19 digits, and no object has more than 15


class XmlAnswer:
    """An answer whose elements are found by name, whatever namespace the server puts them in.

    Args:
        response: read to the end.
        root: name of the element that it has to be.
        bucket: that it is about.

    Raises:
        urllib3.exceptions.ProtocolError: it is no whole answer of that kind; the properties and methods raise it too.
    """

    def __init__(self, response: BaseHTTPResponse, root: str, bucket: str) -> None:
        self._bucket = bucket
        self._headers: Mapping[str, str] = response.headers
        try:
            self._root = ET.fromstring(response.data)  # noqa: S314 - the pool refuses document types
        except ET.ParseError as error:
            raise ProtocolError(f"An answer about bucket '{bucket}' broke off.") from error
        self.namespace, _, name = self._root.tag.rpartition("}")
        self.namespace += "}" if self.namespace else ""
        if name != root:
            told = f"{self.text('Code')} {self.text('Message')}".strip()
            raise ProtocolError(f"An answer about bucket '{bucket}' is <{name}> instead of <{root}>: {told}")
        self._is_encoded = self.text("EncodingType") == "url"

    @property
    def served_at(self) -> dt.datetime:
        """When the server gave the answer, by its own clock, in whole seconds (RFC 9110, 6.6.1)."""
        try:
            time = parsedate_to_datetime(self._headers.get("date", ""))
        except (ValueError, OverflowError) as error:
            raise ProtocolError(
                f"An answer about bucket '{self._bucket}' tells no time (header Date), so nobody knows how old the "
                "objects are."
            ) from error
        return time if time.tzinfo else time.replace(tzinfo=dt.UTC)  # "-0000" is UTC as well

    @property
    def is_truncated(self) -> bool:
        """Whether there are more pages."""
        told = self.text("IsTruncated")
        if told not in ("true", "false"):
            raise ProtocolError(f"A listing of bucket '{self._bucket}' does not tell whether it is complete.")
        return told == "true"

    def all(self, name: str) -> Iterator[ET.Element]:
        """Every child of that name."""
        return self._root.iterfind(self.namespace + name)

    def text(self, name: str, parent: ET.Element | None = None) -> str:
        """Text of the first child of that name, empty where there is none."""
        return (self._root if parent is None else parent).findtext(self.namespace + name, "")

    def decoded(self, text: str) -> str:
        """A key as it is: percent-encoded by servers that say so, a space being a plus or ``%20``."""
        return unquote_plus(text) if self._is_encoded else text

    def key_of(self, entry: ET.Element, name: str = "Key") -> str:
        """Key of a listed entry, from its child of that name."""
        key = self.decoded(self.text(name, entry))
        if not key:
            raise ProtocolError(f"A listing of bucket '{self._bucket}' has an entry without a key.")
        return key

    def size_of(self, entry: ET.Element) -> int:
        """Bytes of a listed object."""
        told = self.text("Size", entry)
        if not (told.isascii() and told.isdecimal() and len(told) <= MAX_SIZE_DIGITS):
            raise ProtocolError(f"A listing of bucket '{self._bucket}' has an object without a size.")
        return int(told)

    def time_of(self, entry: ET.Element, name: str) -> dt.datetime:
        """A time of a listed entry."""
        try:
            time = dt.datetime.fromisoformat(self.text(name, entry))
        except ValueError as error:
            raise ProtocolError(f"A listing of bucket '{self._bucket}' has an entry without a time.") from error
        return time if time.tzinfo else time.replace(tzinfo=dt.UTC)
