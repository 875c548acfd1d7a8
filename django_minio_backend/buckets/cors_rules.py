"""A bucket's CORS rules: which web pages may upload directly to it."""

from __future__ import annotations

from fnmatch import fnmatchcase
from http import HTTPStatus
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from ..s3.errors import FAILURES, status_of
from ..s3.responses import XmlResponse

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from urllib3 import BaseHTTPResponse

    from ..s3.client import S3Client

NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
METHODS = ("GET", "HEAD", "POST", "PUT")
MAX_AGE = "3600"  # seconds for which browsers keep the response to a preflight

Rule = dict[str, frozenset[str]]
"""Values of a rule's elements by name, such as AllowedOrigin."""


class CorsNotSupportedError(Exception):
    """The server has no CORS rules of buckets, such as MinIO."""


def missing_origins(client: S3Client, bucket: str, origins: Iterable[str]) -> list[str]:
    """Return the origins whose pages may not upload by the bucket's rules (GetBucketCors).

    Raises:
        CorsNotSupportedError: the server has no CORS rules.
    """
    rules = _rules(client, bucket)
    return [origin for origin in origins if not any(_lets_upload(rule, origin) for rule in rules)]


def allow(client: S3Client, bucket: str, origins: Sequence[str]) -> None:
    """Replace this package's rule by one for these origins, and keep all other rules (PutBucketCors).

    Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketCors.html

    Raises:
        CorsNotSupportedError: the server has no CORS rules.
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


def _rules(client: S3Client, bucket: str) -> list[Rule]:
    try:
        response = XmlResponse(_request(client, "GET", bucket), "CORSConfiguration", bucket)
    except FAILURES as error:
        if getattr(error, "code", None) == "NoSuchCORSConfiguration":
            return []
        raise
    rules = []
    for element in response.all("CORSRule"):
        rule: dict[str, set[str]] = {}
        for child in element:
            rule.setdefault(child.tag.rpartition("}")[2], set()).add(child.text or "")
        rules.append({name: frozenset(values) for name, values in rule.items()})
    return rules


def _request(client: S3Client, method: str, bucket: str, body: bytes | None = None) -> BaseHTTPResponse:
    try:
        return client.request(method, bucket, {"cors": ""}, body=body)
    except FAILURES as error:
        if status_of(error) in (HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.NOT_IMPLEMENTED):
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
    """Whether the rule is this package's, perhaps for other origins."""
    return all(rule.get(name) == own[name] for name in own if name != "AllowedOrigin")
