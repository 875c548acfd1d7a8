"""XML made to exhaust whoever parses it: refused, in bounded memory, wherever a server may send XML."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.core.files.base import ContentFile

from django_minio_backend.errors import BadResponseError
from django_minio_backend.models import MinioBackend
from django_minio_backend.s3 import deletion, listing
from tests.support.memory import peak_memory
from tests.support.rewriting_proxy import Response, rewriting_proxy

if TYPE_CHECKING:
    from collections.abc import Callable

    from tools.servers import Server

ROOT = '<{root} xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{text}<IsTruncated>false</IsTruncated></{root}>'
LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
NAMED = "<UploadId>{0}</UploadId><ETag>{0}</ETag><Code>{0}</Code><Contents><Key>{0}</Key></Contents>"

BOMBS = {
    "billion-laughs": f'<!DOCTYPE a [<!ENTITY l0 "ha">{LAUGHS}]>' + ROOT.replace("{text}", NAMED.format("&l9;")),
    "quadratic": f'<!DOCTYPE a [<!ENTITY l "{"ha" * 50_000}">]>' + ROOT.replace("{text}", NAMED.format("&l;" * 50_000)),
    "parameter-entities": "<!DOCTYPE a [<!ENTITY % l \"<!ENTITY m 'ha'>\">%l;]>"
    + ROOT.replace("{text}", NAMED.format("&m;")),
    "file": '<!DOCTYPE a [<!ENTITY l SYSTEM "file:///etc/passwd">]>' + ROOT.replace("{text}", NAMED.format("&l;")),
    "request": '<!DOCTYPE a [<!ENTITY l SYSTEM "http://{endpoint}/evil">]>'
    + ROOT.replace("{text}", NAMED.format("&l;")),
    "external-subset": '<!DOCTYPE a SYSTEM "http://{endpoint}/evil">' + ROOT.replace("{text}", NAMED.format("x")),
}


def save_in_parts(storage: MinioBackend) -> object:
    return storage.save("large.bin", ContentFile(bytes(6 * 1024**2)))


# The operation, the request that the bomb responds to, and the expected root element.
PARTS: dict[str, Any] = {
    "MINIO_MULTIPART_UPLOAD": True,
    "MINIO_MULTIPART_THRESHOLD": 5 * 1024**2,
    "MINIO_MULTIPART_PART_SIZE": 5 * 1024**2,
}
QUESTIONS: dict[str, tuple[Callable[[MinioBackend], object], str, str]] = {
    "listing": (lambda storage: storage.listdir(""), "GET list-type", "ListBucketResult"),
    "cleaning": (
        lambda storage: list(listing.list_pages(storage.s3, storage.bucket)),
        "GET list-type",
        "ListBucketResult",
    ),
    "deletion": (
        lambda storage: deletion.delete_objects(storage.s3, storage.bucket, ["a"]),
        "POST delete",
        "DeleteResult",
    ),
    "unfinished-uploads": (
        lambda storage: list(listing.list_unfinished_uploads(storage.s3, storage.bucket)),
        "GET uploads",
        "ListMultipartUploadsResult",
    ),
    "multipart-begin": (save_in_parts, "POST uploads", "InitiateMultipartUploadResult"),
    "multipart-end": (save_in_parts, "POST uploadId", "CompleteMultipartUploadResult"),
}


def bomb_of(bomb: str, root: str, endpoint: str) -> bytes:
    return BOMBS[bomb].replace("{root}", root).replace("{endpoint}", endpoint).encode()


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_document_type_is_refused_wherever_xml_is_expected(
    server: Server, minio_options: dict[str, Any], question: str
) -> None:
    operation, request, root = QUESTIONS[question]
    method, parameter = request.split()
    with rewriting_proxy(server) as rewriter:
        bodies = [bomb_of(bomb, root, rewriter.endpoint) for bomb in BOMBS]
        for body in [*bodies, bodies[0].decode().encode("utf-16"), bodies[0].decode().encode("utf-16-be")]:
            answer = Response(200, body, date="Sun, 01 Nov 2026 12:00:00 GMT")
            rewriter.rule = lambda asked, answer=answer: (  # type: ignore[misc]  # it has no other argument
                answer if asked.method == method and f"&{parameter}=" in f"&{asked.query}" else None
            )
            storage = MinioBackend(**{**minio_options, "MINIO_ENDPOINT": rewriter.endpoint}, **PARTS)
            with pytest.raises(BadResponseError, match="document type"):
                operation(storage)
        assert not [asked for asked in rewriter.requests if "evil" in asked.path]


SCRIPT = """
import os
from functools import partial
from django_minio_backend.s3.errors import FAILURES
from django_minio_backend.models import MinioBackend
from tests.support.memory import measured
from tests.support.settings import made_up

storages = [
    MinioBackend(**made_up(MINIO_ENDPOINT=os.environ["ENDPOINT"], MINIO_DEFAULT_BUCKET=bomb))
    for bomb in os.environ["BOMBS"].split()
]
storages[0].client
with measured():
    for operation in (*(partial(storage.listdir, "") for storage in storages), storages[0].client.list_buckets):
        try:
            operation()
        except FAILURES as error:
            assert len(str(error)) < 1_000, len(str(error))
"""


@pytest.mark.parametrize("status", [200, 403], ids=["success", "error"])
def test_no_bomb_takes_much_memory(server: Server, status: int) -> None:
    """The SDK parses errors by itself: Expat bounds what entities expand to, from 2.4.1 on, as Python 3.11 has it."""
    root = "ListBucketResult" if status == 200 else "Error"

    with rewriting_proxy(server) as rewriter:
        bodies = {bomb: bomb_of(bomb, root, rewriter.endpoint) for bomb in BOMBS}
        bodies["deep"] = b"<a>" * 300_000
        # The bucket says which bomb is meant; without one it is the list of buckets.
        rewriter.rule = lambda asked: Response(status, bodies.get(asked.path.split("/")[1], bodies["billion-laughs"]))
        environment = {"ENDPOINT": rewriter.endpoint, "BOMBS": " ".join(bodies)}
        memory = peak_memory(SCRIPT, DJANGO_SETTINGS_MODULE="tests.settings", **environment)
        assert {asked.path.split("/")[1] for asked in rewriter.requests} == {"", *bodies}
    assert memory.growth < 96
