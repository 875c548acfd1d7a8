"""The server loses the parts of an upload while it makes the object of them: the save begins again, once."""

from __future__ import annotations

import re
import threading
from typing import TYPE_CHECKING, Any

import pytest
from django.core.files.base import ContentFile
from minio.error import S3Error

from django_minio_backend.direct_uploads.transfer import StoredObject
from django_minio_backend.direct_uploads.uploaded_object import UploadedObject
from django_minio_backend.models import MinioBackend
from tests.storage.contents import IN_PARTS, MIB, Pipe, contents_of, some_bytes
from tests.support.buckets import unfinished_uploads
from tests.support.proxy import Proxy
from tests.support.rewriting_proxy import HANG_UP, Response, rewriting_proxy, s3_error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from minio import Minio

    from tests.support.rewriting_proxy import Received, RewritingProxy
    from tools.servers import Server

DATA = some_bytes(6 * MIB)


@pytest.fixture
def rewriter(server: Server) -> Iterator[RewritingProxy]:
    with rewriting_proxy(server) as running:
        yield running


@pytest.fixture
def options(minio_options: dict[str, Any], rewriter: RewritingProxy) -> dict[str, Any]:
    return {**minio_options, **IN_PARTS, "MINIO_ENDPOINT": rewriter.endpoint}


def completions(*responses: Response | None) -> Callable[[Received], Response | None]:
    """A rule: these responses to the first completions; None passes one on."""
    waiting = list(responses)

    def rule(request: Received) -> Response | None:
        is_completion = request.method == "POST" and "uploadId=" in request.query
        return waiting.pop(0) if is_completion and waiting else None

    return rule


INVALID_PART = s3_error(400, "InvalidPart")
LOST = {
    "a part is missing": (INVALID_PART,),
    "a retry finds a part missing": (HANG_UP, INVALID_PART),
    "a retry finds no upload": (HANG_UP, s3_error(404, "NoSuchUpload")),
}


@pytest.mark.parametrize("make", [ContentFile, Pipe])
@pytest.mark.parametrize("responses", LOST.values(), ids=LOST)
@pytest.mark.needs("conditional-writes")
def test_a_save_begins_again(
    storage: MinioBackend,
    options: dict[str, Any],
    rewriter: RewritingProxy,
    sdk: Minio,
    bucket: str,
    responses: tuple[Response, ...],
    make: Callable[[bytes], Any],
) -> None:
    rewriter.rule = completions(*responses)
    assert MinioBackend(**options).save("a.bin", make(DATA)) == "a.bin"
    assert contents_of(storage) == {"a.bin": DATA}
    assert unfinished_uploads(sdk, bucket, "a.bin") == []


def test_a_replacement_begins_again(storage: MinioBackend, options: dict[str, Any], rewriter: RewritingProxy) -> None:
    rewriter.rule = completions(INVALID_PART)
    assert MinioBackend(**options, replace_existing=True).save("a.bin", ContentFile(DATA)) == "a.bin"
    assert contents_of(storage) == {"a.bin": DATA}


REPLACING: dict[str, Any] = {"replace_existing": True}


@pytest.mark.parametrize(
    ("make", "more", "responses"),
    [
        pytest.param(ContentFile, {}, (INVALID_PART, INVALID_PART), id="a second time"),
        pytest.param(Pipe, REPLACING, (INVALID_PART,), id="with a pipe of which no copy is kept"),
        pytest.param(ContentFile, {}, (s3_error(404, "NoSuchUpload"),), id="by somebody else's abort"),
    ],
)
def test_lost_parts_are_an_error_and_nothing_is_stored(
    options: dict[str, Any],
    rewriter: RewritingProxy,
    sdk: Minio,
    make: Callable[[bytes], Any],
    more: dict[str, Any],
    responses: tuple[Response, ...],
) -> None:
    storage = MinioBackend(**options, **more)
    rewriter.rule = completions(*responses)
    with pytest.raises(S3Error):
        storage.save("a.bin", make(DATA))
    assert contents_of(storage) == {}
    assert unfinished_uploads(sdk, storage.bucket, "a.bin") == []


@pytest.mark.needs("conditional-writes")
def test_a_direct_upload_is_copied_again(options: dict[str, Any], rewriter: RewritingProxy) -> None:
    storage = MinioBackend(**options)
    key = ".direct-uploads/0123456789abcdef"
    etag = storage.s3.put(storage.bucket, key, DATA, {})
    stored = StoredObject(storage.s3, storage.bucket, key, etag, len(DATA))
    file = UploadedObject("receipt", stored, name="a.bin", content_type="application/octet-stream")
    rewriter.rule = completions(INVALID_PART)
    assert storage.save("a.bin", file) == "a.bin"
    assert contents_of(storage) == {"a.bin": DATA}
    assert not [request for request in rewriter.requests if request.method == "PUT" and request.body][1:]


@pytest.mark.needs("conditional-writes")
def test_a_completion_that_worked_after_all_is_not_repeated(
    storage: MinioBackend, options: dict[str, Any], rewriter: RewritingProxy
) -> None:
    rewriter.afterwards = completions(INVALID_PART)  # the server has carried it out
    assert MinioBackend(**options).save("a.bin", ContentFile(DATA)) == "a.bin"
    assert contents_of(storage) == {"a.bin": DATA}
    assert len([request for request in rewriter.requests if request.query.startswith("uploads")]) == 1


@pytest.mark.parametrize("make", [ContentFile, Pipe])
@pytest.mark.needs("conditional-writes")
def test_a_completion_that_works_late_is_recognised_by_the_second_upload(
    storage: MinioBackend, options: dict[str, Any], rewriter: RewritingProxy, make: Callable[[bytes], Any]
) -> None:
    """The object of the first upload appears when the second one is under way: there is one object in the end."""
    storage_sees: list[Response | None] = [s3_error(404, "NoSuchKey")]
    rewriter.afterwards = completions(INVALID_PART)

    def not_yet(request: Received) -> Response | None:
        is_check = request.method == "HEAD" and any("uploadId" in sent.query for sent in rewriter.requests)
        return storage_sees.pop() if is_check and storage_sees else None

    rewriter.rule = not_yet
    assert MinioBackend(**options).save("a.bin", make(DATA)) == "a.bin"
    assert contents_of(storage) == {"a.bin": DATA}
    assert len([request for request in rewriter.requests if request.query.startswith("uploads")]) == 2


@pytest.mark.needs("conditional-writes")
def test_another_writer_s_object_is_not_replaced_by_the_second_upload(
    storage: MinioBackend, options: dict[str, Any], rewriter: RewritingProxy
) -> None:
    refuse = completions(INVALID_PART)

    def other_writer(request: Received) -> Response | None:
        refused = refuse(request)
        if refused is not None:
            storage.save("a.bin", ContentFile(b"of another writer"))
        return refused

    rewriter.rule = other_writer
    name = MinioBackend(**options).save("a.bin", ContentFile(DATA))
    assert name != "a.bin"
    assert contents_of(storage) == {"a.bin": b"of another writer", name: DATA}


class _BreaksCompletions(Proxy):
    """Breaks all connections a moment after the next completion has been sent to the server."""

    moment: float | None = None

    def _wants_swallowing(self, data: bytes) -> bool:
        if self.moment is not None and re.match(rb"POST \S+uploadId=", data):
            threading.Timer(self.moment, self.break_connections).start()
            self.moment = None
        return super()._wants_swallowing(data)


def test_saves_survive_connections_that_break_while_the_object_is_made(
    server: Server, storage: MinioBackend, minio_options: dict[str, Any]
) -> None:
    """MinIO loses the parts of about one in seven of these uploads; one of them is enough to fail without a second."""
    with _BreaksCompletions(server.endpoint) as network:
        faulty = MinioBackend(**{**minio_options, **IN_PARTS, "MINIO_ENDPOINT": network.endpoint})
        for number in range(30):
            network.moment = 0.001 + 0.0005 * number
            assert faulty.save(f"{number}.bin", ContentFile(DATA)) == f"{number}.bin"
    for number in range(30):
        with storage.open(f"{number}.bin") as file:
            assert file.read() == DATA
