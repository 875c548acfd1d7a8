"""Listings of objects and of unfinished uploads, in pages.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html
"""

from __future__ import annotations

import base64
from itertools import islice
from typing import TYPE_CHECKING
from urllib.parse import quote_plus

from ..s3_requests.messages import RequestError, Response, element, iso_date, not_supported, xml_response

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from .call import Call
    from .store import StoredObject, Upload

PAGE = 1_000
_OWNER = "<Owner><ID>memory</ID><DisplayName>memory</DisplayName></Owner>"


class _Names:
    """Writes names as the request asks for them: as they are, or percent-encoded."""

    def __init__(self, parameters: Mapping[str, str]) -> None:
        kind = parameters.get("encoding-type", "")
        if kind not in ("", "url"):
            raise RequestError("InvalidArgument", "encoding-type must be url.")
        self._encode = bool(kind)

    def element(self, tag: str, name: str) -> str:
        return element(tag, quote_plus(name, safe="/*") if self._encode else name)

    def declaration(self) -> str:
        return element("EncodingType", "url") if self._encode else ""


def entries(keys: Iterable[str], prefix: str, delimiter: str, after: str) -> Iterator[tuple[str, bool]]:
    """Iterate over the keys below a prefix, and over the common prefixes that end with a delimiter (True), in order.

    Args:
        keys: of the bucket.
        prefix: of those to list.
        delimiter: that groups keys; empty for none.
        after: the last entry of the page before.
    """
    last = ""
    for key in sorted(keys):
        if not key.startswith(prefix) or key <= after:
            continue
        end = key.find(delimiter, len(prefix)) if delimiter else -1
        if end < 0:
            yield key, False
            continue
        group = key[: end + len(delimiter)]
        if group not in (last, after):
            last = group
            yield group, True


def list_objects(call: Call) -> Response:
    """ListObjectsV2, and ListObjects, its first version."""
    parameters = call.request.parameters
    names, is_v2 = _Names(parameters), parameters.get("list-type") == "2"
    prefix, delimiter = parameters.get("prefix", ""), parameters.get("delimiter", "")
    size = call.request.number("max-keys", PAGE, limit=PAGE)
    after = parameters.get("start-after" if is_v2 else "marker", "")
    token = parameters.get("continuation-token", "")
    start = _key_of(token) if token else after
    found = list(islice(entries(call.bucket.objects, prefix, delimiter, start), size + 1))
    page, is_truncated = found[:size], len(found) > size > 0
    has_metadata = parameters.get("metadata") == "true"  # an extension of MinIO's
    has_owner = not is_v2 or parameters.get("fetch-owner") == "true"
    objects = (call.bucket.objects[name] for name, is_group in page if not is_group)
    groups = [name for name, is_group in page if is_group]
    content = [
        element("Name", call.bucket.name),
        names.element("Prefix", prefix),
        element("MaxKeys", size),
        names.element("Delimiter", delimiter) if delimiter else "",
        names.declaration(),
        element("IsTruncated", str(is_truncated).lower()),
        *(_entry(found, names, has_owner=has_owner, has_metadata=has_metadata) for found in objects),
        *(f"<CommonPrefixes>{names.element('Prefix', name)}</CommonPrefixes>" for name in groups),
    ]
    last = page[-1][0] if page else ""
    if is_v2:
        content += [element("KeyCount", len(page)), names.element("StartAfter", after) if after else ""]
        content += [element("ContinuationToken", token) if token else ""]
        content += [element("NextContinuationToken", _token_of(last)) if is_truncated else ""]
    else:
        content += [names.element("Marker", after), names.element("NextMarker", last) if is_truncated else ""]
    return xml_response("ListBucketResult", "".join(content))


def _entry(found: StoredObject, names: _Names, *, has_owner: bool, has_metadata: bool) -> str:
    metadata = "".join(element(name, value) for name, value in found.headers.items()) if has_metadata else ""
    return (
        f"<Contents>{names.element('Key', found.key)}{element('LastModified', iso_date(found.modified))}"
        f"{element('ETag', f'{chr(34)}{found.etag}{chr(34)}')}{element('Size', len(found.content))}"
        f"{_OWNER if has_owner else ''}<StorageClass>STANDARD</StorageClass>"
        f"{f'<UserMetadata>{metadata}</UserMetadata>' if metadata else ''}</Contents>"
    )


def _token_of(key: str) -> str:
    return base64.urlsafe_b64encode(key.encode()).decode()


def _key_of(token: str) -> str:
    try:
        return base64.b64decode(token, altchars=b"-_", validate=True).decode()
    except ValueError:
        raise RequestError("InvalidArgument", "The continuation token provided is incorrect") from None


def list_uploads(call: Call) -> Response:
    """ListMultipartUploads, by key and id."""
    parameters = call.request.parameters
    names, prefix = _Names(parameters), parameters.get("prefix", "")
    size = call.request.number("max-uploads", PAGE, limit=PAGE)
    if parameters.get("delimiter"):
        raise not_supported("ListMultipartUploads with delimiter")
    key_marker, id_marker = parameters.get("key-marker", ""), parameters.get("upload-id-marker", "")
    uploads = sorted((upload for upload in call.bucket.uploads.values()), key=_place)
    found = [
        upload
        for upload in uploads
        if upload.template.key.startswith(prefix)
        and (_place(upload) > (key_marker, id_marker) if id_marker else upload.template.key > key_marker)
    ]
    page, is_truncated = found[:size], len(found) > size
    last = _place(page[-1]) if is_truncated and page else ("", "")
    content = [
        element("Bucket", call.bucket.name),
        names.element("KeyMarker", key_marker),
        element("UploadIdMarker", id_marker),
        names.element("NextKeyMarker", last[0]),
        element("NextUploadIdMarker", last[1]),
        names.element("Prefix", prefix),
        element("MaxUploads", size),
        names.declaration(),
        element("IsTruncated", str(is_truncated).lower()),
        *(
            f"<Upload>{names.element('Key', upload.template.key)}{element('UploadId', upload.upload_id)}"
            f"{element('Initiated', iso_date(upload.template.modified))}</Upload>"
            for upload in page
        ),
    ]
    return xml_response("ListMultipartUploadsResult", "".join(content))


def _place(upload: Upload) -> tuple[str, str]:
    return upload.template.key, upload.upload_id
