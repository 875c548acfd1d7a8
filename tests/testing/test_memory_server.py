"""The server in memory alone: what no client of the SDK sends, and what only it refuses."""

from __future__ import annotations

import base64
import json
import time
from hashlib import md5, sha256
from typing import Any

import pytest

from django_minio_backend.memory_s3.server import MemoryServer
from django_minio_backend.s3_requests.bodies import checksum
from django_minio_backend.s3_requests.messages import Request, Response
from django_minio_backend.s3_requests.signatures import Signed, signing_key

HOST, SECRET = "s3.test", "its-secret"
SCOPE = ("us-east-1", "s3")


@pytest.fixture
def memory() -> MemoryServer:
    server = MemoryServer({"someone": (SECRET, "")}.get)
    server.store.add("papers")
    return server


def request(method: str, path: str, body: bytes = b"", **headers: Any) -> Request:
    """A signed request."""
    date = headers.pop("date", time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()))
    payload = headers.pop("payload", sha256(body).hexdigest())
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    signed = {**named, "host": HOST, "x-amz-date": date, "x-amz-content-sha256": payload}
    key, scope = signing_key(SECRET, date[:8], *SCOPE), f"{date[:8]}/us-east-1/s3/aws4_request"
    names = ";".join(sorted(signed))
    bare, _, query = path.partition("?")
    canonical = "\n".join(
        [method, bare, query, *(f"{name}:{signed[name]}" for name in sorted(signed)), "", names, payload]
    )
    text = f"AWS4-HMAC-SHA256\n{date}\n{scope}\n{sha256(canonical.encode()).hexdigest()}"
    signature = Signed("someone", key, date, scope, "").sign(text)
    parts = f"Credential=someone/{scope}, SignedHeaders={names}, Signature={signature}"
    signed["authorization"] = f"AWS4-HMAC-SHA256 {parts}"
    return Request(method, f"http://{HOST}{path}", {**signed, "content-length": str(len(body))}, body)


def code(response: Response) -> str:
    text = bytes(response.body).decode()
    return text.partition("<Code>")[2].partition("</Code>")[0]


def test_a_signed_request_is_accepted(memory: MemoryServer) -> None:
    assert memory.respond(request("PUT", "/papers/a.txt", b"content")).status == 200
    assert memory.respond(request("GET", "/papers/a.txt")).body == b"content"


def test_a_clock_an_hour_off_is_refused(memory: MemoryServer) -> None:
    late = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(time.time() - 3600))
    assert code(memory.respond(request("GET", "/papers", date=late))) == "RequestTimeTooSkewed"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"authorization": "AWS4-HMAC-SHA256 nonsense"}, "AuthorizationHeaderMalformed"),
        ({"x-amz-date": "yesterday"}, "AccessDenied"),
        ({"x-amz-meta-more": "unsigned"}, "AccessDenied"),
        ({"x-amz-security-token": "a token"}, "InvalidTokenId"),
        ({"host": "other.test"}, "SignatureDoesNotMatch"),
    ],
    ids=["malformed", "date", "unsigned metadata", "token", "host"],
)
def test_a_changed_request_is_refused(memory: MemoryServer, change: dict[str, str], expected: str) -> None:
    asked = request("GET", "/papers/a.txt")
    changed = Request(asked.method, asked.url, {**asked.headers, **change}, asked.body)
    response = memory.respond(changed)
    assert code(response) == expected
    assert SECRET not in str(response)


def test_an_unknown_key_is_refused() -> None:
    accounts: dict[str, tuple[str, str]] = {}
    assert code(MemoryServer(accounts.get).respond(request("GET", "/papers"))) == "InvalidAccessKeyId"


def test_another_body_than_the_signed_one_is_refused(memory: MemoryServer) -> None:
    asked = request("PUT", "/papers/a.txt", b"content")
    changed = Request(asked.method, asked.url, asked.headers, b"another")
    assert code(memory.respond(changed)) == "XAmzContentSHA256Mismatch"


@pytest.mark.parametrize("damage", ["", "signature", "end", "size"])
def test_signed_chunks_are_verified(memory: MemoryServer, damage: str) -> None:
    payload = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
    asked = request("PUT", "/papers/a.txt", payload=payload, x_amz_decoded_content_length="7")
    date, seed = asked.headers["x-amz-date"], asked.headers["authorization"].rpartition("Signature=")[2]
    scope = f"{date[:8]}/us-east-1/s3/aws4_request"
    signed = Signed("someone", signing_key(SECRET, date[:8], *SCOPE), date, scope, seed)
    body, previous = b"", seed
    for chunk in (b"con", b"tent", b""):
        text = f"{payload.replace('STREAMING-', '')}\n{date}\n{scope}\n{previous}\n{sha256(b'').hexdigest()}\n"
        previous = signed.sign(text + sha256(chunk).hexdigest())
        body += f"{len(chunk):x};chunk-signature={previous}\r\n".encode() + chunk + b"\r\n"
    body = {
        "": body,
        "signature": body.replace(b"tent", b"TENT"),
        "end": body[:90],
        "size": body.replace(b"3;", b"x;"),
    }[damage]
    response = memory.respond(Request("PUT", asked.url, asked.headers, body))
    expected = {"": "", "signature": "SignatureDoesNotMatch", "end": "IncompleteBody", "size": "IncompleteBody"}
    assert code(response) == expected[damage]
    assert ("a.txt" in memory.store.bucket("papers").objects) is not bool(damage)


@pytest.mark.parametrize(
    ("algorithm", "expected"), [("crc32", "cbf43926"), ("crc32c", "e3069283"), ("crc64nvme", "ae8b14860a799888")]
)
def test_checksums_are_those_of_the_algorithms(algorithm: str, expected: str) -> None:
    """Their check values in https://reveng.sourceforge.io/crc-catalogue/all.htm."""
    assert base64.b64decode(checksum(algorithm, b"123456789")).hex() == expected


@pytest.mark.parametrize(
    ("method", "path", "name"),
    [
        ("PUT", "/papers?versioning=", "PUT a bucket with ?versioning"),
        ("GET", "/papers?versions=", "GET a bucket with ?versions"),
        ("GET", "/papers?cors=", "GET a bucket with ?cors"),
        ("PUT", "/papers?lifecycle=", "PUT a bucket with ?lifecycle"),
        ("GET", "/papers/a.txt?retention=", "GET an object with ?retention"),
        ("POST", "/papers/a.txt?select=", "POST an object with ?select"),
        ("PATCH", "/papers/a.txt", "PATCH an object"),
        ("POST", "/", "POST the server"),
    ],
)
def test_what_it_does_not_know_is_refused_by_name(memory: MemoryServer, method: str, path: str, name: str) -> None:
    response = memory.respond(request(method, path))
    assert (response.status, code(response)) == (501, "NotImplemented")
    assert f"{name} is not supported by the server in memory" in bytes(response.body).decode()


def test_a_condition_of_a_policy_is_kept_and_not_guessed(memory: MemoryServer) -> None:
    statement: dict[str, Any] = {
        "Effect": "Allow",
        "Principal": "*",
        "Action": "s3:GetObject",
        "Resource": "arn:aws:s3:::papers/*",
        "Condition": {"StringLike": {"aws:Referer": "https://example.com/*"}},
    }
    policy = json.dumps({"Statement": [statement]}).encode()
    digest = base64.b64encode(md5(policy).digest()).decode()  # noqa: S324 - S3's
    assert memory.respond(request("PUT", "/papers?policy=", policy, content_md5=digest)).status == 204
    assert memory.respond(request("GET", "/papers?policy=")).body == policy
    memory.respond(request("PUT", "/papers/a.txt", b"content"))
    response = memory.respond(Request("GET", f"http://{HOST}/papers/a.txt", {"host": HOST}))
    assert response.status == 501
    assert "does not evaluate Condition" in bytes(response.body).decode()
    assert memory.respond(request("GET", "/papers/a.txt")).status == 200


@pytest.mark.parametrize("body", [b"<Delete", b"<!DOCTYPE x><Delete/>", b"<Delete/>", b"<Other/>", b""])
def test_a_document_that_is_no_deletion_is_refused(memory: MemoryServer, body: bytes) -> None:
    assert code(memory.respond(request("POST", "/papers?delete=", body))) == "MalformedXML"


def test_customers_keys_are_needed_to_read(memory: MemoryServer) -> None:
    key = base64.b64encode(b"k" * 32).decode()
    start = "x_amz_server_side_encryption_customer_"
    digest = base64.b64encode(md5(b"k" * 32).digest()).decode()  # noqa: S324 - S3's
    headers: dict[str, Any] = {f"{start}algorithm": "AES256", f"{start}key": key, f"{start}key_md5": digest}
    assert memory.respond(request("PUT", "/papers/a.txt", b"content", **headers)).status == 200
    assert memory.respond(request("GET", "/papers/a.txt")).status == 400
    assert memory.respond(request("GET", "/papers/a.txt", **headers)).body == b"content"
    wrong = {**headers, f"{start}key_md5": "AAAA"}
    assert memory.respond(request("GET", "/papers/a.txt", **wrong)).status == 400


def test_a_preflight_is_answered_as_by_minio(memory: MemoryServer) -> None:
    headers = {"host": HOST, "origin": "https://example.com", "access-control-request-method": "PUT"}
    response = memory.respond(Request("OPTIONS", f"http://{HOST}/papers/a.txt", headers))
    assert response.status == 204
    assert response.headers["access-control-allow-origin"] == "https://example.com"
    assert response.headers["access-control-allow-methods"] == "PUT"
