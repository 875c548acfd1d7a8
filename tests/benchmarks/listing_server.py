"""``python -m tests.benchmarks.listing_server COUNT``: an S3 server whose one bucket seems to have COUNT objects.

No server that can be started here takes ten million objects in reasonable time. It prints its port and knows two
requests: a page of ListObjectsV2, by prefix and delimiter too, and DeleteObjects, which it says to have done.
"""

from __future__ import annotations

import re
import sys
from bisect import bisect_left
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

PAGE = 1_000
ENTRY = (
    "<Contents><Key>{}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified>"
    "<ETag>&#34;9dd4e461268c8034f5c8564e155c67a6&#34;</ETag><Size>1024</Size><StorageClass>STANDARD</StorageClass></Contents>"
)
FOLDER = "<CommonPrefixes><Prefix>{}</Prefix></CommonPrefixes>"
LAST = "\U0010ffff"  # behind every letter of a key
HEAD = '<?xml version="1.0" encoding="UTF-8"?><{} xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'


def key(number: int) -> str:
    """Key of an object; the keys are in the order of the numbers."""
    return f"documents/{number // 100_000:05}/report-{number:09}-final.pdf"


class Handler(BaseHTTPRequestHandler):
    """Answers from nothing but numbers."""

    protocol_version = "HTTP/1.1"
    count = 0

    def do_GET(self) -> None:
        """Give a page of the listing."""
        query = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
        prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
        place, end = int(query.get("continuation-token") or self._first(prefix)), self._first(prefix + LAST)
        entries: list[str] = []
        while place < end and len(entries) < PAGE:
            name = key(place)
            folder, found, _ = name[len(prefix) :].partition(delimiter) if delimiter else ("", "", "")
            if found:
                entries.append(FOLDER.format(prefix + folder + found))
                place = self._first(prefix + folder + found + LAST)
            else:
                entries.append(ENTRY.format(name))
                place += 1
        more = f"<NextContinuationToken>{place}</NextContinuationToken>" if place < end else ""
        self._give(
            HEAD.format("ListBucketResult")
            + f"<IsTruncated>{str(place < end).lower()}</IsTruncated><EncodingType>url</EncodingType>"
            + f"{more}{''.join(entries)}</ListBucketResult>"
        )

    def do_POST(self) -> None:
        """Say that everything asked for is deleted."""
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        gone = "".join(f"<Deleted><Key>{one}</Key></Deleted>" for one in re.findall("<Key>(.*?)</Key>", body))
        self._give(HEAD.format("DeleteResult") + f"{gone}</DeleteResult>")

    def _first(self, least: str) -> int:
        """Number of the first object whose key is not below this one."""
        return bisect_left(range(self.count), least, key=key)

    def _give(self, text: str) -> None:
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
