"""Operations on objects: upload, read, copy, delete, and tags."""

from __future__ import annotations

import base64
import re
import time
from dataclasses import replace
from hashlib import md5
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote

from ..s3_requests.bodies import content_of
from ..s3_requests.messages import (
    RequestError,
    Response,
    element,
    http_date,
    iso_date,
    not_supported,
    parsed_xml,
    xml_response,
)
from .conditions import byte_range, check_source, check_write, is_unmodified
from .store import StoredObject, etag_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..s3_requests.messages import Request
    from .call import Call

MAX_TAGS = 10
HTTP_PARTIAL, HTTP_NO_CONTENT, HTTP_NOT_MODIFIED = 206, 204, 304
KEPT_HEADERS = {
    *("content-type", "cache-control", "content-disposition", "content-encoding", "content-language", "expires"),
    *("x-amz-server-side-encryption", "x-amz-server-side-encryption-aws-kms-key-id"),
    "x-amz-website-redirect-location",
}
_META = "x-amz-meta-"
_OVERRIDE = "response-"
_CUSTOMER = "server-side-encryption-customer-"
_LOCK = "x-amz-object-lock-"


def check_key(key: str) -> None:
    """Check a key as MinIO does.

    Raises:
        RequestError: no object can have it.
    """
    if len(key.encode()) > 1024:  # noqa: PLR2004 - https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html
        raise RequestError("KeyTooLongError", "Your key is too long")
    parts = key.removesuffix("/").split("/")
    if {"", ".", ".."} & set(parts) or "\0" in key or any(len(part.encode()) > 255 for part in parts):  # noqa: PLR2004 - of a file's name
        raise RequestError("XMinioInvalidObjectName", "Object name contains unsupported characters.")


def template(key: str, request: Request) -> StoredObject:
    """The object that a request's headers describe, without content.

    Raises:
        RequestError: its tags are invalid, or it asks for what only a bucket with object lock has.
    """
    check_key(key)
    if any(name.startswith(_LOCK) for name in request.headers):
        raise RequestError("InvalidRequest", "Bucket is missing ObjectLockConfiguration")
    headers = kept_headers(request)
    headers.setdefault("content-type", "binary/octet-stream")
    tags = dict(parse_qsl(request.header("x-amz-tagging"), keep_blank_values=True))
    _check_tags(tags)
    return StoredObject(key, b"", "", time.time(), headers, tags, {}, customer_key(request.headers))


def kept_headers(request: Request) -> dict[str, str]:
    """The request's headers that the object keeps."""
    kept = {n: v for n, v in request.headers.items() if n in KEPT_HEADERS or n.startswith(_META)}
    encodings = [part.strip() for part in kept.pop("content-encoding", "").split(",")]
    encoding = ",".join(part for part in encodings if part not in ("", "aws-chunked"))
    return {**kept, **({"content-encoding": encoding} if encoding else {})}


def customer_key(headers: Mapping[str, str], copy: str = "") -> str:
    """The MD5 of the customer's key (SSE-C) in a request; empty if there is none.

    Raises:
        RequestError: it is not that of the key.
    """
    sent, expected = (headers.get(f"x-amz-{copy}{_CUSTOMER}{name}", "") for name in ("key", "key-md5"))
    if not sent:
        return ""
    try:
        digest = base64.b64encode(md5(base64.b64decode(sent), usedforsecurity=False).digest()).decode()
    except ValueError:
        digest = ""
    if digest != expected:
        raise RequestError("InvalidArgument", "The MD5 of the customer's key is not that of the key.")
    return expected


def check_customer_key(found: StoredObject, headers: Mapping[str, str], copy: str = "") -> None:
    """Check that a request carries the customer's key (SSE-C) of an object.

    Raises:
        RequestError: it carries none, or another one.
    """
    if customer_key(headers, copy) != found.customer_key:
        raise RequestError("InvalidRequest", "The object was stored with another customer's key (SSE-C), or with none.")


def put_object(call: Call) -> Response:
    """PutObject."""
    new = template(call.key, call.request)
    content, checksums = content_of(call.request, call.signed)
    check_write(call.bucket.objects.get(call.key), call.request.headers)
    stored = replace(new, content=content, etag=etag_of(content), checksums=checksums)
    call.bucket.objects[call.key] = stored
    return Response(200, _written(stored))


def _written(stored: StoredObject) -> dict[str, str]:
    sums = {f"x-amz-checksum-{name}": value for name, value in stored.checksums.items()}
    encryption = {name: value for name, value in stored.headers.items() if name.startswith("x-amz-server-side")}
    return {"etag": f'"{stored.etag}"', **sums, **encryption, **_customer_headers(stored)}


def _customer_headers(stored: StoredObject) -> dict[str, str]:
    if not stored.customer_key:
        return {}
    return {f"x-amz-{_CUSTOMER}algorithm": "AES256", f"x-amz-{_CUSTOMER}key-md5": stored.customer_key}


def get_object(call: Call) -> Response:
    """GetObject and HeadObject, whose body the server leaves out."""
    request, found = call.request, call.bucket.object(call.key)
    if request.parameters.get("versionId", "null") not in ("null", ""):
        raise RequestError("NoSuchVersion", "The server in memory keeps no versions.")
    if request.parameters.get("partNumber", "1") != "1":
        raise not_supported("GetObject with partNumber")
    check_customer_key(found, request.headers)
    headers = _response_headers(call, found)
    if is_unmodified(found, request.headers):
        return Response(HTTP_NOT_MODIFIED, headers)
    size = len(found.content)
    span = byte_range(request.header("range"), size)
    if span is None:
        return Response(200, headers, found.content)
    headers["content-range"] = f"bytes {span.start}-{span.stop - 1}/{size}"
    return Response(HTTP_PARTIAL, headers, memoryview(found.content)[span.start : span.stop])


def _response_headers(call: Call, found: StoredObject) -> dict[str, str]:
    headers = {
        "etag": f'"{found.etag}"',
        "last-modified": http_date(found.modified),
        "accept-ranges": "bytes",
        **found.headers,
        **_customer_headers(found),
    }
    if found.tags:
        headers["x-amz-tagging-count"] = str(len(found.tags))
    if call.request.header("x-amz-checksum-mode").upper() == "ENABLED":
        headers |= {f"x-amz-checksum-{name}": value for name, value in found.checksums.items()}
    overrides = {n: v for n, v in call.request.parameters.items() if n.startswith(_OVERRIDE)}
    if overrides and call.signed is None:
        raise RequestError("InvalidRequest", "Request specific response headers cannot be used for anonymous requests.")
    return headers | {name.removeprefix(_OVERRIDE): value for name, value in overrides.items()}


def delete_object(call: Call) -> Response:
    """DeleteObject; a missing one is no error."""
    call.bucket.objects.pop(call.key, None)
    return Response(HTTP_NO_CONTENT)


def source_of(call: Call) -> StoredObject:
    """The object that x-amz-copy-source names.

    Raises:
        RequestError: it does not exist, needs another key, or a condition does not hold.
    """
    path, _, version = call.request.header("x-amz-copy-source").partition("?versionId=")
    name, _, key = unquote(path).removeprefix("/").partition("/")
    if version not in ("", "null"):
        raise RequestError("NoSuchVersion", "The server in memory keeps no versions.")
    source = call.store.bucket(name).object(key)
    check_customer_key(source, call.request.headers, "copy-source-")
    check_source(source, call.request.headers)
    return source


def copy_object(call: Call) -> Response:
    """CopyObject. As on MinIO, conditions on the target are ignored."""
    source, new = source_of(call), template(call.key, call.request)
    replaces = call.request.header("x-amz-metadata-directive").upper() == "REPLACE"
    if source is call.bucket.objects.get(call.key) and not replaces:
        raise RequestError("InvalidRequest", "A copy of an object onto itself must replace its metadata.")
    if not replaces:
        new = replace(new, headers={**new.headers, **source.headers})
    if call.request.header("x-amz-tagging-directive").upper() != "REPLACE":
        new = replace(new, tags=source.tags)
    etag = etag_of(source.content)
    call.bucket.objects[call.key] = replace(new, content=source.content, etag=etag, checksums=source.checksums)
    result = element("LastModified", iso_date(new.modified)), element("ETag", f'"{etag}"')
    return xml_response("CopyObjectResult", "".join(result))


def get_tags(call: Call) -> Response:
    """GetObjectTagging."""
    tags = call.bucket.object(call.key).tags
    listed = "".join(f"<Tag>{element('Key', name)}{element('Value', value)}</Tag>" for name, value in tags.items())
    return xml_response("Tagging", f"<TagSet>{listed}</TagSet>")


def put_tags(call: Call) -> Response:
    """PutObjectTagging."""
    found = call.bucket.object(call.key)
    root = parsed_xml(content_of(call.request, call.signed)[0])
    tags = {tag.findtext("Key", ""): tag.findtext("Value", "") for tag in root.iter("Tag")}
    _check_tags(tags)
    call.bucket.objects[call.key] = replace(found, tags=tags)
    return Response()


def delete_tags(call: Call) -> Response:
    """DeleteObjectTagging."""
    call.bucket.objects[call.key] = replace(call.bucket.object(call.key), tags={})
    return Response(HTTP_NO_CONTENT)


def _check_tags(tags: Mapping[str, str]) -> None:
    """Check an object's tags.

    Raises:
        RequestError: there are too many, or one is too long.
    """
    if len(tags) > MAX_TAGS:
        raise RequestError("BadRequest", "Object tags cannot be greater than 10")
    for name, value in tags.items():
        if not re.fullmatch(r"[\w\s+\-=.:/@]{1,128}", name) or not re.fullmatch(r"[\w\s+\-=.:/@]{0,256}", value):
            raise RequestError("InvalidTag", "The TagKey or TagValue you have provided is invalid")
