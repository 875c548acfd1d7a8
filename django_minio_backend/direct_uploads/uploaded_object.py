"""A staged object as Django's UploadedFile: what a receipt becomes in a form."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, cast

from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext as _

from ..requesters import claim, current_requesters, requesters_of
from . import staging, transfer
from .grants import Receipt, Rejected, StorageRef, not_yours
from .transfer import StoredObject

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.http import HttpRequest

    from ..files.upload import UploadTarget
    from ..s3.client import S3Client
    from .grants import UploadStorage


class UploadedObject(UploadedFile):  # type: ignore[type-arg]  # Django's classes take none at runtime
    """A file that a browser has uploaded straight to the bucket.

    Reading it makes ranged requests, of kilobytes where that is all that is read. ``storage.save()`` on the same server
    copies it there and removes the staged object; this file then reads what was saved.

    Attributes:
        receipt: the signed text that it was made of; a form shown again has it in a hidden input.
        stored: the object that it reads.
        is_staged: whether that is the staged one, which a save removes.
    """

    def __init__(self, receipt: str, stored: StoredObject, *, name: str, content_type: str) -> None:
        self.receipt = receipt
        self.stored = stored
        self.is_staged = True
        super().__init__(self._reader(), name, content_type, stored.size)

    def can_be_copied(self, storage: UploadStorage) -> bool:
        """Whether a save in this storage copies the object within the server; else its bytes are streamed."""
        return self.stored.client is storage.s3 and not storage.options.checksum and not self.stored.ssec

    def copy_to(self, target: UploadTarget) -> str:
        """Copy the object within the server and return the copy's ETag; raises as ``transfer.copy`` does."""
        return transfer.copy(self.stored, target)

    def saved_as(self, client: S3Client, target: UploadTarget, etag: str) -> None:
        """Read from now on the object that a save has made; the staged one is removed."""
        self.close()
        if self.is_staged:
            transfer.remove(self.stored)
        size = self.stored.size
        self.stored, self.is_staged = StoredObject(client, target.bucket, target.key, etag, size, target.ssec), False
        self.file = self._reader()

    def open(self, mode: str | None = None) -> UploadedObject:  # type: ignore[override]  # as Django's files have it
        """Go back to the start; a closed file is opened anew."""
        if mode not in (None, "rb", "r"):
            raise ValueError(f"An uploaded object can only be read, not opened as {mode!r}.")
        if self.closed:
            self.file = self._reader()
        self.seek(0)
        return self

    def _reader(self) -> io.BufferedReader:
        from ..reading.reader import ObjectReader

        stored = self.stored
        reader = ObjectReader(stored.client, stored.bucket, stored.key, stored.ssec, pinned=(stored.etag, stored.size))
        return io.BufferedReader(reader, 128 * 1024)


def accept_receipt(
    text: object,
    *,
    max_size: int,
    accept: Sequence[str] = (),
    purpose: str = "",
    storage: object = None,
    request: HttpRequest | None = None,
) -> UploadedObject:
    """The file of a receipt that a form was sent with.

    Args:
        text: the receipt.
        max_size: bytes that the form's grant allows.
        accept: types that it allows.
        purpose: that it has.
        storage: where the form will save it, if that is known.
        request: that sent the form, if it is another than the one that Django serves now.

    Raises:
        Rejected: the signature is invalid or too old, the receipt is another user's or session's or another form's, or
            what was uploaded has been saved or removed, or is being saved by another request.
    """
    receipt = Receipt.load(text)
    if receipt.requester not in (requesters_of(request) if request is not None else current_requesters()):
        raise not_yours()
    other_storage = storage is not None and StorageRef.of(storage) != receipt.storage
    accepted = staging.accepts([rule.strip().lower() for rule in accept], receipt.name, receipt.type)
    if other_storage or receipt.purpose != purpose or receipt.size > max_size or not accepted:
        raise Rejected(403, "form", _("This file was uploaded for another form. Upload it again."))
    if not claim(receipt.key):
        raise Rejected(409, "saving", _("This file is already being saved."))
    storage_of_receipt = receipt.storage.resolve()
    staged = staging.staged_object(storage_of_receipt, receipt.key)
    uploaded = receipt.etag, receipt.size, receipt.modified
    if staged is None or (staged.etag, staged.size, str(staged.last_modified)) != uploaded:
        raise Rejected(404, "upload", _("This upload no longer exists. Upload the file again."))
    stored = StoredObject(storage_of_receipt.s3, storage_of_receipt.bucket, receipt.key, receipt.etag, receipt.size)
    return UploadedObject(cast("str", text), stored, name=receipt.name, content_type=receipt.type)
