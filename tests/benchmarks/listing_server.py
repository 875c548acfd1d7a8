"""``python -m tests.benchmarks.listing_server COUNT``: an S3 server with a bucket of COUNT generated objects.

Storing ten million objects on a real server takes too long. This one prints its port and implements three operations:
ListObjectsV2, with prefix and delimiter; ListMultipartUploads, which lists none; and DeleteObjects, which reports
success and deletes nothing.
"""

from __future__ import annotations

import re
import sys
from bisect import bisect_left
from email.utils import formatdate
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

PAGE = 1_000
VARIES = -len("000-final.pdf")  # end of the part of a key that all of a page share
ENTRY = (
    "<Contents><Key>{}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified>"
    "<ETag>&#34;9dd4e461268c8034f5c8564e155c67a6&#34;</ETag><Size>1024</Size><StorageClass>STANDARD</StorageClass></Contents>"
)
FOLDER = "<CommonPrefixes><Prefix>{}</Prefix></CommonPrefixes>"
LAST = "\U0010ffff"  # greater than every character of a key
HEAD = '<?xml version="1.0" encoding="UTF-8"?><{} xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'


def key(number: int) -> str:
    """Key of an object; the keys are in the order of the numbers."""
    return f"documents/{number // 100_000:05}/report-{number:09}-final.pdf"


def _entries(first: int, end: int) -> str:
    """Return the entries of a page. Those of whole pages come from the first, as the client is to be measured."""
    if first == 0 or first % PAGE or end - first < PAGE:
        return "".join([ENTRY.format(key(number)) for number in range(first, end)])
    return _first_page().replace(key(0)[:VARIES], key(first)[:VARIES])


@cache
def _first_page() -> str:
    return _entries(0, PAGE)


class Handler(BaseHTTPRequestHandler):
    """Generates responses from the numbers of the objects."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    count = 0

    def do_GET(self) -> None:
        """Send a page of the objects, or the empty listing of unfinished uploads."""
        parameters = parse_qs(urlsplit(self.path).query, keep_blank_values=True)
        if "uploads" in parameters:
            root = "ListMultipartUploadsResult"
            self._send(HEAD.format(root) + f"<IsTruncated>false</IsTruncated></{root}>")
            return
        self._send_page({name: values[0] for name, values in parameters.items()})

    def _send_page(self, query: dict[str, str]) -> None:
        prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
        place, end = int(query.get("continuation-token") or self._first(prefix)), self._first(prefix + LAST)
        if delimiter:
            entries, place = self._folders(prefix, delimiter, place, end)
        else:
            first, place = place, min(place + PAGE, end)
            entries = [_entries(first, place)]
        more = f"<NextContinuationToken>{place}</NextContinuationToken>" if place < end else ""
        self._send(
            HEAD.format("ListBucketResult")
            + f"<IsTruncated>{str(place < end).lower()}</IsTruncated><EncodingType>url</EncodingType>"
            + f"{more}{''.join(entries)}</ListBucketResult>"
        )

    def _folders(self, prefix: str, delimiter: str, place: int, end: int) -> tuple[list[str], int]:
        """Entries of a page in which keys are grouped by the delimiter, and the place of the next page."""
        entries: list[str] = []
        while place < end and len(entries) < PAGE:
            name = key(place)
            folder, separator, _ = name[len(prefix) :].partition(delimiter)
            entries.append((FOLDER if separator else ENTRY).format(prefix + folder + separator if separator else name))
            place = self._first(prefix + folder + separator + LAST) if separator else place + 1
        return entries, place

    def do_POST(self) -> None:
        """Report that all keys of the request are deleted."""
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        deleted = "".join(f"<Deleted><Key>{each}</Key></Deleted>" for each in re.findall("<Key>(.*?)</Key>", body))
        self._send(HEAD.format("DeleteResult") + f"{deleted}</DeleteResult>")

    def _first(self, least: str) -> int:
        """Number of the first object with this key or a greater one."""
        return bisect_left(range(self.count), least, key=key)

    def _send(self, text: str) -> None:
        body = text.encode()
        self.send_response_only(200)
        self.send_header("Date", formatdate(usegmt=True))
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def main() -> None:
    """Serve until the process is ended."""
    Handler.count = int(sys.argv[1])
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        print(server.server_port, flush=True)  # noqa: T201 - read by the parent process
        server.serve_forever()


if __name__ == "__main__":
    main()
