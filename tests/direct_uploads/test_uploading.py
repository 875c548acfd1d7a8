"""The way of a file from a browser through the endpoints into a model's field, on a real server."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from django.core.exceptions import ValidationError
from django.db.models.signals import pre_save

from django_minio_backend.direct_uploads.grants import Grant
from tests.app.models import Document
from tests.direct_uploads.conftest import MIB, Browser

if TYPE_CHECKING:
    import urllib3

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


@pytest.mark.usefixtures("site", "db")
def test_the_upload_of_a_first_visitor_continues_after_a_reload(http: urllib3.PoolManager) -> None:
    browser, content = Browser(http), bytes(20 * MIB)
    assert Grant.load(browser.open_form(**{"token-last": 1})).requester == ""  # no cookie yet
    upload = browser.begin(content)
    browser.send_parts(upload, content, [2])
    assert Grant.load(browser.open_form()).requester.startswith("browser:")
    assert [part["number"] for part in browser.ok("parts", upload=upload["upload"])["parts"]] == [2]
    browser.send_parts(upload, content, [1])
    receipt = browser.ok("complete", upload=upload["upload"])["receipt"]
    assert browser.save(receipt) == {"name": "a.bin"}


def test_of_two_requests_with_one_receipt_the_slower_gets_an_error_of_the_form(browser: Browser) -> None:
    receipt = browser.upload(b"content")
    second: list[dict[str, Any]] = []

    def post_again(**_: Any) -> None:
        pre_save.disconnect(post_again, Document)
        with ThreadPoolExecutor() as pool:  # as each request has a thread
            second.append(pool.submit(browser.save, receipt).result(30))

    pre_save.connect(post_again, Document)
    assert browser.save(receipt) == {"name": "a.bin"}
    assert second == [{"error": "saving"}]
    assert browser.save(receipt) == {"error": "upload"}


def test_a_receipt_is_free_again_after_a_form_with_an_error(browser: Browser) -> None:
    receipt = browser.upload(b"content")

    def fail(**_: Any) -> None:
        pre_save.disconnect(fail, Document)
        raise ValidationError("an error of the form")

    pre_save.connect(fail, Document)
    with pytest.raises(ValidationError):
        browser.save(receipt)
    assert browser.save(receipt) == {"name": "a.bin"}


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
