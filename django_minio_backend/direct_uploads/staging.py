"""Uploads into the staging prefix of a bucket: begun, signed part by part, completed or aborted."""

from __future__ import annotations

import secrets
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _

from ..files.upload import UploadTarget
from ..files.upload_headers import type_of_name
from ..object_urls.signing import Presigner
from ..object_urls.urls import bucket_url
from ..options.fields import MEBIBYTE
from ..s3 import listing
from ..s3.credentials import customer_key
from ..s3.errors import FAILURES
from ..transport import headers
from ..transport.limits import MAX_PARTS
from . import presigned
from .grants import Grant, Receipt, Rejected, UploadToken

if TYPE_CHECKING:
    from collections.abc import Sequence

    from minio.datatypes import Object

    from .grants import UploadStorage

SINGLE_PUT = 16 * MEBIBYTE  # the largest file that one request carries
PART = 16 * MEBIBYTE
MAX_SIZE = 5 * 1024**4
SIGNED_AT_ONCE = 100
PUT_EXPIRY = 3600  # seconds
PART_EXPIRY = 24 * 3600
MAX_NAME = 255  # characters, as Django's UploadedFile has it

STAGED_TYPE = "application/octet-stream"
STAGED_HEADERS = {"Content-Type": STAGED_TYPE, "Content-Disposition": "attachment"}
"""No browser runs a staged object, whatever its sender calls it. It gets its type when it is saved."""


@dataclass(frozen=True)
class File:
    """What a browser says of the file that it is about to upload."""

    name: str
    type: str
    size: int


def checked_file(grant: Grant, name: object, media_type: object, size: object) -> File:
    """The file, if the grant allows it.

    Raises:
        Rejected: it is too large, of another type, or no file at all.
    """
    if not isinstance(name, str) or not isinstance(media_type, str):
        raise bad_request()
    if isinstance(size, bool) or not isinstance(size, int) or size < 0:
        raise bad_request()
    base = "".join(letter for letter in name.replace("\\", "/").rpartition("/")[2] if letter.isprintable()).strip()
    if base in {"", ".", ".."} or len(base) > MAX_NAME:
        raise Rejected(400, "name", _("The file has no usable name. Rename it."))
    if size > min(grant.max_size, MAX_SIZE):
        raise Rejected(413, "size", _("The file is too large."))
    media_type = media_type.partition(";")[0].strip().lower() or type_of_name(base)
    if not headers.is_value(media_type) or not accepts(grant.accept, base, media_type):
        raise Rejected(415, "type", _("Files of this type are not accepted."))
    return File(base, media_type, size)


def accepts(accept: Sequence[str], name: str, media_type: str) -> bool:
    """Whether a file of this name and type is acceptable: its name must stand for an acceptable type as well.

    Source: https://html.spec.whatwg.org/multipage/input.html#attr-input-accept
    """
    if not accept:
        return True
    types = {media_type, type_of_name(name)} - {type_of_name("")}
    extensions = tuple(rule for rule in accept if rule.startswith("."))
    if extensions and name.lower().endswith(extensions):
        return True
    return bool(types) and all(any(_matches(rule, kind) for rule in accept) for kind in types)


def _matches(rule: str, media_type: str) -> bool:
    return rule in {"*/*", media_type} or (rule.endswith("/*") and media_type.startswith(rule[:-1]))


def begin(storage: UploadStorage, grant: Grant, requester: str, file: File) -> tuple[UploadToken, dict[str, Any]]:
    """Begin an upload: the token, and what the browser needs besides."""
    check_storage(storage)
    key = f"{storage.options.uploads_prefix}{secrets.token_hex(presigned.RANDOM_BYTES)}"
    part_size, upload_id = 0, ""
    if file.size > SINGLE_PUT:
        part_size = max(PART, -(-file.size // MAX_PARTS // MEBIBYTE) * MEBIBYTE)
        upload_id = storage.s3.create_upload(storage.bucket, key, STAGED_HEADERS)
    token = UploadToken(
        grant=grant.digest,
        requester=requester,
        key=key,
        upload_id=upload_id,
        **asdict(file),
        part_size=part_size,
    )
    common = {"upload": token.sign(), "key": key, "multipart": bool(upload_id)}
    if upload_id:
        return token, {**common, "part_size": part_size, "parts": parts_of(token), "expires_in": PART_EXPIRY}
    return token, {**common, **_put(storage, key, file.size), "expires_in": PUT_EXPIRY}


def check_storage(storage: UploadStorage) -> None:
    """Check that a browser can be given what it needs for an upload.

    Raises:
        ValueError: objects are encrypted with a customer's key, which no browser may see.
    """
    if customer_key(storage.options) is not None:
        raise ValueError("Direct uploads are not possible: the storage encrypts with a customer's key (sse).")


def parts_of(token: UploadToken) -> int:
    """How many parts the upload has."""
    return -(-token.size // token.part_size)


def part_length(token: UploadToken, number: int) -> int:
    """Bytes of a part, counted from 1."""
    return min(token.part_size, token.size - (number - 1) * token.part_size)


def sign(storage: UploadStorage, token: UploadToken, numbers: object) -> list[dict[str, Any]]:
    """A presigned UploadPart URL for each part: for exactly its length, and for no copy.

    Raises:
        Rejected: these are no numbers of parts.
    """
    if not token.upload_id or not isinstance(numbers, list) or not 0 < len(numbers) <= SIGNED_AT_ONCE:
        raise bad_request()
    known = range(1, parts_of(token) + 1)
    if not all(type(number) is int and number in known for number in numbers):
        raise bad_request()
    presigner = Presigner(bucket_url(storage.options, storage.bucket), storage.options.region)
    credentials = storage.s3_external.credentials()
    now = int(time.time())
    sent = {**presigned.NO_COPY, **presigned.NO_POWERS}
    return [
        {
            "number": number,
            "url": presigner.url(
                "PUT",
                token.key,
                credentials,
                second=now,
                expires=PART_EXPIRY,
                query={"partNumber": str(number), "uploadId": token.upload_id},
                headers={**sent, "Content-Length": str(part_length(token, number))},
            ),
            "headers": sent,
            "size": part_length(token, number),
        }
        for number in numbers
    ]


def stored_parts(storage: UploadStorage, token: UploadToken) -> list[dict[str, Any]]:
    """Number, size and ETag of every part that the server has, in order.

    Raises:
        Rejected: there is no such upload: it was completed, aborted or cleaned.
    """
    if not token.upload_id:
        raise _gone()
    try:
        parts = listing.list_parts(storage.s3, storage.bucket, token.key, token.upload_id)
        return [{"number": part.number, "size": part.size, "etag": f'"{part.etag}"'} for part in parts]
    except FAILURES as error:
        if getattr(error, "code", None) == "NoSuchUpload":
            raise _gone() from None
        raise


def complete(storage: UploadStorage, grant: Grant, token: UploadToken) -> Receipt:
    """Make the staged object of its parts, check it, and give the receipt; again where it was complete already.

    Raises:
        Rejected: parts are missing, or nothing was uploaded.
    """
    if token.upload_id:
        try:
            _complete_parts(storage, token)
        except Rejected as rejected:
            if rejected.status != 404:  # noqa: PLR2004 - Not Found: perhaps complete, and the response was lost
                raise
    staged = staged_object(storage, token.key)
    if staged is None:
        raise _gone()
    if staged.size != token.size:
        raise _incomplete()
    return Receipt(
        **asdict(grant.storage),
        purpose=grant.purpose,
        requester=token.requester,
        key=token.key,
        etag=staged.etag or "",
        modified=str(staged.last_modified),
        name=token.name,
        type=token.type,
        size=token.size,
    )


def _complete_parts(storage: UploadStorage, token: UploadToken) -> None:
    parts = stored_parts(storage, token)
    expected = [(number, part_length(token, number)) for number in range(1, parts_of(token) + 1)]
    if [(part["number"], part["size"]) for part in parts] != expected:
        raise _incomplete()
    elements = [{"PartNumber": str(part["number"]), "ETag": part["etag"]} for part in parts]
    try:
        storage.s3.complete_upload(storage.bucket, token.key, token.upload_id, elements, {})
    except FAILURES as error:
        if getattr(error, "code", None) == "NoSuchUpload":
            raise _gone() from None
        raise


def abort(storage: UploadStorage, token: UploadToken) -> None:
    """Remove what was uploaded; an upload that is gone is no error."""
    if token.upload_id:
        storage.s3.abort_upload(storage.bucket, token.key, token.upload_id)
    storage.s3.delete(storage.bucket, token.key)


def staged_object(storage: UploadStorage, key: str) -> Object | None:
    """The staged object, or None."""
    try:
        return storage.s3.head(storage.bucket, key)
    except FileNotFoundError:
        return None


def _put(storage: UploadStorage, key: str, size: int) -> dict[str, Any]:
    target = UploadTarget(storage.bucket, key, STAGED_HEADERS, condition=True, checksum=None, ssec=None, parallel=1)
    rules = presigned.UploadRules(method="PUT", max_size=size, size=size, expires=PUT_EXPIRY, content_type=None)
    upload = presigned.put(storage.options, storage.s3_external.credentials(), target, key, rules)
    return {"url": upload.url, "headers": upload.headers}


def bad_request() -> Rejected:
    """The refusal of a request that makes no sense."""
    return Rejected(400, "request", _("The request could not be understood. Reload the page."))


def _gone() -> Rejected:
    return Rejected(404, "upload", _("This upload no longer exists. Upload the file again."))


def _incomplete() -> Rejected:
    return Rejected(409, "incomplete", _("Parts of the file are missing. Upload the file again."))
