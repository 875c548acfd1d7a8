"""The server loses the parts of an upload while it makes the object of them: all is sent once more."""

from __future__ import annotations

import io
import re
import tempfile
import threading
from typing import TYPE_CHECKING, Any

import pytest
from django.core.files.base import ContentFile
from minio.error import S3Error

from django_minio_backend.direct_uploads.transfer import StoredObject
from django_minio_backend.direct_uploads.uploaded_object import UploadedObject
from django_minio_backend.files import disk_copy
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


def another_writer_saves(storage: MinioBackend) -> Callable[[Received], Response | None]:
    """Lose the parts of the first upload, and let somebody else save an object of its name right then."""
    refuse = completions(INVALID_PART)

    def other_writer(request: Received) -> Response | None:
        refused = refuse(request)
        if refused is not None:
            storage.save("a.bin", ContentFile(b"of another writer"))
        return refused

    return other_writer


@pytest.mark.needs("conditional-writes")
def test_another_writer_s_object_is_not_replaced_by_the_second_upload(
    storage: MinioBackend, options: dict[str, Any], rewriter: RewritingProxy
) -> None:
    rewriter.rule = another_writer_saves(storage)
    name = MinioBackend(**options).save("a.bin", ContentFile(DATA))
    assert name != "a.bin"
    assert contents_of(storage) == {"a.bin": b"of another writer", name: DATA}


def in_sequence(file: Any) -> None:
    file.write(DATA)


def in_full_blocks(file: Any) -> None:
    file.write(some_bytes(10 * MIB))


def with_a_changed_header(file: Any) -> None:
    file.write(DATA)
    file.seek(2)
    file.write(b"changed")


def with_a_changed_last_block(file: Any) -> None:
    file.write(DATA)
    file.seek(-7, io.SEEK_END)
    file.write(b"changed")


def with_a_gap(file: Any) -> None:
    file.write(b"before")
    file.seek(11 * MIB)
    file.write(b"after")


def shortened(file: Any) -> None:
    file.write(some_bytes(12 * MIB))
    file.truncate(7 * MIB)


WAYS = [in_sequence, in_full_blocks, with_a_changed_header, with_a_changed_last_block, with_a_gap, shortened]
in_ways = pytest.mark.parametrize("write", WAYS, ids=lambda way: way.__name__)


def written(write: Callable[[Any], None]) -> bytes:
    """What a file on disk has after it was written in this way."""
    with tempfile.TemporaryFile() as file:
        write(file)
        file.seek(0)
        return file.read()


@in_ways
@pytest.mark.parametrize("responses", LOST.values(), ids=LOST)
def test_a_file_open_for_writing_is_sent_again_on_close(
    storage: MinioBackend,
    options: dict[str, Any],
    rewriter: RewritingProxy,
    sdk: Minio,
    bucket: str,
    responses: tuple[Response, ...],
    write: Callable[[Any], None],
) -> None:
    storage.save("a.bin", ContentFile(b"old"))
    rewriter.rule = completions(*responses)
    with MinioBackend(**options).open("a.bin", "wb") as file:
        write(file)
    assert contents_of(storage) == {"a.bin": written(write)}
    assert file.size == len(written(write))
    assert unfinished_uploads(sdk, bucket, "a.bin") == []


@in_ways
def test_a_new_file_is_sent_again_on_close(
    storage: MinioBackend, options: dict[str, Any], rewriter: RewritingProxy, write: Callable[[Any], None]
) -> None:
    rewriter.rule = completions(INVALID_PART)
    with MinioBackend(**options).open("a.bin", "xb") as file:
        write(file)
    assert contents_of(storage) == {"a.bin": written(write)}


@pytest.mark.parametrize("write", [in_sequence, with_a_changed_header])
@pytest.mark.needs("conditional-multipart")
def test_another_writer_s_object_is_not_replaced_by_a_new_file_that_is_sent_again(
    storage: MinioBackend, options: dict[str, Any], rewriter: RewritingProxy, write: Callable[[Any], None]
) -> None:
    rewriter.rule = another_writer_saves(storage)
    file = MinioBackend(**options).open("a.bin", "xb")
    write(file)
    with pytest.raises(FileExistsError):
        file.close()
    assert contents_of(storage) == {"a.bin": b"of another writer"}


@pytest.mark.parametrize("mode", ["wb", "xb"])
@pytest.mark.needs("conditional-multipart")
def test_a_file_whose_completion_worked_after_all_is_not_sent_again(
    storage: MinioBackend, options: dict[str, Any], rewriter: RewritingProxy, mode: str
) -> None:
    rewriter.afterwards = completions(INVALID_PART)  # the server has carried it out
    with MinioBackend(**options).open("a.bin", mode) as file:
        file.write(DATA)
    assert contents_of(storage) == {"a.bin": DATA}
    assert len([request for request in rewriter.requests if request.query.startswith("uploads")]) == 1


@pytest.mark.needs("conditional-multipart")
def test_a_new_file_whose_completion_works_late_is_recognised_by_the_second_upload(
    storage: MinioBackend, options: dict[str, Any], rewriter: RewritingProxy
) -> None:
    not_yet: list[Response | None] = [s3_error(404, "NoSuchKey")]
    rewriter.afterwards = completions(INVALID_PART)
    file = MinioBackend(**options).open("a.bin", "xb")
    file.write(DATA)
    rewriter.rule = lambda request: not_yet.pop() if request.method == "HEAD" and not_yet else None
    file.close()
    assert contents_of(storage) == {"a.bin": DATA}
    assert len([request for request in rewriter.requests if request.query.startswith("uploads")]) == 2


@pytest.fixture
def little_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the first block were 64 MiB: no copy of the second one is kept."""
    monkeypatch.setattr(disk_copy, "ALWAYS_KEPT", 1)


@pytest.mark.usefixtures("little_is_kept")
@pytest.mark.parametrize("seeks", [False, True], ids=["in sequence", "with a changed header"])
@pytest.mark.parametrize("mode", ["wb", "xb"])
def test_a_file_of_which_no_copy_was_kept_is_an_error_and_not_stored(
    options: dict[str, Any], rewriter: RewritingProxy, sdk: Minio, mode: str, *, seeks: bool
) -> None:
    storage = MinioBackend(**options)
    rewriter.rule = completions(INVALID_PART)
    file = storage.open("a.bin", mode)
    file.write(some_bytes(11 * MIB))
    if seeks:
        file.seek(0)
        file.write(b"changed")
    with pytest.raises(S3Error, match="InvalidPart"):
        file.close()
    assert file.closed
    assert contents_of(storage) == {}
    assert unfinished_uploads(sdk, storage.bucket, "a.bin") == []
    assert len([request for request in rewriter.requests if request.query.startswith("uploads")]) == 1


@pytest.mark.usefixtures("little_is_kept")
def test_a_file_of_which_all_was_kept_after_tell_is_sent_again(
    storage: MinioBackend, options: dict[str, Any], rewriter: RewritingProxy
) -> None:
    rewriter.rule = completions(INVALID_PART)
    with MinioBackend(**options).open("a.bin", "wb") as file:
        file.tell()
        file.write(some_bytes(16 * MIB))
    assert contents_of(storage) == {"a.bin": some_bytes(16 * MIB)}


@pytest.mark.parametrize(
    "responses",
    [
        pytest.param((INVALID_PART, INVALID_PART), id="a second time"),
        pytest.param((s3_error(404, "NoSuchUpload"),), id="by somebody else's abort"),
    ],
)
def test_a_written_file_whose_parts_stay_lost_is_an_error_and_not_stored(
    options: dict[str, Any], rewriter: RewritingProxy, sdk: Minio, responses: tuple[Response, ...]
) -> None:
    storage = MinioBackend(**options)
    rewriter.rule = completions(*responses)
    file = storage.open("a.bin", "wb")
    file.write(DATA)
    with pytest.raises(S3Error):
        file.close()
    assert contents_of(storage) == {}
    assert unfinished_uploads(sdk, storage.bucket, "a.bin") == []


class _BreaksCompletions(Proxy):
    """Breaks all connections a moment after the next completion has been sent to the server."""

    moment: float | None = None

    def _wants_swallowing(self, data: bytes) -> bool:
        if self.moment is not None and re.match(rb"POST \S+uploadId=", data):
            threading.Timer(self.moment, self.break_connections).start()
            self.moment = None
        return super()._wants_swallowing(data)


def save(storage: MinioBackend, name: str) -> None:
    assert storage.save(name, ContentFile(DATA)) == name


def write(storage: MinioBackend, name: str) -> None:
    with storage.open(name, "xb") as file:
        file.write(DATA)


@pytest.mark.parametrize("store", [save, write])
def test_objects_survive_connections_that_break_while_they_are_made(
    server: Server, storage: MinioBackend, minio_options: dict[str, Any], store: Callable[[MinioBackend, str], None]
) -> None:
    """MinIO loses the parts of about one in seven of these uploads; one of them is enough to fail without a second."""
    with _BreaksCompletions(server.endpoint) as network:
        faulty = MinioBackend(**{**minio_options, **IN_PARTS, "MINIO_ENDPOINT": network.endpoint})
        for number in range(30):
            network.moment = 0.001 + 0.0005 * number
            store(faulty, f"{number}.bin")
    for number in range(30):
        with storage.open(f"{number}.bin") as file:
            assert file.read() == DATA
