"""One stream becomes one object: a single PUT while it fits into memory, else parts sent in parallel."""

from __future__ import annotations

import os
import threading
import uuid
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, Self

from ..errors import ConditionNotSupportedError, ObjectExistsError
from ..limits import MAX_PARTS, MIN_PART_SIZE
from ..options.fields import MEBIBYTE
from ..redaction.escaping import get_logger
from . import checksums

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

    from minio.sse import SseCustomerKey

    from ..options.fields import StorageOptions
    from ..s3.client import S3Client
    from .content import Source

logger = get_logger(__name__)

SINGLE_PUT = 32 * MEBIBYTE  # the most that one request carries: it is in memory as a whole
PART = 8 * MEBIBYTE
UNSIZED_PART = 8 * MEBIBYTE  # the first parts of a stream of unknown length; later ones grow
PARTS_BEFORE_GROWTH = 900  # so that 10,000 parts hold 5 TiB, the largest object, whatever the first ones' size
WRITE_TOKEN = "x-amz-meta-write-token"  # noqa: S105 - the name of a header


@dataclass(frozen=True)
class Blocks:
    """How a stream is cut.

    Attributes:
        first: bytes of the first block; a stream that fits into it is stored by one PUT.
        part: bytes of every further block, and of the first 900 of a stream of unknown length.
        grows: whether blocks grow, so that any length fits into 10,000 parts.
    """

    first: int
    part: int
    grows: bool

    def size(self, number: int) -> int:
        """Bytes of block ``number``, counted from 0."""
        if number == 0:
            return self.first
        return self.part * 2 ** (number // PARTS_BEFORE_GROWTH) if self.grows else self.part


def cut(length: int | None, options: StorageOptions) -> Blocks:
    """Decide how a stream of ``length`` bytes (None: unknown) is cut."""
    single, part = SINGLE_PUT, PART
    if options.multipart_upload:
        single, part = options.multipart_threshold - 1, options.multipart_part_size
    elif length is None:
        part = UNSIZED_PART
    if length is None:
        return Blocks(first=part, part=part, grows=True)
    if length <= single:
        return Blocks(first=max(single, MIN_PART_SIZE), part=part, grows=True)
    part = max(part, -(-length // MAX_PARTS))
    return Blocks(first=part, part=part, grows=False)


@dataclass(frozen=True)
class Target:
    """Where an upload goes and under which condition.

    Attributes:
        headers: of the object, as they are sent.
        condition: True: only if the key is free; "auto": the same, but a server that rejects
            the condition is asked without it (the caller has looked whether the key is free).
    """

    bucket: str
    key: str
    headers: Mapping[str, str]
    condition: bool | Literal["auto"]
    checksum: str | None
    ssec: SseCustomerKey | None
    parallel: int
    progress: Any = None


def store(client: S3Client, target: Target, source: Source, options: StorageOptions) -> str:
    """Make one object of a stream and return its ETag; nothing is stored if reading or sending fails.

    Raises:
        ObjectExistsError: the target's condition does not hold.
        TruncatedContentError: the stream ended before the length it gave.
    """
    with Upload(client, target, source.length) as upload:
        for block in source.blocks(cut(source.length, options)):
            upload.send(block)
            del block  # while the next one is read, memory holds only those that are being sent
        return upload.finish()


class Upload:
    """An object being written: ``send`` its blocks in order, some of them anew, then ``finish``.

    As a context manager it aborts when the block is left by an exception: nothing is stored then,
    and no unfinished multipart upload stays while the server can be reached.
    """

    def __init__(self, client: S3Client, target: Target, length: int | None = None) -> None:
        self._client = client
        self._target = target
        if target.progress:
            target.progress.set_meta(object_name=target.key, total_length=length or 0)
        self._token = uuid.uuid4().hex
        self._held: bytes | bytearray | None = None
        self._parts: _Parts | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self.abort(server_is_silent=isinstance(error, Exception) and _is_timeout(error))

    @property
    def description(self) -> str:
        """Key and bucket, for errors."""
        return f"'{self._target.key}' in bucket '{self._target.bucket}'"

    def send(self, block: bytes | bytearray, number: int | None = None) -> None:
        """Take the next block, or in place of one that was sent what is to be in the object instead.

        The first is held back: alone, it is stored by a single PUT.
        """
        if self._parts is None:
            if self._held is None or number == 0:
                self._held = block
                return
            first, self._held = self._held, None
            self._parts = _Parts(self._client, self._target, self._headers(token=True))
            self._send_part(first)
            del first
        self._send_part(block, number)

    def finish(self, blocks: int | None = None) -> str:
        """Make the object appear, all of it at once, and return its ETag.

        Args:
            blocks: how many of those that were sent make the object; all if not given.

        Raises:
            ObjectExistsError: the target's condition does not hold.
        """
        from ..s3.errors import FAILURES, may_have_worked

        if self._parts is None:
            only, self._held = self._held or b"", None
            stored = self._conditionally(partial(self._put, only))
            self._count(only)
            return stored
        try:
            return self._conditionally(partial(self._parts.complete, blocks))
        except FAILURES as error:
            found = self._stored_already() if may_have_worked(error) and not _is_timeout(error) else None
            if found is None:
                raise
            return found

    def abort(self, *, server_is_silent: bool = False) -> None:
        """Drop what was sent; a server that has been silent for too long is not waited for again."""
        parts, self._parts, self._held = self._parts, None, None
        if parts is not None:
            parts.abort(server_is_silent=server_is_silent)

    def _send_part(self, block: bytes | bytearray, number: int | None = None) -> None:
        assert self._parts is not None  # noqa: S101 - begun by send()
        if self._parts.send(block, number):
            self._count(block)

    def _count(self, block: bytes | bytearray) -> None:
        if self._target.progress:
            self._target.progress.update(len(block))

    def _headers(self, *, token: bool) -> dict[str, str]:
        """Headers of the object; by the token it is known again when an answer is lost."""
        return {**self._target.headers, **({WRITE_TOKEN: self._token} if token else {})}

    def _put(self, body: bytes | bytearray, *, only_if_absent: bool) -> str:
        target = self._target
        headers = {**self._headers(token=bool(target.condition)), **checksums.header(target.checksum, body)}
        return self._client.put(target.bucket, target.key, body, headers, only_if_absent=only_if_absent)

    def _conditionally(self, attempt: Callable[..., str]) -> str:
        """Make the object appear by ``attempt(only_if_absent)``, as far as the condition allows."""
        condition = self._target.condition
        if not condition or (condition == "auto" and self._client.rejects_conditions):
            return attempt(only_if_absent=False)
        try:
            return attempt(only_if_absent=True)
        except ObjectExistsError as taken:
            etag = self._stored_already() if taken.repeated else None
            if etag is None:
                raise
            return etag
        except ConditionNotSupportedError as rejection:
            if condition != "auto":
                raise (rejection.__cause__ or rejection) from None
            etag = attempt(only_if_absent=False)
            self._client.rejects_conditions = True
            return etag

    def _stored_already(self) -> str | None:
        """ETag of the object if an earlier attempt of this very upload stored it, though its answer was lost."""
        try:
            found = self._client.head(self._target.bucket, self._target.key, self._target.ssec)
        except FileNotFoundError:
            return None
        return found.etag if (found.metadata or {}).get(WRITE_TOKEN) == self._token else None


def _is_timeout(error: Exception) -> bool:
    from ..s3.errors import is_timeout

    return is_timeout(error)


class _Parts:
    """The parts of a multipart upload, as many on their way at once as ``Target.parallel`` says."""

    def __init__(self, client: S3Client, target: Target, headers: Mapping[str, str]) -> None:
        self._client = client
        self._target = target
        self._secret_headers = dict(target.ssec.headers()) if target.ssec else {}
        algorithm = {"x-amz-checksum-algorithm": target.checksum} if target.checksum else {}
        self._upload_id = client.create_upload(target.bucket, target.key, {**headers, **algorithm})
        self._pool = ThreadPoolExecutor(max_workers=target.parallel, thread_name_prefix="upload-part")
        self._process = os.getpid()
        self._free = threading.Semaphore(target.parallel)  # bounds memory: a part waits for a free thread
        self._sent: list[Future[dict[str, str]]] = []

    def send(self, block: bytes | bytearray, number: int | None = None) -> bool:
        """Send the next part, or another one of a number (counted from 0) that was sent; whether it is a new one."""
        index = len(self._sent) if number is None else number
        is_new = index == len(self._sent)
        if not is_new:
            self._sent[index].result()  # of two with one number the server keeps the one that arrives last
        self._free.acquire()
        for future in self._sent:
            if future.done():
                future.result()  # raises what a part failed of, before more is read
        future = self._pool.submit(self._put, index + 1, block)
        future.add_done_callback(lambda _: self._free.release())
        self._sent[index : index + 1] = [future]
        return is_new

    def complete(self, count: int | None = None, *, only_if_absent: bool) -> str:
        """Make the object of the first ``count`` parts, or of all."""
        target = self._target
        parts = [future.result() for future in self._sent][:count]
        self._pool.shutdown()
        return self._client.complete_upload(
            target.bucket, target.key, self._upload_id, parts, self._secret_headers, only_if_absent=only_if_absent
        )

    def abort(self, *, server_is_silent: bool) -> None:
        if self._process != os.getpid():
            return  # the upload is the parent's, which may be at work on it
        self._pool.shutdown(cancel_futures=True)  # waits: a part that arrives after the abort would stay
        if server_is_silent:
            logger.warning("An unfinished multipart upload of '%s' may stay in the bucket.", self._target.key)
            return
        from ..s3.errors import FAILURES

        bucket, key = self._target.bucket, self._target.key
        try:
            self._client.abort_upload(bucket, key, self._upload_id)
        except FAILURES as error:  # logged, since abort() runs while the error that matters is raised
            logger.warning("An unfinished multipart upload of '%s' stays in bucket '%s': %s", key, bucket, error)

    def _put(self, number: int, block: bytes | bytearray) -> dict[str, str]:
        target = self._target
        headers = {**self._secret_headers, **checksums.header(target.checksum, block)}
        etag = self._client.put_part(target.bucket, target.key, self._upload_id, number, block, headers)
        return {"PartNumber": str(number), "ETag": f'"{etag}"', **checksums.element(target.checksum, block)}
