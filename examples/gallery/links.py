"""The links that the pages show for a stored file."""

from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, cast
from urllib.parse import parse_qs, urlsplit

from django.db.models.fields.files import FieldFile

from django_minio_backend.object_urls.response_headers import content_disposition

if TYPE_CHECKING:
    from django_minio_backend import MinioBackend


class FileLinks:
    """Where a file is stored, and the links that open it.

    Nothing here sends a request: the process signs the URLs by itself.

    Args:
        file: the file of a model.
        original_name: the name that a download gets; the last part of the object's name, if not given.
    """

    def __init__(self, file: FieldFile, original_name: str = "") -> None:
        self.name = str(file.name)
        self.original_name = original_name or self.name.rpartition("/")[2]
        self._storage = cast("MinioBackend", file.storage)

    @property
    def bucket(self) -> str:
        """The bucket that holds the file."""
        return self._storage.bucket

    @cached_property
    def url(self) -> str:
        """The link that pages use: presigned for a private bucket, plain for a public one."""
        return self._storage.url(self.name)

    @property
    def download(self) -> str:
        """A link that makes browsers save the file under its original name. It is presigned for public files, too."""
        return self._storage.url(
            self.name, response_headers={"response-content-disposition": content_disposition(self.original_name)}
        )

    @property
    def expires_at(self) -> datetime | None:
        """When the presigned link expires; None for a plain one, which does not."""
        query = parse_qs(urlsplit(self.url).query)
        if "X-Amz-Signature" not in query:
            return None
        signed_at = datetime.strptime(query["X-Amz-Date"][0], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        return signed_at + timedelta(seconds=int(query["X-Amz-Expires"][0]))

    @property
    def without_signature(self) -> str:
        """The presigned link without its query: for a private file the server responds with 403."""
        return self.url.partition("?")[0]

    @property
    def wrong_signature(self) -> str:
        """The presigned link with one digit of its signature changed: a server that checks it responds with 403."""
        start, parameter, signature = self.url.partition("X-Amz-Signature=")
        return f"{start}{parameter}{'1' if signature.startswith('0') else '0'}{signature[1:]}"
