"""What an attacker tries with the endpoints, tokens, URLs and receipts of direct uploads, on a real server."""

from __future__ import annotations

import dataclasses
import io
import json
import time
from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.auth import get_user_model
from django.core import signing
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.test import RequestFactory

from django_minio_backend.direct_uploads import grants
from django_minio_backend.direct_uploads.grants import (
    Grant,
    NoDirectUploadError,
    Receipt,
    Rejected,
    SignedText,
    issue_grant,
)
from django_minio_backend.direct_uploads.uploaded_object import accept_receipt
from django_minio_backend.requesters import SALT
from tests.direct_uploads.conftest import MIB, Browser
from tests.support.settings import entry, storages_set

if TYPE_CHECKING:
    import urllib3

    from django_minio_backend.models import MinioBackend

pytestmark = pytest.mark.needs("signatures")


@pytest.fixture
def attacker(browser: Browser, http: urllib3.PoolManager) -> Browser:  # noqa: ARG001 - another one than this
    """Another visitor of the same form."""
    attacker = Browser(http)
    attacker.open_form()
    return attacker


def signed_before(seconds: int, text: SignedText) -> str:
    """The text as it was signed then."""

    class Earlier(signing.TimestampSigner):
        def timestamp(self) -> str:
            return signing.b62_encode(int(time.time()) - seconds)

    return Earlier(salt=f"{SALT}.{text.kind}").sign_object(dataclasses.asdict(text))


def log_in(browser: Browser, name: str) -> None:
    browser.client.force_login(get_user_model().objects.create_user(name))
    browser.open_form()


def keys_in(storage: MinioBackend) -> set[str]:
    return {str(found.object_name) for found in storage.client.list_objects(storage.bucket, recursive=True)}


class TestOthers:
    """What belongs to another user or session is refused."""

    def test_another_users_receipt(self, browser: Browser, attacker: Browser, site: MinioBackend) -> None:
        log_in(browser, "anna")
        log_in(attacker, "mallory")
        receipt = browser.upload(b"secret")
        assert attacker.save(receipt) == {"error": "requester"}
        assert browser.save(receipt) == {"name": "a.bin"}
        assert site.exists("a.bin")

    def test_an_anonymous_sessions_receipt(self, browser: Browser, attacker: Browser) -> None:
        receipt = browser.upload(b"secret")
        assert attacker.save(receipt) == {"error": "requester"}

    @pytest.mark.parametrize("endpoint", ["sign", "parts", "complete", "abort"])
    def test_another_sessions_upload(self, browser: Browser, attacker: Browser, endpoint: str) -> None:
        upload = browser.begin(bytes(17 * MIB))
        status, body = attacker.call(endpoint, upload=upload["upload"], parts=[1])
        assert (status, body["error"]) == (403, "requester")
        attacker.grant = browser.grant
        status, body = attacker.call(endpoint, upload=upload["upload"], parts=[1])
        assert (status, body["error"]) == (403, "requester")

    @pytest.mark.parametrize("query", [{}, {"session": "1"}], ids=["csrf-cookie", "session"])
    def test_an_anonymous_visitors_grant(
        self,
        browser: Browser,
        attacker: Browser,
        query: dict[str, str],
    ) -> None:
        browser.open_form(**query)
        attacker.grant = browser.open_form(**query)
        status, body = attacker.call("begin", name="a.bin", type="", size=1)
        assert (status, body["error"]) == (403, "requester")

    def test_the_grant_of_a_user_who_has_logged_out(self, browser: Browser) -> None:
        log_in(browser, "anna")
        upload = browser.begin(b"content")
        browser.client.logout()
        grant = browser.grant
        browser.open_form()
        browser.grant = grant
        for endpoint in ("begin", "complete", "abort"):
            assert browser.call(endpoint, upload=upload["upload"], name="a", type="", size=1)[0] == 403

    def test_the_grant_of_a_user_in_another_users_session(
        self,
        browser: Browser,
        attacker: Browser,
    ) -> None:
        log_in(browser, "anna")
        log_in(attacker, "mallory")
        attacker.grant = browser.grant
        assert attacker.call("begin", name="a.bin", type="", size=1)[0] == 403

    def test_a_grant_is_given_to_nobody_outside_of_a_request(self, site: MinioBackend) -> None:
        with pytest.raises(NoDirectUploadError, match="No request"):
            issue_grant(site, max_size=1)

    def test_no_receipt_is_accepted_outside_of_a_request(self, browser: Browser) -> None:
        receipt = browser.upload(b"content")
        with pytest.raises(Rejected, match="requester"):
            accept_receipt(receipt, max_size=100)


class TestReceipts:
    """A receipt is good once, for its form and storage, and for what was uploaded then."""

    def test_replayed(self, browser: Browser, site: MinioBackend) -> None:
        receipt = browser.upload(b"content")
        assert browser.save(receipt) == {"name": "a.bin"}
        assert browser.save(receipt) == {"error": "upload"}
        assert keys_in(site) == {"a.bin"}

    def test_replayed_after_the_same_bytes_were_uploaded_again(self, browser: Browser) -> None:
        upload = browser.begin(b"content")
        browser.put(upload["url"], upload["headers"], b"content")
        receipt = browser.ok("complete", upload=upload["upload"])["receipt"]
        assert browser.save(receipt) == {"name": "a.bin"}
        time.sleep(1.1)  # a server's times are in whole seconds
        browser.put(upload["url"], upload["headers"], b"content")
        assert browser.save(receipt) == {"error": "upload"}

    @pytest.mark.parametrize("limits", [{"max_size": 3}, {"accept": "image/*"}], ids=["size", "type"])
    def test_of_another_form(self, browser: Browser, limits: dict[str, Any]) -> None:
        receipt = browser.upload(b"content", "a.mp4", "video/mp4")
        assert browser.save(receipt, **limits) == {"error": "form"}

    def test_of_another_purpose(self, browser: Browser) -> None:
        receipt = Receipt.load(browser.upload(b"content"))
        request = RequestFactory().get("/")
        request.META["CSRF_COOKIE"] = browser.client.cookies["csrftoken"].value
        with pytest.raises(Rejected, match="another form"):
            accept_receipt(receipt.sign(), max_size=100, purpose="films", request=request)
        assert accept_receipt(receipt.sign(), max_size=100, request=request).read() == b"content"

    @pytest.mark.parametrize("more", [{"MINIO_LOCATION": "films"}, {"bucket_name": "another-bucket"}])
    def test_of_another_storage(
        self,
        browser: Browser,
        minio_options: dict[str, Any],
        more: dict[str, Any],
    ) -> None:
        receipt = browser.upload(b"content")
        with storages_set(default=entry({**minio_options, **more})):
            assert browser.save(receipt)["error"] in {"form", "storage"}

    def test_made_by_somebody_else(self, browser: Browser) -> None:
        receipt = Receipt.load(browser.upload(b"content"))
        forged = signing.dumps({**vars(receipt), "key": "a.bin"}, key="guessed", salt=f"{SALT}.receipt")
        for text in (forged, signing.dumps({"key": "a"}), browser.grant, "", "x" * 10_000, None):
            assert browser.save(text or "")["error"] == "signature"

    def test_too_old(self, browser: Browser) -> None:
        receipt = Receipt.load(browser.upload(b"content"))
        assert browser.save(signed_before(grants.UPLOAD_AGE + 10, receipt)) == {"error": "expired"}
        assert browser.save(signed_before(grants.UPLOAD_AGE - 60, receipt)) == {"name": "a.bin"}

    def test_whose_object_was_replaced(self, browser: Browser, site: MinioBackend) -> None:
        receipt = browser.upload(b"checked")
        site.client.put_object(site.bucket, Receipt.load(receipt).key, io.BytesIO(b"another"), 7)
        assert browser.save(receipt) == {"error": "upload"}


class TestUrls:
    """The URLs that a browser gets take exactly what was agreed."""

    @pytest.mark.parametrize("change", [1, -1], ids=["longer", "shorter"])
    def test_another_size(self, browser: Browser, site: MinioBackend, change: int) -> None:
        small, large = browser.begin(b"content"), browser.begin(bytes(17 * MIB))
        assert browser.put(small["url"], small["headers"], bytes(7 + change)).status == 403
        for part in browser.ok("sign", upload=large["upload"], parts=[1, 2])["parts"]:
            assert browser.put(part["url"], part["headers"], bytes(part["size"] + change)).status == 403
        assert browser.call("complete", upload=small["upload"])[0] == 404
        assert browser.call("complete", upload=large["upload"])[0] == 409
        assert keys_in(site) == set()

    @pytest.mark.parametrize("numbers", [[0], [3], [-1], [10_001], ["1"], [True], [1.0], [], [1] * 101, 1, None])
    def test_other_parts_than_agreed_are_not_signed(self, browser: Browser, numbers: object) -> None:
        upload = browser.begin(bytes(17 * MIB))
        assert browser.call("sign", upload=upload["upload"], parts=numbers)[0] == 400

    def test_another_part_with_a_parts_url(self, browser: Browser) -> None:
        upload = browser.begin(bytes(17 * MIB))
        (part,) = browser.ok("sign", upload=upload["upload"], parts=[1])["parts"]
        url = part["url"].replace("partNumber=1", "partNumber=3")
        assert browser.put(url, part["headers"], bytes(part["size"])).status == 403

    def test_another_key(self, browser: Browser, site: MinioBackend) -> None:
        small, large = browser.begin(b"content"), browser.begin(bytes(17 * MIB))
        (part,) = browser.ok("sign", upload=large["upload"], parts=[1])["parts"]
        for sent, content in ((small, b"content"), (part, bytes(part["size"]))):
            key = small["key"] if sent is small else large["key"]
            assert browser.put(sent["url"].replace(key, "a.bin"), sent["headers"], content).status == 403
        assert keys_in(site) == set()

    @pytest.mark.parametrize("of_part", [False, True], ids=["put", "part"])
    def test_a_copy_of_somebodys_object(self, browser: Browser, site: MinioBackend, of_part: bool) -> None:  # noqa: FBT001
        site.save("secret.txt", ContentFile(b"secret"))
        upload = browser.begin(bytes(17 * MIB) if of_part else b"")
        sent = browser.ok("sign", upload=upload["upload"], parts=[2])["parts"][0] if of_part else upload
        copy = {"x-amz-copy-source": f"/{site.bucket}/secret.txt"}
        length = sent["size"] if of_part else 0
        for content in (bytes(length), b""):
            response = browser.put(sent["url"], {**sent["headers"], **copy}, content)
            assert response.status >= 400, response.data
        for name in sent["headers"]:
            left = {header: value for header, value in sent["headers"].items() if header != name}
            if name.startswith("x-amz-copy"):
                assert browser.put(sent["url"], {**left, **copy}, bytes(length)).status >= 400
        assert keys_in(site) == {"secret.txt"}
        if of_part:
            assert browser.ok("parts", upload=upload["upload"])["parts"] == []

    def test_another_type(self, browser: Browser, site: MinioBackend) -> None:
        upload = browser.begin(b"<script>", "a.png", "image/png")
        headers = {**upload["headers"], "Content-Type": "text/html"}
        assert browser.put(upload["url"], headers, b"<script>").status == 403
        assert keys_in(site) == set()

    @pytest.mark.needs("conditions")
    def test_after_complete(self, browser: Browser, site: MinioBackend) -> None:
        small, content = browser.begin(b"content"), bytes(17 * MIB)
        browser.put(small["url"], small["headers"], b"content")
        receipt = browser.ok("complete", upload=small["upload"])["receipt"]
        assert browser.put(small["url"], small["headers"], b"another").status == 412
        large = browser.begin(content, "b.bin")
        (part,) = browser.ok("sign", upload=large["upload"], parts=[1])["parts"]
        browser.send_parts(large, content)
        other = browser.ok("complete", upload=large["upload"])["receipt"]
        assert browser.put(part["url"], part["headers"], b"x" * part["size"]).status == 404
        assert [browser.save(receipt), browser.save(other)] == [{"name": "a.bin"}, {"name": "b.bin"}]
        with site.open("b.bin") as file:
            assert file.read() == content


class TestFiles:
    """What the grant does not allow is not begun, and what was not uploaded is not completed."""

    @pytest.mark.parametrize(
        ("file", "status"),
        [
            ({"size": 101}, 413),
            ({"size": -1}, 400),
            ({"size": True}, 400),
            ({"size": "1"}, 400),
            ({"size": None}, 400),
            ({"size": 10**30}, 413),
            ({"type": "text/html"}, 415),
            ({"type": "video/mp4"}, 415),
            ({"type": "image/png\r\nX-Evil: 1"}, 415),
            ({"type": None}, 400),
            ({"name": "page.html"}, 415),
            ({"name": "page.svg", "type": "image/png"}, 200),  # an image as well; it is saved as what its name says
            ({"name": ""}, 400),
            ({"name": ".."}, 400),
            ({"name": "a/.."}, 400),
            ({"name": "x" * 256}, 400),
            ({"name": 5}, 400),
            ({}, 200),
        ],
    )
    def test_other_files_than_the_form_takes(self, browser: Browser, file: dict[str, Any], status: int) -> None:
        browser.open_form(max_size=100, accept=["image/*"])
        assert browser.call("begin", **{"name": "a.png", "type": "image/png", "size": 100, **file})[0] == status

    def test_a_name_that_leads_elsewhere(self, browser: Browser, site: MinioBackend) -> None:
        for name in ("../../etc/passwd", "..\\..\\passwd", "/etc/passwd", "a\x00/passwd"):
            assert browser.save(browser.upload(b"x", name))["name"].startswith("passwd")
        assert all(key.startswith("passwd") for key in keys_in(site))

    def test_without_all_parts(self, browser: Browser, site: MinioBackend) -> None:
        content = bytes(40 * MIB)
        upload = browser.begin(content)
        for numbers in ([1], [3]):
            browser.send_parts(upload, content, numbers)
            status, body = browser.call("complete", upload=upload["upload"])
            assert (status, body["error"]) == (409, "incomplete")
        assert keys_in(site) == set()

    @pytest.mark.needs("policies")
    def test_html_with_an_images_name_in_a_public_bucket(
        self,
        browser: Browser,
        minio_options: dict[str, Any],
        bucket: str,
    ) -> None:
        options = {**minio_options, "MINIO_PUBLIC_BUCKETS": [bucket], "MINIO_PRIVATE_BUCKETS": []}
        with storages_set(default=entry(options)):
            default_storage.set_bucket_to_public()  # type: ignore[attr-defined]  # a storage of ours
            browser.open_form(accept=["image/*"])
            assert browser.call("begin", name="a.png", type="text/html", size=9)[0] == 415
            upload = browser.begin(b"<script/>", "a.png", "image/png")
            browser.put(upload["url"], upload["headers"], b"<script/>")
            receipt = browser.ok("complete", upload=upload["upload"])["receipt"]
            staged = browser.http.request("GET", upload["url"].partition("?")[0])
            assert staged.status == 403  # nobody can read it before the form is saved
            name = browser.save(receipt, accept="image/*")["name"]
            served = browser.http.request("GET", default_storage.url(name))
            assert (served.status, served.headers["content-type"]) == (200, "image/png")


class TestEndpoints:
    """The endpoints take POST requests of their own pages, with what they have signed."""

    def test_without_a_csrf_token(self, browser: Browser) -> None:
        browser.csrf = ""
        response = browser.client.post("/uploads/begin/", "{}", content_type="application/json")
        assert response.status_code == 403

    def test_by_get(self, browser: Browser) -> None:
        for endpoint in ("begin", "sign", "parts", "complete", "abort"):
            assert browser.client.get(f"/uploads/{endpoint}/").status_code == 405

    @pytest.mark.parametrize(
        "body",
        [b"", b"[]", b"null", b"{", b"\xff", b"[" * 60_000, b"9" * 5_000, b'{"a": "' + b"x" * 70_000 + b'"}'],
        ids=["empty", "list", "null", "broken", "no-text", "deep", "number", "long"],
    )
    def test_with_no_json_object(self, browser: Browser, body: bytes) -> None:
        headers = {"X-CSRFToken": browser.csrf}
        response = browser.client.post("/uploads/begin/", body, content_type="application/json", headers=headers)
        assert (response.status_code, response.json()["error"]) == (400, "request")

    @pytest.mark.parametrize("grant", [None, 5, "", "a:b:c", ["x"]], ids=["null", "number", "empty", "text", "list"])
    def test_without_a_signed_grant(self, browser: Browser, grant: object) -> None:
        status, body = browser.call("begin", grant=grant, name="a", type="", size=1)
        assert (status, body["error"]) == (403, "signature")

    def test_with_a_grant_that_is_too_old(self, browser: Browser) -> None:
        upload = browser.begin(b"")
        browser.put(upload["url"], upload["headers"], b"")
        browser.grant = signed_before(grants.GRANT_AGE + 10, Grant.load(browser.grant))
        status, body = browser.call("begin", name="a", type="", size=1)
        assert (status, body["error"]) == (403, "expired")
        browser.ok("complete", upload=upload["upload"])  # what has begun can go on
        browser.grant = signed_before(grants.UPLOAD_AGE + 10, Grant.load(browser.grant))
        assert browser.call("complete", upload=upload["upload"])[0] == 403

    def test_with_the_upload_of_another_form(self, browser: Browser) -> None:
        upload = browser.begin(b"content")
        browser.open_form(max_size=5)
        assert browser.call("complete", upload=upload["upload"])[0] == 403

    def test_no_token_holds_a_secret(self, browser: Browser, minio_options: dict[str, Any]) -> None:
        browser.open_form(session="1")
        upload = browser.begin(b"content")
        browser.put(upload["url"], upload["headers"], b"content")
        receipt = browser.ok("complete", upload=upload["upload"])["receipt"]
        session = browser.client.cookies["sessionid"].value
        for text in (browser.grant, upload["upload"], receipt):
            content = json.dumps(signing.b64_decode(text.split(":")[0].encode()).decode())
            for secret in (minio_options["MINIO_SECRET_KEY"], minio_options["MINIO_ACCESS_KEY"], session):
                assert secret not in content


class TestLimits:
    """One user or session can only begin so many uploads."""

    def test_open_uploads(self, browser: Browser, minio_options: dict[str, Any]) -> None:
        with storages_set(default=entry({**minio_options, "MINIO_UPLOADS_OPEN": 2})):
            first, second = browser.begin(b"a"), browser.begin(b"b")
            for _ in range(3):
                status, body = browser.call("begin", name="a", type="", size=1)
                assert (status, body["error"]) == (429, "open")
            browser.ok("abort", upload=first["upload"])
            browser.ok("abort", upload=first["upload"])  # counts once
            third = browser.begin(b"c")
            assert browser.call("begin", name="a", type="", size=1)[0] == 429
            browser.put(second["url"], second["headers"], b"b")
            browser.ok("complete", upload=second["upload"])
            browser.begin(b"d")
            assert browser.call("begin", name="a", type="", size=1)[0] == 429
            assert third["upload"] != first["upload"]

    def test_uploads_in_an_hour(
        self,
        browser: Browser,
        attacker: Browser,
        minio_options: dict[str, Any],
    ) -> None:
        with storages_set(default=entry({**minio_options, "MINIO_UPLOADS_PER_HOUR": 3})):
            for _ in range(3):
                attacker.ok("abort", upload=attacker.begin(b"a")["upload"])
            status, body = attacker.call("begin", name="a", type="", size=1)
            assert (status, body["error"]) == (429, "rate")
            browser.begin(b"a")  # another session has a count of its own

    def test_no_limits(self, browser: Browser, minio_options: dict[str, Any]) -> None:
        options = {**minio_options, "MINIO_UPLOADS_OPEN": 0, "MINIO_UPLOADS_PER_HOUR": 0}
        with storages_set(default=entry(options)):
            for _ in range(5):
                browser.begin(b"a")
