"""Many small files become objects: threads upload them, in bounded memory, and the first failure ends it."""

from __future__ import annotations

from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.core.files.base import ContentFile

from ..errors import CollectingError
from ..files import upload
from ..files.content import Source
from ..health.explanations import explain_in_sentence
from ..options.fields import MEBIBYTE

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..options.fields import StorageOptions
    from ..s3.client import S3Client

WORKERS = 32  # threads, unless the user's connection pool is smaller
IN_MEMORY = 64 * MEBIBYTE  # of all files that are on their way


@dataclass(frozen=True)
class Job:
    """An upload that has yet to be done."""

    name: str
    body: bytes
    target: upload.Target


class ParallelUploads:
    """Uploads under way. All methods are called by one thread, and raise CollectingError where an upload has failed.

    Args:
        where: the place that they go to, for errors.
        progress: called after an upload with the number done and the number begun so far.
    """

    def __init__(
        self, client: S3Client, options: StorageOptions, where: str, progress: Callable[[int, int], None]
    ) -> None:
        self._client = client
        self._options = options
        self._where = where
        self._progress = progress
        self._pool: ThreadPoolExecutor | None = None
        self._under_way: dict[Future[str], Job] = {}
        self._bytes = self._done = 0

    def start(self, job: Job) -> None:
        """Give an upload to another thread."""
        while self._under_way and self._bytes + len(job.body) > IN_MEMORY:
            self._take_in_any()
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self._workers(), thread_name_prefix="collectstatic")
        self._under_way[self._pool.submit(self._upload, job)] = job
        self._bytes += len(job.body)

    def run(self, name: str, target: upload.Target, source: Source) -> None:
        """Do an upload now: that of a large file, whose parts are sent in parallel."""
        from ..s3.errors import FAILURES

        try:
            upload.store(self._client, target, source, self._options)
        except FAILURES as error:
            raise self._failure(name, error) from error
        self._count()

    def wait(self, name: str | None = None) -> None:
        """Wait for the upload of one name, or for all."""
        while any(name in (None, job.name) for job in self._under_way.values()):
            self._take_in_any()

    def close(self) -> None:
        """End the threads; what has not begun is dropped."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def _upload(self, job: Job) -> str:
        source = Source(ContentFile(job.body), replayable=False)
        return upload.store(self._client, job.target, source, self._options)

    def _take_in_any(self) -> None:
        from ..s3.errors import FAILURES

        for future in wait(self._under_way, return_when=FIRST_COMPLETED).done:
            job = self._under_way.pop(future)
            self._bytes -= len(job.body)
            try:
                future.result()
            except FAILURES as error:
                raise self._failure(job.name, error) from error
            self._count()

    def _count(self) -> None:
        self._done += 1
        self._progress(self._done, self._done + len(self._under_way))

    def _failure(self, name: str, error: Exception) -> CollectingError:
        reason = explain_in_sentence(error, self._options, needed="s3:PutObject")
        return CollectingError(
            f"'{name}' could not be uploaded to {self._where}: {reason}. "
            f"{self._done} other files were; run collectstatic again for the rest."
        )

    def _workers(self) -> int:
        """As many threads as there may be connections."""
        size = self._client.http.connection_pool_kw.get("maxsize")
        return min(WORKERS, size) if isinstance(size, int) and size > 0 else WORKERS
