"""Listings and deletions that must not be believed, by servers other than those at hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from minio.error import S3Error
from urllib3.exceptions import ProtocolError

from django_minio_backend.models import MinioBackend
from django_minio_backend.s3 import deletion, listing
from tests.support.rewriting_proxy import Received, Response, rewriting_proxy, s3_error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from django_minio_backend.s3.client import S3Client
    from tools.servers import Server

    Responding = Callable[..., S3Client]

DATE = "Sun, 01 Nov 2026 12:00:00 GMT"
NAMESPACE = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
ENTRY = "<Contents><Key>a.txt</Key><Size>1</Size><LastModified>2026-11-01T12:00:00Z</LastModified></Contents>"
LAST = "<IsTruncated>false</IsTruncated>"


@pytest.fixture
def responding(server: Server, minio_options: dict[str, Any]) -> Iterator[Responding]:
    """A client whose server sends these responses one after the other, and the last one from then on."""
    with rewriting_proxy(server) as rewriter:

        def given(*bodies: str, date: str = DATE) -> S3Client:
            responses = [Response(200, body.encode(), date=date) for body in bodies]

            def rule(_: Received) -> Response:
                return responses.pop(0) if len(responses) > 1 else responses[0]

            rewriter.rule = rule
            return MinioBackend(**{**minio_options, "MINIO_ENDPOINT": rewriter.endpoint}).s3

        yield given


def xml(*entries: str, root: str = "ListBucketResult", namespace: str = NAMESPACE) -> str:
    return f"<{root} {namespace}>{''.join(entries)}</{root}>"


def parse_all(client: S3Client) -> list[object]:
    return [(page.response.served_at, page.objects) for page in listing.list_pages(client, "bucket")]


@pytest.mark.parametrize("namespace", [NAMESPACE, ""])
def test_namespaces_do_not_matter(responding: Responding, namespace: str) -> None:
    (page,) = listing.list_pages(responding(xml(LAST, ENTRY, namespace=namespace)), "bucket")
    assert [found.key for found in page.objects] == ["a.txt"]


@pytest.mark.parametrize(
    ("encoding", "expected"),
    [("<EncodingType>url</EncodingType>", "a b+c%"), ("", "a+b%2Bc%25"), ("<EncodingType/>", "a+b%2Bc%25")],
)
def test_keys_are_decoded_where_the_server_has_encoded_them(
    responding: Responding, encoding: str, expected: str
) -> None:
    entry = ENTRY.replace("a.txt", "a+b%2Bc%25")
    (page,) = listing.list_pages(responding(xml(LAST, encoding, entry)), "bucket")
    assert [found.key for found in page.objects] == [expected]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (xml(ENTRY), "has no IsTruncated"),
        (xml("<IsTruncated>perhaps</IsTruncated>"), "has no IsTruncated"),
        (xml("<IsTruncated>true</IsTruncated>", ENTRY), "no new NextContinuationToken"),
        (xml(LAST, ENTRY)[:-20], "is incomplete"),
        ("", "is incomplete"),
        (xml(LAST, ENTRY, root="ListAllMyBucketsResult"), "instead of <ListBucketResult>"),
        ("<Error><Code>InternalError</Code><Message>Sorry</Message></Error>", "<Error> .*InternalError Sorry"),
        (xml(LAST, ENTRY.replace("a.txt", "")), "without a key"),
        (xml(LAST, ENTRY.replace("<Size>1</Size>", "")), "without a size"),
        (xml(LAST, ENTRY.replace("<Size>1</Size>", "<Size>-1</Size>")), "without a size"),
        (xml(LAST, ENTRY.replace("<Size>1</Size>", f"<Size>{'9' * 5000}</Size>")), "without a size"),
        (xml(LAST, ENTRY.replace("<Size>1</Size>", "<Size>9223372036854775808</Size>")), "without a size"),
        (xml(LAST, ENTRY.replace("2026-11-01T12:00:00Z", "yesterday")), "without a time"),
    ],
)
def test_an_incomplete_page_is_an_error(responding: Responding, body: str, message: str) -> None:
    with pytest.raises(ProtocolError, match=message):
        parse_all(responding(body))


def test_a_listing_that_goes_in_circles_is_an_error(responding: Responding) -> None:
    more = "<IsTruncated>true</IsTruncated><NextContinuationToken>same</NextContinuationToken>"
    with pytest.raises(ProtocolError, match="do not ascend"):
        list(listing.list_pages(responding(xml(more, ENTRY)), "bucket"))


def test_keys_outside_the_prefix_are_an_error(responding: Responding) -> None:
    """Else objects outside of a storage's folder would count as its orphans."""
    with pytest.raises(ProtocolError, match=r"listed 'a\.txt' for prefix 'media/'"):
        list(listing.list_pages(responding(xml(LAST, ENTRY)), "bucket", "media/"))


@pytest.mark.parametrize("date", ["", "noon", "Sun, 01 Nov 99999 12:00:00 GMT", DATE.replace("GMT", "+99999999")])
def test_a_listing_without_a_date_is_an_error(responding: Responding, date: str) -> None:
    with pytest.raises(ProtocolError, match="has no valid Date"):
        parse_all(responding(xml(LAST, ENTRY), date=date))


@pytest.mark.parametrize("date", [DATE, DATE.replace("GMT", "-0000")])
def test_a_time_without_a_zone_is_universal_time(responding: Responding, date: str) -> None:
    (page,) = listing.list_pages(responding(xml(LAST, ENTRY.replace("12:00:00Z", "12:00:00")), date=date), "bucket")
    assert page.objects[0].modified == page.response.served_at


def test_pages_of_unfinished_uploads_continue_at_the_markers(responding: Responding) -> None:
    upload = "<Upload><Key>{}</Key><UploadId>{}</UploadId><Initiated>2026-11-01T12:00:00Z</Initiated></Upload>"
    more = "<IsTruncated>true</IsTruncated><NextKeyMarker>a</NextKeyMarker><NextUploadIdMarker>1</NextUploadIdMarker>"
    root = "ListMultipartUploadsResult"
    client = responding(xml(more, upload.format("a", 1), root=root), xml(LAST, upload.format("a", 2), root=root))
    pages = listing.list_unfinished_uploads(client, "bucket")
    assert [upload.upload_id for _, uploads in pages for upload in uploads] == ["1", "2"]


@pytest.mark.parametrize("marker", ["", "<NextKeyMarker>a</NextKeyMarker>"])
def test_a_listing_of_unfinished_uploads_that_goes_in_circles_is_an_error(responding: Responding, marker: str) -> None:
    client = responding(xml("<IsTruncated>true</IsTruncated>", marker, root="ListMultipartUploadsResult"))
    with pytest.raises(ProtocolError, match="no new marker"):
        list(listing.list_unfinished_uploads(client, "bucket"))


def test_a_key_that_was_not_deleted_has_a_reason(responding: Responding) -> None:
    client = responding(
        xml(
            "<Deleted><Key>a</Key><DeleteMarker>true</DeleteMarker></Deleted>",
            "<Error><Key>b</Key><Code>AccessDenied</Code><Message>It is locked.</Message></Error>",
            root="DeleteResult",
        )
    )
    done = deletion.delete_objects(client, "bucket", ["a", "b", "c"])
    assert done.deleted == {"a"}
    assert done.failed == {"b": "AccessDenied It is locked.", "c": "the server does not report that it is deleted"}
    assert done.markers == 1


def test_other_keys_do_not_count_as_deleted(responding: Responding) -> None:
    entries = "<Deleted><Key>{}</Key><DeleteMarker>true</DeleteMarker></Deleted>"
    error = "<Error><Key>x</Key><Code>AccessDenied</Code></Error>"
    body = xml(entries.format("a"), entries.format("a"), entries.format("z"), error, root="DeleteResult")
    assert deletion.delete_objects(responding(body), "bucket", ["a"]) == deletion.Deletion({"a"}, {}, 1)


def test_a_key_that_is_both_deleted_and_not_counts_as_not(responding: Responding) -> None:
    entries = "<Deleted><Key>a</Key></Deleted><Error><Key>a</Key><Code>InternalError</Code></Error>"
    done = deletion.delete_objects(responding(xml(entries, "", root="DeleteResult")), "bucket", ["a"])
    assert done.deleted == set()
    assert done.failed == {"a": "InternalError"}


def test_a_truncated_response_to_a_deletion_is_an_error(responding: Responding) -> None:
    with pytest.raises(ProtocolError, match="is incomplete"):
        deletion.delete_objects(responding("<DeleteResult><Deleted><Key>a"), "bucket", ["a"])


def test_aborting_an_upload_that_has_ended_is_no_error(server: Server, minio_options: dict[str, Any]) -> None:
    """MinIO reports success, other servers an error."""
    with rewriting_proxy(server) as rewriter:
        storage = MinioBackend(**{**minio_options, "MINIO_ENDPOINT": rewriter.endpoint})
        storage.s3.create_upload(storage.bucket, "a.bin", {})
        ((_, uploads),) = listing.list_unfinished_uploads(storage.s3, storage.bucket)
        rewriter.rule = lambda asked: s3_error(404, "NoSuchUpload") if asked.method == "DELETE" else None
        storage.s3.abort_upload(storage.bucket, "a.bin", uploads[0].upload_id)


def test_an_upload_that_cannot_be_aborted_is_an_error(server: Server, minio_options: dict[str, Any]) -> None:
    with rewriting_proxy(server) as rewriter:
        storage = MinioBackend(**{**minio_options, "MINIO_ENDPOINT": rewriter.endpoint})
        storage.s3.create_upload(storage.bucket, "a.bin", {})
        ((_, uploads),) = listing.list_unfinished_uploads(storage.s3, storage.bucket)
        rewriter.rule = lambda asked: s3_error(403, "AccessDenied") if asked.method == "DELETE" else None
        with pytest.raises(S3Error, match="AccessDenied"):
            storage.s3.abort_upload(storage.bucket, "a.bin", uploads[0].upload_id)
