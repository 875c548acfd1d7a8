"""Which web pages may upload straight to a bucket: its CORS rules, and a preflight as browsers send it."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from urllib3 import BaseHTTPResponse, PoolManager

    from ..s3.client import S3Client

NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
METHODS = ("GET", "HEAD", "POST", "PUT")
MAX_AGE = "3600"  # seconds for which a browser need not ask again
SENT_HEADERS = "content-type,if-none-match,x-amz-copy-source-if-match,x-amz-copy-source-if-none-match"

Rule = dict[str, frozenset[str]]
"""Values of a rule's elements by name, such as AllowedOrigin."""


class CorsNotSupportedError(Exception):
    """The server has no CORS rules of single buckets, as MinIO."""


def missing_origins(client: S3Client, bucket: str, origins: Iterable[str]) -> list[str]:
    """The origins whose pages the bucket's rules do not let upload (GetBucketCors).

    Raises:
        CorsNotSupportedError: the server has no such rules.
    """
    rules = _rules(client, bucket)
    return [origin for origin in origins if not any(_lets_upload(rule, origin) for rule in rules)]


def allow(client: S3Client, bucket: str, origins: Sequence[str]) -> None:
    """Let pages of these origins upload, and nobody else by a rule of this package; other rules stay (PutBucketCors).

    Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketCors.html

    Raises:
        CorsNotSupportedError: the server has no such rules.
    """
    own: Rule = {
        "AllowedOrigin": frozenset(origins),
        "AllowedMethod": frozenset(METHODS),
        "AllowedHeader": frozenset("*"),
        "ExposeHeader": frozenset({"ETag"}),
        "MaxAgeSeconds": frozenset({MAX_AGE}),
    }
    root = ET.Element("CORSConfiguration", xmlns=NAMESPACE)
    for rule in [*(rule for rule in _rules(client, bucket) if not _is_own(rule, own)), own]:
        element = ET.SubElement(root, "CORSRule")
        for name, values in rule.items():
            for value in sorted(values):
                ET.SubElement(element, name).text = value
    _request(client, "PUT", bucket, ET.tostring(root))


def preflight_problem(http: PoolManager, url: str, origin: str) -> str:
    """Why a browser would not let a page of this origin upload to a URL; empty if it would.

    Source: https://fetch.spec.whatwg.org/#cors-preflight-fetch
    """
    headers = {
        "Origin": origin,
        "Access-Control-Request-Method": "PUT",
        "Access-Control-Request-Headers": SENT_HEADERS,
    }
    response = http.request("OPTIONS", url, headers=headers)
    allowed_origin = response.headers.get("access-control-allow-origin", "")
    if not 200 <= response.status < 300:  # noqa: PLR2004 - a preflight wants a status of success
        return f"the server responds {response.status} to a preflight"
    if allowed_origin not in ("*", origin):
        return f"the server allows {allowed_origin or 'no other origin'}"
    methods = _listed(response.headers.get("access-control-allow-methods", ""))
    if not {"put", "*"} & methods:
        return "the server does not allow PUT"
    allowed = _listed(response.headers.get("access-control-allow-headers", ""))
    refused = set(SENT_HEADERS.split(",")) - allowed
    if refused and "*" not in allowed:
        return f"the server does not allow the headers {', '.join(sorted(refused))}"
    return ""


def _listed(value: str) -> set[str]:
    return {part.strip().lower() for part in value.split(",")}


def _rules(client: S3Client, bucket: str) -> list[Rule]:
    from ..s3.errors import FAILURES
    from ..s3.responses import XmlAnswer

    try:
        answer = XmlAnswer(_request(client, "GET", bucket), "CORSConfiguration", bucket)
    except FAILURES as error:
        if getattr(error, "code", None) == "NoSuchCORSConfiguration":
            return []
        raise
    rules = []
    for element in answer.all("CORSRule"):
        rule: dict[str, set[str]] = {}
        for child in element:
            rule.setdefault(child.tag.rpartition("}")[2], set()).add(child.text or "")
        rules.append({name: frozenset(values) for name, values in rule.items()})
    return rules


def _request(client: S3Client, method: str, bucket: str, body: bytes | None = None) -> BaseHTTPResponse:
    from ..s3.errors import FAILURES, HTTP_METHOD_NOT_ALLOWED, HTTP_NOT_IMPLEMENTED, status_of

    try:
        return client.request(method, bucket, {"cors": ""}, body=body)
    except FAILURES as error:
        if status_of(error) in (HTTP_METHOD_NOT_ALLOWED, HTTP_NOT_IMPLEMENTED):
            raise CorsNotSupportedError(bucket) from error
        raise


def _lets_upload(rule: Rule, origin: str) -> bool:
    origins = rule.get("AllowedOrigin", frozenset())
    return (
        any(fnmatchcase(origin, pattern) for pattern in origins)
        and {"PUT", "POST"} <= rule.get("AllowedMethod", frozenset())
        and "*" in rule.get("AllowedHeader", frozenset())
        and "etag" in {name.lower() for name in rule.get("ExposeHeader", ())}
    )


def _is_own(rule: Rule, own: Rule) -> bool:
    """Whether this package has made the rule, perhaps for other origins."""
    return all(rule.get(name) == own[name] for name in own if name != "AllowedOrigin")
