"""Multipart uploads.

Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html
"""

from __future__ import annotations

import base64
import secrets
import time
from dataclasses import replace
from hashlib import md5
from itertools import pairwise
from typing import TYPE_CHECKING

from ..s3_requests.bodies import DIGESTS, checksum, content_of
from ..s3_requests.messages import RequestError, Response, element, iso_date, parsed_xml, xml_response
from .conditions import byte_range, check_write
from .objects import HTTP_NO_CONTENT, check_customer_key, source_of, template
from .store import Part, Upload, etag_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from xml.etree import ElementTree as ET

    from .call import Call
    from .store import StoredObject

MIN_PART = 5 * 1024**2
MAX_PARTS = 10_000
PAGE = 1_000


def create(call: Call) -> Response:
    """CreateMultipartUpload."""
    algorithm = call.request.header("x-amz-checksum-algorithm").lower()
    if algorithm not in ("", *DIGESTS):
        raise RequestError("InvalidArgument", "x-amz-checksum-algorithm is unknown.")
    is_full = call.request.header("x-amz-checksum-type").upper() == "FULL_OBJECT" or algorithm == "crc64nvme"
    upload = Upload(secrets.token_hex(16), template(call.key, call.request), algorithm, is_full)
    call.bucket.uploads[upload.upload_id] = upload
    ids = element("Bucket", call.bucket.name), element("Key", call.key), element("UploadId", upload.upload_id)
    return xml_response("InitiateMultipartUploadResult", "".join(ids))


def _upload_of(call: Call) -> Upload:
    upload = call.bucket.uploads.get(call.request.parameters.get("uploadId", ""))
    if upload is None or upload.template.key != call.key:
        raise RequestError("NoSuchUpload", "The specified multipart upload does not exist.")
    return upload


def _number_of(call: Call) -> int:
    number = call.request.number("partNumber", 0, limit=MAX_PARTS + 1)
    if not 1 <= number <= MAX_PARTS:
        raise RequestError("InvalidArgument", "Part number must be an integer between 1 and 10000, inclusive")
    return number


def put_part(call: Call) -> Response:
    """UploadPart."""
    upload, number = _upload_of(call), _number_of(call)
    check_customer_key(upload.template, call.request.headers)
    content, checksums = content_of(call.request, call.signed)
    if upload.algorithm and upload.algorithm not in checksums:
        checksums[upload.algorithm] = checksum(upload.algorithm, content)
    part = upload.parts[number] = Part(content, etag_of(content), time.time(), checksums)
    sums = {f"x-amz-checksum-{name}": value for name, value in checksums.items()}
    return Response(200, {"etag": f'"{part.etag}"', **sums})


def copy_part(call: Call) -> Response:
    """UploadPartCopy."""
    upload, number, source = _upload_of(call), _number_of(call), source_of(call)
    header = call.request.header("x-amz-copy-source-range")
    span = byte_range(header, len(source.content))
    if header and (span is None or f"bytes={span.start}-{span.stop - 1}" != header):
        raise RequestError("InvalidArgument", "x-amz-copy-source-range must name bytes of the source.")
    content = source.content if span is None else source.content[span.start : span.stop]
    sums = {upload.algorithm: checksum(upload.algorithm, content)} if upload.algorithm else {}
    part = upload.parts[number] = Part(content, etag_of(content), time.time(), sums)
    return xml_response(
        "CopyPartResult", element("LastModified", iso_date(part.modified)) + element("ETag", f'"{part.etag}"')
    )


def complete(call: Call) -> Response:
    """CompleteMultipartUpload."""
    upload = _upload_of(call)
    parts = _chosen(upload, parsed_xml(content_of(call.request, None)[0]))
    check_write(call.bucket.objects.get(call.key), call.request.headers)
    stored = _assembled(upload, parts, call.request.headers)
    call.bucket.objects[call.key] = stored
    del call.bucket.uploads[upload.upload_id]
    content = [
        element("Location", call.request.url.partition("?")[0]),
        element("Bucket", call.bucket.name),
        element("Key", call.key),
        element("ETag", f'"{stored.etag}"'),
        *(element(f"Checksum{name.upper()}", value) for name, value in stored.checksums.items()),
    ]
    return xml_response("CompleteMultipartUploadResult", "".join(content))


def _chosen(upload: Upload, root: ET.Element) -> list[Part]:
    """The parts that a completion names, in its order.

    Raises:
        RequestError: one does not exist, has another ETag or checksum, is too small, or is out of order.
    """
    numbers, parts = [0], []
    for listed in root.findall("Part"):
        number = listed.findtext("PartNumber", "")
        part = upload.parts.get(int(number)) if number.isdecimal() else None
        if part is None or part.etag != listed.findtext("ETag", "").strip().strip('"'):
            raise RequestError("InvalidPart", f"Part {number} was not uploaded, or has another ETag.")
        named = {name: listed.findtext(f"Checksum{name.upper()}") for name in part.checksums}
        if any(value not in (None, part.checksums[name]) for name, value in named.items()):
            raise RequestError("InvalidPart", f"Part {number} has another checksum.")
        numbers.append(int(number))
        parts.append(part)
    if not parts:
        raise RequestError("MalformedXML", "The list of parts is empty.")
    if any(first >= second for first, second in pairwise(numbers)):
        raise RequestError("InvalidPartOrder", "The list of parts was not in ascending order.")
    if any(len(part.content) < MIN_PART for part in parts[:-1]):
        raise RequestError("EntityTooSmall", "Each part but the last must have at least 5 MiB.")
    return parts


def _assembled(upload: Upload, parts: list[Part], headers: Mapping[str, str]) -> StoredObject:
    content = b"".join(part.content for part in parts)
    digests = b"".join(bytes.fromhex(part.etag) for part in parts)
    etag = f"{md5(digests, usedforsecurity=False).hexdigest()}-{len(parts)}"
    sums: dict[str, str] = {}
    if upload.algorithm and upload.is_full:
        sums[upload.algorithm] = checksum(upload.algorithm, content)
    elif upload.algorithm:
        raw = b"".join(base64.b64decode(part.checksums[upload.algorithm]) for part in parts)
        sums[upload.algorithm] = f"{checksum(upload.algorithm, raw)}-{len(parts)}"
    for name, value in sums.items():
        if headers.get(f"x-amz-checksum-{name}", value) != value:
            raise RequestError("XAmzContentChecksumMismatch", f"x-amz-checksum-{name} is not that of the object.")
    return replace(upload.template, content=content, etag=etag, modified=time.time(), checksums=sums)


def abort(call: Call) -> Response:
    """AbortMultipartUpload."""
    del call.bucket.uploads[_upload_of(call).upload_id]
    return Response(HTTP_NO_CONTENT)


def list_parts(call: Call) -> Response:
    """ListParts."""
    upload = _upload_of(call)
    marker = call.request.number("part-number-marker", 0, limit=MAX_PARTS)
    size = call.request.number("max-parts", PAGE, limit=PAGE)
    numbers = sorted(number for number in upload.parts if number > marker)
    page = numbers[:size]
    parts = "".join(
        f"<Part>{element('PartNumber', number)}{element('LastModified', iso_date(upload.parts[number].modified))}"
        f"{element('ETag', chr(34) + upload.parts[number].etag + chr(34))}"
        f"{element('Size', len(upload.parts[number].content))}</Part>"
        for number in page
    )
    content = [
        element("Bucket", call.bucket.name),
        element("Key", call.key),
        element("UploadId", upload.upload_id),
        element("PartNumberMarker", marker),
        element("NextPartNumberMarker", page[-1] if page else 0),
        element("MaxParts", size),
        element("IsTruncated", str(len(page) < len(numbers)).lower()),
        parts,
    ]
    return xml_response("ListPartsResult", "".join(content))
