"""Uploads a stream as one object: by a single PUT if it fits into memory, else in parts, several at a time."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, Self

from ..errors import ConditionNotSupportedError, ObjectExistsError
from ..redaction.escaping import get_logger
from ..s3.credentials import customer_key
from ..s3.errors import FAILURES, is_timeout, lost_parts, may_have_worked
from ..transport.request_log import ContextThreads
from .checksums import checksum_element, checksum_header
from .content import ContentReader, plan_parts
from .upload_headers import upload_headers

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from concurrent.futures import Future

    from minio.sse import SseCustomerKey

    from ..options.fields import StorageOptions
    from ..s3.client import S3Client, WriteOperation

    Block = bytes | bytearray | range
    PutPart = Callable[[str, int, Any, Mapping[str, str]], str]  # upload id, part number, block, headers
    Condition = bool | Literal["auto"]

logger = get_logger(__name__)

WRITE_TOKEN = "x-amz-meta-write-token"  # noqa: S105 - the name of a header


@dataclass(slots=True)  # frozen, it would take twice as long to make, on each save
class UploadTarget:
    """Where an upload is stored, with which headers, and under which condition. It is never changed, but replaced.

    Attributes:
        headers: of the object, as they are sent.
        condition: True: only if the key does not exist. "auto": the same, but if the server rejects the condition, the
            upload is repeated without it, as the caller has looked whether the key exists.
        is_repeated: whether an upload with this token may have stored the object before.
        token: identifies the object if the response to its upload is lost.
    """

    bucket: str
    key: str
    headers: Mapping[str, str]
    condition: Condition
    checksum: str | None
    ssec: SseCustomerKey | None
    parallel: int
    progress: Any = None
    is_repeated: bool = False
    token: str = field(default_factory=lambda: os.urandom(16).hex())

    def again(self) -> Self:
        """Return the target of a second upload after the first one's parts were lost."""
        return replace(self, is_repeated=True)


class Uploader:
    """Uploads objects with the options of a storage."""

    def __init__(self, options: StorageOptions) -> None:
        self._options = options
        self._ssec = customer_key(options)

    def target(self, bucket: str, key: str, name: str, content: object, *, condition: Condition) -> UploadTarget:
        """Return the target of an object; raises as ``upload_headers`` does."""
        options, ssec = self._options, self._ssec
        headers, checksum = upload_headers(options, key, name, content), options.checksum
        parallel, progress = options.num_parallel_uploads, options.progress
        return UploadTarget(bucket, key, headers, condition, checksum, ssec, parallel, progress)

    def reader(self, content: Any, target: UploadTarget) -> ContentReader:
        """Return a reader of content that may have to be sent again: under another name, or to a bucket made first."""
        return ContentReader(content, replayable=bool(target.condition) or self._options.bucket_check_on_save)

    def store(self, client: S3Client, target: UploadTarget, reader: ContentReader) -> str:
        """Store content as one object and return its ETag, as ``upload`` does."""
        return upload(client, target, reader, self._options)


def upload(client: S3Client, target: UploadTarget, reader: ContentReader, options: StorageOptions) -> str:
    """Store content as one object and return its ETag; if reading or sending fails, nothing is stored.

    If the server loses the parts while it makes the object of them, all is sent once more.

    Raises:
        ObjectExistsError: the target's condition does not hold.
        TruncatedContentError: the content ended before its stated size.
    """
    try:
        return _upload(client, target, reader, options)
    except FAILURES as error:
        if not (lost_parts(error) and reader.rewind()):
            raise
    return _upload(client, target.again(), reader, options)


def _upload(client: S3Client, target: UploadTarget, reader: ContentReader, options: StorageOptions) -> str:
    with Upload(client, target, reader.length) as started:
        for block in reader.blocks(plan_parts(reader.length, options)):
            started.send(block)
            del block  # while the next one is read, memory holds only those that are being sent
        return started.finish()


class Upload:
    """An upload in progress: ``send`` the blocks in order, replace some of them if needed, then ``finish``.

    As a context manager it is aborted by an exception in its block: nothing is stored, and no unfinished multipart
    upload stays if the server can be reached. ``put_part`` stores a part in another way than UploadPart and returns its
    ETag: every block is then a part, and only its length is used here.
    """

    def __init__(
        self, client: S3Client, target: UploadTarget, length: int | None = None, put_part: PutPart | None = None
    ) -> None:
        self._client = client
        self._target = target
        if target.progress:
            target.progress.set_meta(object_name=target.key, total_length=length or 0)
        self._put_part = put_part
        self._held: Any = None
        self._parts: _Parts | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is not None:
            self.abort(timed_out=isinstance(error, Exception) and is_timeout(error))

    def again(self) -> Upload:
        """Return a second upload of the same object, after the server has lost the parts of this one."""
        return Upload(self._client, self._target.again(), put_part=self._put_part)

    @property
    def description(self) -> str:
        """Key and bucket, for errors."""
        return f"'{self._target.key}' in bucket '{self._target.bucket}'"

    def send(self, block: Block, number: int | None = None) -> None:
        """Send the next block, or replace block ``number``.

        The first block waits for the second: alone, it is stored by a single PUT.
        """
        if self._parts is None:
            if self._put_part is None and (self._held is None or number == 0):
                self._held = block
                return
            first, self._held = self._held, None
            self._parts = _Parts(self._client, self._target, self._headers(token=True), self._put_part)
            if first is not None:
                self._send_part(first)
            del first
        self._send_part(block, number)

    def finish(self, blocks: int | None = None) -> str:
        """Store the object, which appears as a whole, and return its ETag.

        Args:
            blocks: number of sent blocks that make the object; all by default.

        Raises:
            ObjectExistsError: the target's condition does not hold.
        """
        if self._parts is None:
            only, self._held = self._held or b"", None
            etag = self._conditionally("PutObject", partial(self._put, only))
            self._count(only)
            return etag
        try:
            return self._conditionally("CompleteMultipartUpload", partial(self._parts.complete, blocks))
        except FAILURES as error:
            stored = self._stored_etag() if may_have_worked(error) and not is_timeout(error) else None
            if stored is None:
                raise
            return stored

    def abort(self, *, timed_out: bool = False) -> None:
        """Abort the upload; after a timeout, no further request is sent to the server."""
        parts, self._parts, self._held = self._parts, None, None
        if parts is not None:
            parts.abort(timed_out=timed_out)

    def _send_part(self, block: Block, number: int | None = None) -> None:
        assert self._parts is not None  # noqa: S101 - begun by send()
        if self._parts.send(block, number):
            self._count(block)

    def _count(self, block: Block) -> None:
        if self._target.progress:
            self._target.progress.update(len(block))

    def _headers(self, *, token: bool) -> dict[str, str]:
        return {**self._target.headers, **({WRITE_TOKEN: self._target.token} if token else {})}

    def _put(self, body: bytes | bytearray, *, only_if_absent: bool) -> str:
        target = self._target
        headers = {**self._headers(token=bool(target.condition)), **checksum_header(target.checksum, body)}
        return self._client.put(target.bucket, target.key, body, headers, only_if_absent=only_if_absent)

    def _conditionally(self, operation: WriteOperation, attempt: Callable[..., str]) -> str:
        """Store the object by ``attempt(only_if_absent=)``, which is this operation, under the target's condition."""
        condition = self._target.condition
        if not condition or (condition == "auto" and operation in self._client.unconditional):
            return attempt(only_if_absent=False)
        try:
            return attempt(only_if_absent=True)
        except ObjectExistsError as error:
            etag = self._stored_etag() if error.repeated or self._target.is_repeated else None
            if etag is None:
                raise
            return etag
        except ConditionNotSupportedError as rejection:
            if condition != "auto":
                raise (rejection.__cause__ or rejection) from None
            etag = attempt(only_if_absent=False)
            self._client.unconditional.add(operation)
            return etag

    def _stored_etag(self) -> str | None:
        """ETag of the object if this upload has stored it, although the response was lost."""
        try:
            stored = self._client.head(self._target.bucket, self._target.key, self._target.ssec)
        except FileNotFoundError:
            return None
        return stored.etag if (stored.metadata or {}).get(WRITE_TOKEN) == self._target.token else None


class _Parts:
    """A multipart upload, of which ``UploadTarget.parallel`` parts are sent at the same time."""

    def __init__(
        self, client: S3Client, target: UploadTarget, headers: Mapping[str, str], put_part: PutPart | None
    ) -> None:
        self._client = client
        self._put_part = put_part or partial(client.put_part, target.bucket, target.key)
        self._target = target
        self._secret_headers = dict(target.ssec.headers()) if target.ssec else {}
        algorithm = {"x-amz-checksum-algorithm": target.checksum} if target.checksum else {}
        self._upload_id = client.create_upload(target.bucket, target.key, {**headers, **algorithm})
        self._pool = ContextThreads(max_workers=target.parallel, thread_name_prefix="upload-part")
        self._process = os.getpid()
        self._free_threads = threading.Semaphore(target.parallel)  # bounds memory: a part waits for a free thread
        self._sent: list[Future[dict[str, str]]] = []

    def send(self, block: Block, number: int | None = None) -> bool:
        """Send the next part, or replace part ``number`` (counted from 0); return whether it is a new one."""
        index = len(self._sent) if number is None else number
        is_new = index == len(self._sent)
        if not is_new:
            self._sent[index].result()  # of two parts with one number the server keeps the one that arrives last
        self._free_threads.acquire()
        for future in self._sent:
            if future.done():
                future.result()  # raises the error of a failed part before more is read
        future = self._pool.submit(self._put, index + 1, block)
        future.add_done_callback(lambda _: self._free_threads.release())
        self._sent[index : index + 1] = [future]
        return is_new

    def complete(self, count: int | None = None, *, only_if_absent: bool) -> str:
        """Store the object from the first ``count`` parts, or from all."""
        target = self._target
        parts = [future.result() for future in self._sent][:count]
        self._pool.shutdown()
        return self._client.complete_upload(
            target.bucket, target.key, self._upload_id, parts, self._secret_headers, only_if_absent=only_if_absent
        )

    def abort(self, *, timed_out: bool) -> None:
        if self._process != os.getpid():
            return  # in a forked child: the upload is the parent's
        self._pool.shutdown(cancel_futures=True)  # waits: a part that arrives after the abort would stay
        if timed_out:
            logger.warning("An unfinished multipart upload of '%s' may stay in the bucket.", self._target.key)
            return
        bucket, key = self._target.bucket, self._target.key
        try:
            self._client.abort_upload(bucket, key, self._upload_id)
        except FAILURES as error:  # logged, since abort() runs while the error that matters is raised
            logger.warning("An unfinished multipart upload of '%s' stays in bucket '%s': %s", key, bucket, error)

    def _put(self, number: int, block: Any) -> dict[str, str]:
        target = self._target
        headers = {**self._secret_headers, **checksum_header(target.checksum, block)}
        etag = self._put_part(self._upload_id, number, block, headers)
        return {"PartNumber": str(number), "ETag": f'"{etag}"', **checksum_element(target.checksum, block)}
