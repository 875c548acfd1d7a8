"""The way of a file from a browser through the endpoints into a model's field, on a real server."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from tests.direct_uploads.conftest import MIB, Browser

if TYPE_CHECKING:
    from django_minio_backend.models import MinioBackend


def stored(storage: MinioBackend, name: str) -> bytes:
    with storage.open(name) as file:
        return bytes(file.read())


def staged(storage: MinioBackend) -> list[str]:
    objects = storage.client.list_objects(bucket_name=storage.bucket, prefix=".direct-uploads/", recursive=True)
    return [str(found.object_name) for found in objects]


def test_a_small_file_is_uploaded_by_one_request_and_saved(browser: Browser, site: MinioBackend) -> None:
    receipt = browser.upload(b"content", "report.pdf", "application/pdf")
    assert len(staged(site)) == 1
    assert browser.save(receipt) == {"name": "report.pdf"}
    assert stored(site, "report.pdf") == b"content"
    assert site.stat("report.pdf").content_type == "application/pdf"
    assert staged(site) == []


def test_a_large_file_is_uploaded_in_parts_and_saved(browser: Browser, site: MinioBackend) -> None:
    content = os.urandom(40 * MIB)
    receipt = browser.upload(content, "film.mp4", "video/mp4")
    assert browser.save(receipt) == {"name": "film.mp4"}
    assert stored(site, "film.mp4") == content
    assert staged(site) == []


def test_an_upload_goes_on_with_the_parts_that_are_missing(browser: Browser, site: MinioBackend) -> None:
    content = os.urandom(40 * MIB)
    upload = browser.begin(content)
    browser.send_parts(upload, content, [2])
    browser.open_form()  # the page is loaded again: another grant of the same form
    assert [part["number"] for part in browser.ok("parts", upload=upload["upload"])["parts"]] == [2]
    assert browser.call("complete", upload=upload["upload"])[0] == 409
    browser.send_parts(upload, content, [1, 3])
    receipt = browser.ok("complete", upload=upload["upload"])["receipt"]
    assert browser.save(receipt) == {"name": "a.bin"}
    assert stored(site, "a.bin") == content


def test_an_aborted_upload_leaves_nothing(browser: Browser, site: MinioBackend) -> None:
    large = browser.begin(bytes(20 * MIB))
    browser.send_parts(large, bytes(20 * MIB), [1])
    assert browser.ok("abort", upload=large["upload"]) == {}
    assert browser.call("parts", upload=large["upload"])[0] == 404
    assert browser.call("complete", upload=large["upload"])[0] == 404
    small = browser.begin(b"content")
    browser.put(small["url"], small["headers"], b"content")
    assert browser.ok("abort", upload=small["upload"]) == {}
    assert staged(site) == []
