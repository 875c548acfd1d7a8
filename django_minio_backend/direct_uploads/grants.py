"""Signed texts that a browser carries between requests: the grant, the upload token and the receipt."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self, cast

from django.core import signing
from django.core.files.storage import storages
from django.utils.translation import gettext as _

from ..options.fields import StorageOptions
from ..requesters import SALT, current_requesters, is_serving, requesters_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.http import HttpRequest

    from ..s3.client import S3Client

GRANT_AGE = 24 * 3600  # seconds after which a rendered form begins no new upload
UPLOAD_AGE = 7 * 24 * 3600  # seconds in which an upload that has begun can go on, and its receipt be saved


class Rejected(Exception):  # noqa: N818 - a response, which may be the normal course of things
    """A request or receipt that is refused.

    Attributes:
        status: the HTTP status.
        error: a word for programs.
        message: a translated sentence for the user.
    """

    def __init__(self, status: int, error: str, message: str) -> None:
        super().__init__(f"{error}: {message}")
        self.status = status
        self.error = error
        self.message = message


class NoDirectUploadError(ValueError):
    """A storage or form that cannot have direct uploads: its files are uploaded through Django."""


class UploadStorage(Protocol):
    """What direct uploads need of a storage of this package."""

    @property
    def options(self) -> StorageOptions:
        """The storage's options."""

    @property
    def bucket(self) -> str:
        """Name of its bucket."""

    @property
    def s3(self) -> S3Client:
        """The client for its server."""

    @property
    def s3_external(self) -> S3Client:
        """The client that signs URLs."""


@dataclass(frozen=True, kw_only=True)
class SignedText:
    """A value that a browser keeps and cannot change. It is signed, not encrypted: it holds no secret."""

    kind: ClassVar[str]

    def sign(self) -> str:
        """The text, with the time of now."""
        return signing.dumps(asdict(self), salt=f"{SALT}.{self.kind}")

    @classmethod
    def load(cls, text: object, max_age: int = UPLOAD_AGE) -> Self:
        """The value of a text.

        Raises:
            Rejected: nobody has signed it as such, or that was more than ``max_age`` seconds ago.
        """
        try:
            values = signing.loads(cast("str", text), salt=f"{SALT}.{cls.kind}", max_age=max_age)
            return cls(**{name: tuple(v) if isinstance(v, list) else v for name, v in values.items()})
        except signing.SignatureExpired:
            message = _("This form is too old. Reload the page and upload the file again.")
            raise Rejected(403, "expired", message) from None
        except (signing.BadSignature, TypeError, AttributeError, ValueError):
            message = _("This form is not valid here. Reload the page and upload the file again.")
            raise Rejected(403, "signature", message) from None


@dataclass(frozen=True, kw_only=True)
class StorageRef:
    """Which storage: by its alias in STORAGES, bucket and location."""

    alias: str
    bucket: str
    location: str

    @classmethod
    def of(cls, storage: object) -> StorageRef:
        """The reference of a storage.

        Raises:
            NoDirectUploadError: it is none of this package, or another process could not make it again from STORAGES.
        """
        options = getattr(storage, "options", None)
        if not isinstance(options, StorageOptions):
            raise NoDirectUploadError(f"{storage!r} is no storage of django-minio-backend.")
        reference = cls(alias=options.alias, bucket=cast("UploadStorage", storage).bucket, location=options.location)
        if not options.alias or options.alias not in storages.backends:
            raise NoDirectUploadError(f"{storage!r} is of no alias in STORAGES, so the endpoints cannot find it.")
        try:
            same = reference.resolve().options
        except Rejected:
            same = None
        if same is None or same.endpoint != options.endpoint or same.use_https != options.use_https:
            raise NoDirectUploadError(
                f"{storage!r} has other options than STORAGES['{options.alias}'], so the endpoints cannot find it."
            )
        return reference

    def resolve(self) -> UploadStorage:
        """The storage.

        Raises:
            Rejected: the settings have it no more.
        """
        if self.alias in storages.backends:
            storage: Any = storages[self.alias]
            options = getattr(storage, "options", None)
            if isinstance(options, StorageOptions):
                if storage.bucket != self.bucket:
                    storage = type(storage)(bucket_name=self.bucket, storage_name=self.alias)
                if storage.options.location == self.location:
                    return cast("UploadStorage", storage)
        raise Rejected(404, "storage", _("Files can no longer be uploaded here. Reload the page."))


@dataclass(frozen=True, kw_only=True)
class TextForStorage(SignedText):
    """A signed text that is valid for one storage.

    Attributes:
        alias, bucket, location: the storage, as in ``StorageRef``.
    """

    alias: str
    bucket: str
    location: str

    @property
    def storage(self) -> StorageRef:
        """The storage."""
        return StorageRef(alias=self.alias, bucket=self.bucket, location=self.location)


@dataclass(frozen=True, kw_only=True)
class Grant(TextForStorage):
    """What a rendered widget lets one user or session upload.

    Attributes:
        max_size: bytes that a file may have.
        accept: media types (``image/*`` too) and extensions (``.pdf``); any where it is empty.
        multiple: whether the widget takes several files.
        requester: for whom it was rendered; empty for a visitor without any cookie.
        purpose: a text that forms with the same limits can have so that none takes a receipt of the other.
    """

    kind = "grant"

    max_size: int
    accept: tuple[str, ...]
    multiple: bool
    requester: str
    purpose: str = ""

    @property
    def digest(self) -> str:
        """The same for every rendering of the same widget.

        The requester is left out, as upload tokens have their own: a visitor without cookies has one after a reload.
        """
        values = {name: value for name, value in asdict(self).items() if name != "requester"}
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()

    def check_requester(self, requesters: Sequence[str]) -> str:
        """Who uploads, for the upload token.

        Raises:
            Rejected: it was rendered for somebody else.
        """
        is_anonymous = not any(requester.startswith("user:") for requester in requesters)
        if requesters and (self.requester in requesters or (not self.requester and is_anonymous)):
            return self.requester or requesters[0]
        raise not_yours()


@dataclass(frozen=True, kw_only=True)
class UploadToken(SignedText):
    """An upload that has begun.

    Attributes:
        grant: digest of the grant.
        requester: who has begun it.
        key: of the staged object.
        upload_id: of the multipart upload; empty where one PUT carries the file.
        name, type, size: of the file, as agreed.
        part_size: bytes of every part but the last.
    """

    kind = "upload"

    grant: str
    requester: str
    key: str
    upload_id: str
    name: str
    type: str
    size: int
    part_size: int


@dataclass(frozen=True, kw_only=True)
class Receipt(TextForStorage):
    """A file that has been uploaded and waits in the staging prefix for its form to be saved.

    Attributes:
        purpose: of the grant.
        requester: who has uploaded it.
        key, etag, modified: the staged object: no other that takes its place later is meant.
        name, type, size: of the file.
    """

    kind = "receipt"

    purpose: str
    requester: str
    key: str
    etag: str
    modified: str
    name: str
    type: str
    size: int


def issue_grant(
    storage: object,
    *,
    max_size: int,
    accept: Sequence[str] = (),
    multiple: bool = False,
    purpose: str = "",
    request: HttpRequest | None = None,
) -> str:
    """The signed grant for a form that is being rendered.

    Args:
        storage: where the file will be saved.
        max_size: bytes that one file may have.
        accept: media types and extensions, as the attribute of ``<input>`` has them; any if empty.
        multiple: whether several files can be chosen.
        purpose: see ``Grant``.
        request: for whom the form is rendered, if it is another than the one that Django serves now.

    Raises:
        NoDirectUploadError: the storage cannot have direct uploads, or no request is being served.
    """
    reference = StorageRef.of(storage)
    requesters = requesters_of(request) if request is not None else current_requesters()
    if request is None and not is_serving():
        raise NoDirectUploadError("No request is being served, so it is unknown for whom the form is rendered.")
    return Grant(
        **asdict(reference),
        max_size=max_size,
        accept=tuple(text.strip().lower() for text in accept),
        multiple=multiple,
        requester=next(iter(requesters), ""),
        purpose=purpose,
    ).sign()


def not_yours() -> Rejected:
    """The refusal of what belongs to another user or session."""
    message = _("This upload belongs to another session. Reload the page and upload the file again.")
    return Rejected(403, "requester", message)
