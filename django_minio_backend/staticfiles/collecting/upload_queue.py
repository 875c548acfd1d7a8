"""Uploads many small files by threads, in bounded memory; the first failure ends the uploads."""

from __future__ import annotations

from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.core.files.base import ContentFile

from ...errors import CollectingError
from ...files.content import ContentReader
from ...files.upload import UploadTarget, upload
from ...health.explanations import explain_in_sentence
from ...options.fields import MEBIBYTE
from ...s3.errors import FAILURES
from ...transport.request_log import ContextThreads

if TYPE_CHECKING:
    from collections.abc import Callable

    from ...options.fields import StorageOptions
    from ...s3.client import S3Client

MAX_THREADS = 32  # fewer if the user's connection pool is smaller
MAX_QUEUED_BYTES = 64 * MEBIBYTE  # content of all queued files; that of the files held back may be as much again


@dataclass(frozen=True)
class UploadJob:
    """A file that fits into one request."""

    name: str
    body: bytes
    target: UploadTarget


class UploadQueue:
    """Uploads in progress. One thread calls all methods; they raise CollectingError where an upload has failed.

    Args:
        bucket: bucket, alias and endpoint, for errors.
        progress: called after each upload with the number of uploads done and begun so far.
    """

    def __init__(
        self, client: S3Client, options: StorageOptions, bucket: str, progress: Callable[[int, int], None]
    ) -> None:
        self._client = client
        self._options = options
        self._bucket = bucket
        self._progress = progress
        self._pool: ContextThreads | None = None
        self._in_progress: dict[Future[str], UploadJob] = {}
        self._held: dict[str, UploadJob] = {}
        self._bytes = self._held_bytes = self._done = 0

    def add(self, job: UploadJob) -> None:
        """Upload a file by another thread."""
        while self._in_progress and self._bytes + len(job.body) > MAX_QUEUED_BYTES:
            self._wait_for_one()
        if self._pool is None:
            self._pool = ContextThreads(self._threads(), thread_name_prefix="collectstatic")
        self._in_progress[self._pool.submit(self._upload, job)] = job
        self._bytes += len(job.body)

    def hold(self, job: UploadJob) -> None:
        """Hold a file back until it is flushed, or until those held back take too much memory."""
        self._held[job.name] = job
        self._held_bytes += len(job.body)
        while self._held_bytes > MAX_QUEUED_BYTES:
            self.add(self._take_held(next(iter(self._held))))

    def drop(self, name: str) -> bool:
        """Forget a file that is held back; return whether it was."""
        if name not in self._held:
            return False
        self._take_held(name)
        return True

    def upload_now(self, name: str, target: UploadTarget, source: ContentReader) -> None:
        """Upload a large file, whose parts are sent in parallel."""
        try:
            upload(self._client, target, source, self._options)
        except FAILURES as error:
            raise self._failure(name, error) from error
        self._count()

    def flush(self, name: str | None = None) -> None:
        """Upload the files held back, or the one of this name, and wait for them and all others."""
        for held in [each for each in self._held if name in (None, each)]:
            self.add(self._take_held(held))
        while any(name in (None, job.name) for job in self._in_progress.values()):
            self._wait_for_one()

    def close(self) -> None:
        """End the threads; uploads that have not begun are dropped."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def _take_held(self, name: str) -> UploadJob:
        job = self._held.pop(name)
        self._held_bytes -= len(job.body)
        return job

    def _upload(self, job: UploadJob) -> str:
        source = ContentReader(ContentFile(job.body), replayable=False)
        return upload(self._client, job.target, source, self._options)

    def _wait_for_one(self) -> None:
        for future in wait(self._in_progress, return_when=FIRST_COMPLETED).done:
            job = self._in_progress.pop(future)
            self._bytes -= len(job.body)
            try:
                future.result()
            except FAILURES as error:
                raise self._failure(job.name, error) from error
            self._count()

    def _count(self) -> None:
        self._done += 1
        self._progress(self._done, self._done + len(self._in_progress))

    def _failure(self, name: str, error: Exception) -> CollectingError:
        reason = explain_in_sentence(error, self._options, needed="s3:PutObject")
        return CollectingError(
            f"The file '{name}' could not be uploaded to {self._bucket}: {reason}. "
            f"{self._done} other files were uploaded; run collectstatic again for the rest."
        )

    def _threads(self) -> int:
        """Number of threads: no more than the connection pool has connections."""
        size = self._client.http.connection_pool_kw.get("maxsize")
        return min(MAX_THREADS, size) if isinstance(size, int) and size > 0 else MAX_THREADS
