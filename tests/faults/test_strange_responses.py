"""Responses that S3 documents or other servers send, and the servers at hand do not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.core.files.base import ContentFile
from minio.error import InvalidResponseError, S3Error

from django_minio_backend.models import MinioBackend
from tests.support.buckets import unfinished_uploads
from tests.support.rewriting_proxy import Received, Response, RewritingProxy, rewriting_proxy, s3_error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from minio import Minio

    from tools.servers import Server

PART = 5 * 1024**2
IN_PARTS = {"MINIO_MULTIPART_UPLOAD": True, "MINIO_MULTIPART_THRESHOLD": PART, "MINIO_MULTIPART_PART_SIZE": PART}
LARGE = bytes(range(256)) * (2 * PART // 256 + 1)


@pytest.fixture
def rewriter(server: Server) -> Iterator[RewritingProxy]:
    with rewriting_proxy(server) as running:
        yield running


@pytest.fixture
def storage_of(minio_options: dict[str, Any], rewriter: RewritingProxy) -> Callable[..., MinioBackend]:
    def make(**options: Any) -> MinioBackend:
        return MinioBackend(**{**minio_options, "MINIO_ENDPOINT": rewriter.endpoint, **options})

    return make


def times(count: int, response: Response, matches: Callable[[Received], bool]) -> Callable[[Received], Response | None]:
    """Return a rule that gives this response to the first matching requests."""
    left = [count]

    def rule(asked: Received) -> Response | None:
        if not matches(asked) or not left[0]:
            return None
        left[0] -= 1
        return response

    return rule


def is_conditional(asked: Received) -> bool:
    return "If-None-Match" in asked.headers


def puts(rewriter: RewritingProxy) -> list[bool]:
    """For each PUT of an object whether it was conditional."""
    return [is_conditional(asked) for asked in rewriter.requests if asked.method == "PUT"]


@pytest.mark.parametrize("conflicts", [1, 2])
def test_a_conflict_of_conditional_requests_is_tried_again_under_the_same_name(
    storage_of: Callable[..., MinioBackend], rewriter: RewritingProxy, conflicts: int
) -> None:
    storage = storage_of(MINIO_CONDITIONAL_WRITES=True)
    rewriter.rule = times(conflicts, s3_error(409, "ConditionalRequestConflict"), is_conditional)
    assert storage.save("name.txt", ContentFile(b"content")) == "name.txt"
    assert puts(rewriter) == [True] * (conflicts + 1)
    assert storage.open("name.txt").read() == b"content"


def test_a_conflict_that_does_not_end_is_an_error(
    storage_of: Callable[..., MinioBackend], rewriter: RewritingProxy
) -> None:
    storage = storage_of(MINIO_CONDITIONAL_WRITES=True)
    rewriter.rule = times(99, s3_error(409, "ConditionalRequestConflict"), is_conditional)
    with pytest.raises(S3Error, match="ConditionalRequestConflict"):
        storage.save("name.txt", ContentFile(b"content"))
    assert len(puts(rewriter)) == 3
    assert not storage.exists("name.txt")


def test_any_other_conflict_is_an_error_at_once(
    storage_of: Callable[..., MinioBackend], rewriter: RewritingProxy
) -> None:
    storage = storage_of(MINIO_CONDITIONAL_WRITES=True)
    rewriter.rule = times(99, s3_error(409, "OperationAborted"), is_conditional)
    with pytest.raises(S3Error, match="OperationAborted"):
        storage.save("name.txt", ContentFile(b"content"))
    assert len(puts(rewriter)) == 1


@pytest.mark.parametrize("response", [s3_error(501, "NotImplemented"), s3_error(400, "InvalidArgument")])
def test_a_server_that_rejects_the_condition_is_remembered_and_asked_without_it(
    storage_of: Callable[..., MinioBackend], rewriter: RewritingProxy, response: Response
) -> None:
    storage = storage_of()
    rewriter.rule = times(99, response, is_conditional)
    first = storage.save("name.txt", ContentFile(b"first"))
    second = storage.save("name.txt", ContentFile(b"second"))
    assert first == "name.txt" != second
    assert puts(rewriter) == [True, False, False]
    assert storage.open(first).read() == b"first"
    assert storage.open(second).read() == b"second"


@pytest.mark.parametrize("response", [s3_error(501, "NotImplemented"), s3_error(400, "InvalidArgument")])
@pytest.mark.parametrize(
    ("rejected", "expected"),
    [
        ("POST", {"POST": [True, False, False], "PUT": [True, True]}),
        ("PUT", {"POST": [True, True], "PUT": [True, False, False]}),
    ],
    ids=["completion", "put"],
)
@pytest.mark.needs("conditions")
def test_a_condition_that_is_rejected_for_one_operation_is_still_sent_with_the_other(
    storage_of: Callable[..., MinioBackend],
    rewriter: RewritingProxy,
    response: Response,
    rejected: str,
    expected: dict[str, list[bool]],
) -> None:
    storage = storage_of(**IN_PARTS)
    rewriter.rule = times(99, response, lambda asked: is_conditional(asked) and asked.method == rejected)
    contents = {"large": LARGE, "small": b"small"}
    for _ in range(2):
        for name, content in contents.items():
            assert storage.open(storage.save(name, ContentFile(content))).read() == content
    sent = {
        "PUT": [is_conditional(asked) for asked in rewriter.requests if asked.method == "PUT" and not asked.query],
        "POST": [
            is_conditional(asked) for asked in rewriter.requests if "uploadId" in asked.query and asked.method == "POST"
        ],
    }
    assert sent == expected


def test_where_the_condition_is_trusted_its_rejection_is_an_error(
    storage_of: Callable[..., MinioBackend], rewriter: RewritingProxy
) -> None:
    storage = storage_of(MINIO_CONDITIONAL_WRITES=True)
    rewriter.rule = times(99, s3_error(501, "NotImplemented"), is_conditional)
    with pytest.raises(S3Error, match="NotImplemented"):
        storage.save("name.txt", ContentFile(b"content"))
    assert puts(rewriter) == [True]
    assert not storage.exists("name.txt")


def test_a_bad_request_that_has_nothing_to_do_with_the_condition_stays_an_error(
    storage_of: Callable[..., MinioBackend], rewriter: RewritingProxy
) -> None:
    storage = storage_of()
    rewriter.rule = times(99, s3_error(400, "InvalidDigest"), lambda asked: asked.method == "PUT")
    with pytest.raises(S3Error, match="InvalidDigest"):
        storage.save("name.txt", ContentFile(b"content"))
    rewriter.rule = lambda _: None
    storage.save("name.txt", ContentFile(b"content"))
    assert puts(rewriter)[-1] is True


def test_an_existing_object_is_status_412_whatever_the_content_type(
    storage_of: Callable[..., MinioBackend], rewriter: RewritingProxy
) -> None:
    storage = storage_of(MINIO_CONDITIONAL_WRITES=True)
    sloppy = s3_error(412, "PreconditionFailed")._replace(content_type="text/xml")
    rewriter.rule = times(1, sloppy, is_conditional)
    name = storage.save("name.txt", ContentFile(b"content"))
    assert name != "name.txt"
    assert storage.open(name).read() == b"content"


def test_an_error_that_is_found_after_status_200_is_an_error(
    storage_of: Callable[..., MinioBackend], rewriter: RewritingProxy, sdk: Minio, bucket: str
) -> None:
    storage = storage_of(**IN_PARTS)
    late = s3_error(200, "InternalError")
    rewriter.rule = times(9, late, lambda asked: asked.method == "POST" and "uploadId=" in asked.query)
    with pytest.raises(S3Error, match="InternalError"):
        storage.save("large.bin", ContentFile(LARGE))
    assert not storage.exists("large.bin")
    assert not unfinished_uploads(sdk, bucket)


def test_a_completion_that_was_carried_out_before_is_a_success(
    storage_of: Callable[..., MinioBackend], rewriter: RewritingProxy
) -> None:
    storage = storage_of(**IN_PARTS)
    gone = s3_error(404, "NoSuchUpload")
    rewriter.afterwards = times(1, gone, lambda asked: asked.method == "POST" and "uploadId=" in asked.query)
    assert storage.save("large.bin", ContentFile(LARGE)) == "large.bin"
    assert storage.open("large.bin").read() == LARGE


def test_an_upload_that_is_gone_is_an_error(storage_of: Callable[..., MinioBackend], rewriter: RewritingProxy) -> None:
    storage = storage_of(**IN_PARTS)
    gone = s3_error(404, "NoSuchUpload")
    rewriter.rule = times(1, gone, lambda asked: asked.method == "POST" and "uploadId=" in asked.query)
    with pytest.raises(S3Error, match="NoSuchUpload"):
        storage.save("large.bin", ContentFile(LARGE))
    assert not storage.exists("large.bin")


def test_a_part_whose_response_lacks_its_etag_is_sent_again(
    storage_of: Callable[..., MinioBackend], rewriter: RewritingProxy
) -> None:
    storage = storage_of(**IN_PARTS)
    rewriter.afterwards = times(1, Response(200), lambda asked: "partNumber=" in asked.query)
    assert storage.save("large.bin", ContentFile(LARGE)) == "large.bin"
    assert storage.open("large.bin").read() == LARGE


def test_a_busy_server_is_asked_again(storage_of: Callable[..., MinioBackend], rewriter: RewritingProxy) -> None:
    storage = storage_of()
    rewriter.rule = times(2, s3_error(503, "SlowDown"), lambda asked: asked.method == "PUT")
    assert storage.save("name.txt", ContentFile(b"content")) == "name.txt"
    assert storage.open("name.txt").read() == b"content"


def test_a_server_that_stays_busy_is_its_own_error(
    storage_of: Callable[..., MinioBackend], rewriter: RewritingProxy
) -> None:
    storage = storage_of()
    rewriter.rule = times(99, s3_error(503, "SlowDown"), lambda _: True)
    with pytest.raises(S3Error, match="SlowDown"):
        storage.open("name.txt")


def test_a_page_of_some_web_server_is_no_missing_object(
    storage_of: Callable[..., MinioBackend], rewriter: RewritingProxy
) -> None:
    storage = storage_of()
    rewriter.rule = times(99, Response(404, b"<html>no such page</html>", "text/html"), lambda _: True)
    with pytest.raises(InvalidResponseError, match="404"):
        storage.open("name.txt")


def test_a_server_that_ignores_ranges_is_reported(
    storage_of: Callable[..., MinioBackend], rewriter: RewritingProxy
) -> None:
    storage = storage_of()
    content = bytes(range(256)) * 4096
    storage.save("name.bin", ContentFile(content))
    with storage.open("name.bin") as file:
        file.seek(600 * 1024)
        whole = Response(200, content, etag='"whatever"')
        rewriter.rule = times(99, whole, lambda asked: asked.method == "GET")
        with pytest.raises(OSError, match="ignored the range"):
            file.read(10)


@pytest.mark.parametrize("status", [501, 405])
def test_a_server_without_policies_has_an_error_of_its_own(
    storage_of: Callable[..., MinioBackend], rewriter: RewritingProxy, status: int
) -> None:
    storage = storage_of()
    rewriter.rule = times(99, s3_error(status, "NotImplemented"), lambda asked: "policy" in asked.query)
    if status == 501:
        with pytest.raises(Exception, match="no bucket policies"):
            storage.set_bucket_to_public()
    else:
        with pytest.raises(S3Error):
            storage.set_bucket_to_public()


def test_a_passing_400_does_not_switch_conditional_writes_off(
    storage_of: Callable[..., MinioBackend], rewriter: RewritingProxy
) -> None:
    storage = storage_of()
    rewriter.rule = times(1, s3_error(400, "RequestTimeout"), is_conditional)
    with pytest.raises(S3Error, match="RequestTimeout"):
        storage.save("name.txt", ContentFile(b"content"))
    storage.save("name.txt", ContentFile(b"content"))
    assert puts(rewriter) == [True, True]


def test_a_server_that_reports_every_name_as_existing_is_an_error(
    storage_of: Callable[..., MinioBackend], rewriter: RewritingProxy
) -> None:
    storage = storage_of(MINIO_CONDITIONAL_WRITES=True)
    rewriter.rule = times(9999, s3_error(412, "PreconditionFailed"), is_conditional)
    with pytest.raises(FileExistsError):
        storage.save("name.txt", ContentFile(b"content"))
    assert len(puts(rewriter)) == 100


def test_a_failing_abort_does_not_hide_what_failed(
    storage_of: Callable[..., MinioBackend], rewriter: RewritingProxy, caplog: pytest.LogCaptureFixture
) -> None:
    storage = storage_of(**IN_PARTS)
    rewriter.rule = times(9, Response(500, b"<broken"), lambda asked: asked.method == "DELETE")

    class FailingError(Exception):
        pass

    class Failing:
        given = 0

        def read(self, size: int = -1) -> bytes:
            if self.given > 3 * PART:
                raise FailingError
            self.given += size
            return bytes(size)

    with pytest.raises(FailingError):
        storage.save("large.bin", Failing())
    assert "unfinished multipart upload" in caplog.text


def test_a_conflict_after_a_lost_response_counts_as_success(
    storage_of: Callable[..., MinioBackend], rewriter: RewritingProxy
) -> None:
    """The first PUT is stored but its response is 503; the retry gets 409, and the next one the object itself."""
    storage = storage_of(MINIO_CONDITIONAL_WRITES=True)
    rewriter.afterwards = times(1, s3_error(503, "SlowDown"), is_conditional)
    sent = []

    def rule(asked: Received) -> Response | None:
        if is_conditional(asked):
            sent.append(asked)
        return s3_error(409, "ConditionalRequestConflict") if len(sent) == 2 else None

    rewriter.rule = rule
    assert storage.save("name.txt", ContentFile(b"content")) == "name.txt"
    assert storage.listdir("") == ([], ["name.txt"])
    assert len(sent) == 3
