"""Whatever a name is, no method of a storage reaches out of its bucket and MINIO_LOCATION: the wire is watched."""

from __future__ import annotations

import inspect
import io
import posixpath
from random import Random
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
import urllib3
from django.core.exceptions import SuspiciousFileOperation
from django.core.files.base import ContentFile
from minio.error import MinioException

from django_minio_backend.models import MinioBackend
from tests.support.wire import requests_made

if TYPE_CHECKING:
    from collections.abc import Callable

    from minio import Minio

    from tests.support.wire import Request

LOCATION = "media/inner"
SECRET = b"outside of the storage"
# Neighbours whose keys begin alike, too: "media/inner" is a prefix of the last three.
OUTSIDE = ("outside.txt", "media/outside.txt", "media/innermost.txt", "media/inner.txt", "media/inner2/outside.txt")

# What a request can end with; anything else would be an accident on the way.
REFUSALS = (SuspiciousFileOperation, ValueError, OSError, MinioException, urllib3.exceptions.HTTPError)

TRAVERSALS = ["..", "../", "../outside.txt", "../../outside.txt", "a/../../outside.txt", "./../outside.txt", "....//a"]
PIECES = [
    *("..", ".", "...", "..;", "....", "~", "", " ", "outside.txt", "media", "inner", "a", "a.txt", "b c.txt"),
    *("%2e%2e", "%2E%2E", "%252e%252e", "..%2f", "%2f", "%5c", "..%5c", "%00", "%0d%0a", "..%c0%af", "%u002e"),
    *("\N{FULLWIDTH FULL STOP}" * 2, "\N{ONE DOT LEADER}" * 2, "\N{TWO DOT LEADER}", "\N{FULLWIDTH SOLIDUS}"),
    *("..\N{DIVISION SLASH}", "\N{FRACTION SLASH}", "\N{FULLWIDTH REVERSE SOLIDUS}", "\N{RIGHT-TO-LEFT OVERRIDE}txt"),
    *(
        "\0",
        "a\0b",
        "\r\n",
        "a\r\nHost: evil",
        "\t",
        "\x1b[2J",
        "\x7f",
        "\x85",
        "\N{LINE SEPARATOR}",
        "\ufeff",
        "\ud800",
    ),
    *(
        "?",
        "?versionId=null",
        "?acl",
        "?uploads",
        "?prefix=",
        "a?b#c",
        "#",
        "#..",
        "&",
        "&prefix=",
        "=",
        "+",
        "*",
        "$(id)",
    ),
    *(
        "C:",
        "C:\\",
        "D:outside.txt",
        "\\\\host\\share",
        "CON",
        "nul.txt",
        "a:b",
        "a|b",
        "<a>",
        "a>b",
        '"',
        "'",
        "`id`",
        ";",
    ),
    *(
        "http:",
        "http://evil.test",
        "https:evil.test",
        "s3:",
        "file:",
        "file:///etc/passwd",
        "//evil.test",
        "@evil.test",
    ),
    *("e\N{COMBINING ACUTE ACCENT}", "\N{LATIN SMALL LETTER E WITH ACUTE}", "\N{EARTH GLOBE EUROPE-AFRICA}", "n" * 200),
]
JOINTS = ["/", "/", "/", "\\", "//", "/./", "/../", "\\..\\", "%2f", ""]
HEADS = ["", "", "", "", "/", "\\", "./", "../", "..\\", "//", "~/", "C:/"]


def odd_names(count: int) -> list[str]:
    """The same names in every run, each once."""
    dice = Random(14)
    names = dict.fromkeys([*TRAVERSALS, *PIECES, "n" * 1025, "\N{EARTH GLOBE EUROPE-AFRICA}" * 257, "a/" * 400 + "a"])
    while len(names) < count:
        pieces = [dice.choice(PIECES) for _ in range(dice.randint(1, 4))]
        names[dice.choice(HEADS) + "".join(piece + dice.choice(JOINTS) for piece in pieces[:-1]) + pieces[-1]] = None
    return list(names)[:count]


NAMES = odd_names(500)
BATCHES = 10


def save(storage: MinioBackend, name: str) -> object:
    return storage.save(name, ContentFile(b"inside"))


def read(storage: MinioBackend, name: str) -> object:
    with storage.open(name) as file:
        return file.read()


def write(storage: MinioBackend, name: str) -> object:
    with storage.open(name, "w") as file:
        file.write("inside")
    return None


def write_new(storage: MinioBackend, name: str) -> object:
    with storage.open(name, "xb") as file:
        file.write(b"inside")
    return None


def post_form(storage: MinioBackend, name: str) -> object:
    form = storage.presigned_upload(name, max_size=10)
    return f"{form.url}/{form.fields['key']}"


def put_url(storage: MinioBackend, name: str) -> object:
    return storage.presigned_upload(name, max_size=10, size=6, method="PUT").url


def accept(storage: MinioBackend, name: str) -> object:
    accepted = storage.accept_upload(name)
    storage.delete(accepted)
    return accepted


# What takes a name, by the name of the method.
METHODS: dict[str, list[Callable[[MinioBackend, str], object]]] = {
    "save": [save],
    "open": [write, read, write_new],
    "exists": [MinioBackend.exists],
    "stat": [MinioBackend.stat],
    "size": [MinioBackend.size],
    "get_modified_time": [MinioBackend.get_modified_time],
    "listdir": [MinioBackend.listdir],
    "is_name_available": [lambda storage, name: storage.is_name_available(name)],
    "get_available_name": [MinioBackend.get_available_name],
    "get_valid_name": [MinioBackend.get_valid_name],
    "generate_filename": [MinioBackend.generate_filename],
    "key": [MinioBackend.key],
    "url": [MinioBackend.url, lambda storage, name: storage.url(name, expires=60)],
    "urls": [lambda storage, name: storage.urls([name])],
    "presigned_upload": [post_form, put_url],
    "accept_upload": [accept],
    "delete": [MinioBackend.delete],
}
# Django's methods that a storage without files on disk does not have.
NOT_IMPLEMENTED = {"path", "get_accessed_time", "get_created_time"}


def is_inside(path: str) -> bool:
    """Whether a decoded path is below the location whatever a server, proxy or browser makes of its dots."""
    below = path.partition(f"/{LOCATION}/")[2].removesuffix("/")  # delete("a/") is for the key a/
    return bool(below) and ".." not in below.split("/") and posixpath.normpath(below) == below


def stays_inside(request: Request, bucket: str) -> bool:
    url = urlsplit(request.url)
    if url.path in (f"/{bucket}", f"/{bucket}/"):
        prefix = parse_qs(url.query, keep_blank_values=True).get("prefix", [""])[0]
        return (request == "GET" and prefix.startswith(f"{LOCATION}/")) or (request == "HEAD" and not url.query)
    source = unquote(str(request.headers.get("x-amz-copy-source", f"/{bucket}/{LOCATION}/x")))
    return (
        url.path.startswith(f"/{bucket}/{LOCATION}/")
        and is_inside(unquote(url.path))
        and source.lstrip("/").startswith(f"{bucket}/{LOCATION}/")
        and is_inside(f"/{source.lstrip('/')}")
        and request.url.isascii()
        and request.url.isprintable()
    )


@pytest.fixture
def inside(minio_options: dict[str, Any]) -> MinioBackend:
    return MinioBackend(**minio_options, MINIO_LOCATION=LOCATION)


def test_every_method_that_takes_a_name_is_tried() -> None:
    public = inspect.getmembers(MinioBackend, inspect.isfunction)
    takes_names = {
        name
        for name, method in public
        if not name.startswith("_")
        and {"name", "names", "path", "filename"} & set(inspect.signature(method).parameters)
    }
    assert takes_names - NOT_IMPLEMENTED <= set(METHODS)


@pytest.mark.parametrize("batch", range(BATCHES))
def test_no_name_reaches_out_of_bucket_and_location(inside: MinioBackend, sdk: Minio, batch: int) -> None:
    bucket = inside.bucket
    for key in OUTSIDE:
        sdk.put_object(bucket_name=bucket, object_name=key, data=io.BytesIO(SECRET), length=len(SECRET))
    before = {key: sdk.stat_object(bucket_name=bucket, object_name=key).etag for key in OUTSIDE}

    addresses: list[tuple[str, str]] = []
    with requests_made() as made:
        for name in NAMES[batch::BATCHES]:
            for kind, operations in METHODS.items():
                for operation in operations:
                    seen = len(made)
                    try:
                        result = operation(inside, name)
                    except REFUSALS:
                        result = None
                    assert [request for request in made[seen:] if not stays_inside(request, bucket)] == [], (kind, name)
                    assert result != SECRET, (kind, name)
                    if kind in ("url", "urls", "presigned_upload"):
                        found = result.values() if isinstance(result, dict) else [result]
                        addresses += [(name, str(url)) for url in found if url]

    assert len(made) > len(NAMES) // BATCHES
    for name, url in addresses:
        start = f"{inside.base_url}/{bucket}/{LOCATION}/"
        assert url.startswith(start), name
    after = {key: sdk.stat_object(bucket_name=bucket, object_name=key).etag for key in OUTSIDE}
    assert after == before
    listed = {str(found.object_name) for found in sdk.list_objects(bucket_name=bucket, recursive=True)}
    assert {key for key in listed if not key.startswith(f"{LOCATION}/")} == set(OUTSIDE)
