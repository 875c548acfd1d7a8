"""The scenarios: each one prepares and returns the work that is measured, as a project's code would do it."""

from __future__ import annotations

import io
import json
import os
import tempfile
import uuid
import zipfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

import django
from django.conf import settings
from django.core.files.base import ContentFile, File
from minio import Minio

from tests.support.server_options import options_of
from tools.servers import server_from_environment

if TYPE_CHECKING:
    from collections.abc import Callable

    from django_minio_backend.models import MinioBackend
    from tools.servers import Server

    Work = Callable[[], object]

LARGE = 512 * 1024**2
SLOW = 256 * 1024**2  # bytes that pass through slow connections
MEDIUM = 32 * 1024**2
ZIPPED = 128 * 1024**2
SMALL_FILES = 300
MANY_SMALL_FILES = 3_000
SMALL = 10 * 1024
BUCKETS = 200
CHUNK = 64 * 1024  # bytes of a chunk of Django's File.chunks()
BUCKET = "benchmarks"
LARGE_NAME = "large.bin"
SLOW_NAME = "slow.bin"


def storage(**options: Any) -> MinioBackend:
    """A storage on the server under test; its bucket exists."""
    from django_minio_backend.models import MinioBackend

    if not settings.configured:
        settings.configure(USE_TZ=True)
        django.setup()
    server = server_from_environment()
    assert server is not None
    backend = MinioBackend(**options_of(server, MINIO_DEFAULT_BUCKET=BUCKET), **options)
    backend.check_bucket_existence()
    return backend


def sdk() -> Minio:
    """A client of the SDK as in its documentation; the bucket exists."""
    storage()
    server = server_from_environment()
    assert server is not None
    return Minio(server.endpoint, server.access_key, server.secret_key, secure=server.secure, region=server.region)


def name() -> str:
    """A unique name."""
    return f"{uuid.uuid4().hex}.bin"


def _large_file() -> Path:
    return Path(os.environ["BENCHMARK_FILE"])


def save_large() -> Work:
    """Save a 512 MiB file from disk."""
    to, file = storage(), _large_file()

    def work() -> None:
        with file.open("rb") as content:
            to.save(name(), File(content))

    return work


def sdk_put_large() -> Work:
    """Put the same file by the SDK."""
    client, file = sdk(), _large_file()

    def work() -> None:
        with file.open("rb") as content:
            client.put_object(BUCKET, name(), content, LARGE)

    return work


def _slow_server() -> Server:
    server = server_from_environment()
    assert server is not None
    return replace(server, endpoint=os.environ["BENCHMARK_SLOW_ENDPOINT"])


def _slow_storage() -> MinioBackend:
    from django_minio_backend.models import MinioBackend

    storage(replace_existing=True).save(SLOW_NAME, ContentFile(bytes(SLOW)))
    return MinioBackend(**options_of(_slow_server(), MINIO_DEFAULT_BUCKET=BUCKET))


def _slow_sdk() -> Minio:
    storage(replace_existing=True).save(SLOW_NAME, ContentFile(bytes(SLOW)))
    server = _slow_server()
    return Minio(server.endpoint, server.access_key, server.secret_key, secure=server.secure, region=server.region)


def read_slow() -> Work:
    """Read 256 MiB in chunks over slow connections."""
    of = _slow_storage()

    def work() -> None:
        with of.open(SLOW_NAME) as file:
            while file.read(CHUNK):
                pass

    return work


def sdk_get_slow() -> Work:
    """Get the same object by the SDK."""
    client = _slow_sdk()

    def work() -> None:
        response = client.get_object(BUCKET, SLOW_NAME)
        while response.read(CHUNK):
            pass
        response.release_conn()

    return work


def _save_slow(size: int) -> Work:
    to, content = _slow_storage(), io.BytesIO(bytes(size))
    return lambda: to.save(name(), File(content, name="content"))


def _sdk_put_slow(size: int) -> Work:
    client, content = _slow_sdk(), io.BytesIO(bytes(size))
    # With one connection; the SDK's default is three.
    return lambda: client.put_object(BUCKET, name(), content, size, num_parallel_uploads=1)


def save_slow() -> Work:
    """Save 256 MiB over slow connections."""
    return _save_slow(SLOW)


def sdk_put_slow() -> Work:
    """Put as many bytes by the SDK over one of them."""
    return _sdk_put_slow(SLOW)


def save_medium_slow() -> Work:
    """Save 32 MiB over slow connections."""
    return _save_slow(MEDIUM)


def sdk_put_medium_slow() -> Work:
    """Put as many bytes by the SDK over one of them."""
    return _sdk_put_slow(MEDIUM)


class _Stream:
    """A stream that can only be read."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb")

    def read(self, size: int = -1, /) -> bytes:
        return self._file.read(size)


def save_unsized() -> Work:
    """Save 512 MiB from a stream that cannot seek and has no size."""
    to, file = storage(), _large_file()
    return lambda: to.save(name(), _Stream(file))


def sdk_put_unsized() -> Work:
    """Put the same stream by the SDK, in parts of the size that its documentation has."""
    client, file = sdk(), _large_file()
    return lambda: client.put_object(BUCKET, name(), cast("BinaryIO", _Stream(file)), -1, part_size=10 * 1024**2)


def _write_zip(file: Any) -> None:
    """Write members of 1 MiB into a zip file, which goes back to the header of each after its data."""
    member = os.urandom(1024**2)
    with zipfile.ZipFile(file, "w") as archive:
        for number in range(ZIPPED // len(member)):
            archive.writestr(f"{number}.bin", member)


def write_zip() -> Work:
    """Write 128 MiB of zip file to a file of the storage."""
    to = storage()

    def work() -> None:
        with to.open(name(), "wb") as file:
            _write_zip(file)

    return work


def sdk_put_zip() -> Work:
    """Write the same to a temporary file, and put that by the SDK."""
    client = sdk()

    def work() -> None:
        with tempfile.NamedTemporaryFile() as file:
            _write_zip(file)
            file.flush()
            client.fput_object(BUCKET, name(), file.name)

    return work


def write_in_sequence() -> Work:
    """Write 128 MiB to a file of the storage in sequence."""
    to, block = storage(), os.urandom(1024**2)

    def work() -> None:
        with to.open(name(), "wb") as file:
            for _ in range(ZIPPED // len(block)):
                file.write(block)

    return work


def read_large() -> Work:
    """Read 512 MiB in chunks."""
    of = storage()

    def work() -> None:
        with of.open(LARGE_NAME) as file:
            while file.read(CHUNK):
                pass

    return work


def sdk_get_large() -> Work:
    """Get the same object by the SDK, in the same chunks."""
    client = sdk()

    def work() -> None:
        response = client.get_object(BUCKET, LARGE_NAME)
        while response.read(CHUNK):
            pass
        response.release_conn()

    return work


def _save_small(**options: Any) -> Work:
    to = storage(**options)
    contents = [os.urandom(SMALL) for _ in range(SMALL_FILES)]
    to.save(name(), ContentFile(b"not measured: imports and the first connection"))

    def work() -> None:
        for content in contents:
            to.save(name(), ContentFile(content))

    return work


def save_small_auto() -> Work:
    """Save 300 files of 10 KiB, each after a HEAD request."""
    return _save_small()


def save_small_conditional() -> Work:
    """Save 300 files of 10 KiB by one conditional request each."""
    return _save_small(MINIO_CONDITIONAL_WRITES=True)


def save_without_requests() -> Work:
    """Save 3,000 files of 10 KiB, each up to its HEAD and its PUT request, which are not sent."""
    to = storage()
    contents = [os.urandom(SMALL)] * MANY_SMALL_FILES
    to.save(name(), ContentFile(b"not measured: imports"))

    def head(*_: object) -> None:
        raise FileNotFoundError

    def put(*_: object, **__: object) -> str:
        return "0" * 32

    vars(to.s3).update(head=head, put=put)

    def work() -> None:
        for content in contents:
            to.save(name(), ContentFile(content))

    return work


def sdk_put_small() -> Work:
    """Put 300 files of 10 KiB by the SDK."""
    return _sdk_put(SMALL_FILES)


def sdk_put_many_small() -> Work:
    """Put 3,000 files of 10 KiB by the SDK."""
    return _sdk_put(MANY_SMALL_FILES)


def _sdk_put(count: int) -> Work:
    client = sdk()
    contents = [os.urandom(SMALL) for _ in range(count)]
    client.put_object(BUCKET, name(), io.BytesIO(b""), 0)

    def work() -> None:
        for content in contents:
            client.put_object(BUCKET, name(), io.BytesIO(content), SMALL)

    return work


def _save_and_read(of: MinioBackend) -> None:
    for number in range(SMALL_FILES):
        saved = of.save(name(), ContentFile(number.to_bytes(4, "big") * (SMALL // 4)))
        with of.open(saved) as file:
            assert len(file.read()) == SMALL


def save_and_read() -> Work:
    """Save and read 300 files of 10 KiB, each by a HEAD, a PUT and a GET request."""
    of = storage()
    of.save(name(), ContentFile(b"not measured: imports and the first connection"))
    return lambda: _save_and_read(of)


def save_and_read_in_memory() -> Work:
    """Save and read the same by the same requests to the server in memory."""
    from django_minio_backend.testing import memory_minio

    of = storage()

    def work() -> None:
        with memory_minio():
            _save_and_read(of)

    return work


PICTURES = [f"folder/picture {number}.png" for number in range(1_000)]
UNICODE = [f"ordner/bild-äöü-{number}.png" for number in range(1_000)]
PAGES = 10  # of 1,000 pictures each


def _urls(of: MinioBackend, names: list[str] = PICTURES) -> Work:
    of.url(names[0])  # not measured: imports and the first connection
    return lambda: [of.url(name) for _ in range(PAGES) for name in names]


def urls() -> Work:
    """Make 10,000 presigned URLs."""
    return _urls(storage())


def unicode_urls() -> Work:
    """Make 10,000 presigned URLs of names with characters beyond ASCII."""
    return _urls(storage(), UNICODE)


def public_urls() -> Work:
    """Make 10,000 URLs of a public bucket."""
    return _urls(storage(MINIO_PUBLIC_BUCKETS=[BUCKET]))


DOWNLOAD = {"response-content-disposition": 'attachment; filename="picture.png"'}


def download_urls() -> Work:
    """Make 10,000 presigned URLs of downloads under another name."""
    of = storage()
    return lambda: [of.url(picture, response_headers=DOWNLOAD) for _ in range(PAGES) for picture in PICTURES]


IN_MEMORY = {
    "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
    "OPTIONS": {"MAX_ENTRIES": 10 * len(PICTURES)},
}


def _with_warm_cache(cache: dict[str, Any] = IN_MEMORY) -> MinioBackend:
    if not settings.configured:
        settings.configure(USE_TZ=True, CACHES={"default": cache})
        django.setup()
    of = storage(MINIO_URL_CACHING_ENABLED=True, replace_existing=True)
    for picture in PICTURES:
        of.save(picture, ContentFile(b"picture"))
    of.urls(PICTURES)
    return of


def cached_urls() -> Work:
    """Get 10,000 presigned URLs from a warm cache in memory, one by one."""
    return _urls(_with_warm_cache())


def cached_urls_together() -> Work:
    """Get the same URLs, 1,000 at a time."""
    of = _with_warm_cache()
    return lambda: [of.urls(PICTURES) for _ in range(PAGES)]


def redis_urls_together() -> Work:
    """Get as many from a warm Redis, 1,000 at a time."""
    from tests.support.redis import redis

    running = ExitStack()
    folder = running.enter_context(tempfile.TemporaryDirectory())
    url = running.enter_context(redis("redis-server", Path(folder)))
    of = _with_warm_cache({"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": url})

    def work() -> None:
        with running:
            for _ in range(PAGES):
                of.urls(PICTURES)

    return work


def sdk_urls() -> Work:
    """Make 10,000 presigned URLs by the SDK."""
    return _sdk_urls(PICTURES)


def sdk_unicode_urls() -> Work:
    """Make 10,000 presigned URLs of names with characters beyond ASCII by the SDK."""
    return _sdk_urls(UNICODE)


def _sdk_urls(names: list[str]) -> Work:
    client = sdk()
    return lambda: [client.presigned_get_object(BUCKET, name) for _ in range(PAGES) for name in names]


def sdk_download_urls() -> Work:
    """Make the same by the SDK."""
    client = sdk()
    return lambda: [
        client.presigned_get_object(BUCKET, picture, response_headers=dict(DOWNLOAD))
        for _ in range(PAGES)
        for picture in PICTURES
    ]


def _bucket_names() -> list[str]:
    return [f"benchmark-{uuid.uuid4().hex}" for _ in range(BUCKETS)]


def _site(names: list[str]) -> MinioBackend:
    return storage(MINIO_PRIVATE_BUCKETS=names[::2], MINIO_PUBLIC_BUCKETS=names[1::2])


def make_buckets() -> Work:
    """Create 200 buckets, half of them public, as initialize_buckets does."""
    from django_minio_backend.buckets.initialize import initialize

    site = _site(_bucket_names())
    return lambda: initialize([site])


def sdk_make_buckets() -> Work:
    """Create as many by the SDK, with as many threads and without checks whether they exist."""
    from django_minio_backend.buckets.plan import WORKERS
    from django_minio_backend.buckets.policy import public_policy

    client, names = sdk(), _bucket_names()

    def make(number: int) -> None:
        client.make_bucket(names[number])
        if number % 2:
            client.set_bucket_policy(names[number], json.dumps(public_policy(names[number])))

    def work() -> None:
        with ThreadPoolExecutor(max_workers=WORKERS) as pool:
            list(pool.map(make, range(BUCKETS)))

    return work


def check_buckets() -> Work:
    """Check 200 buckets that are in sync, as initialize_buckets --check does."""
    from django_minio_backend.buckets.initialize import initialize

    site = _site(_bucket_names())
    initialize([site])

    def work() -> None:
        assert initialize([site], dry_run=True)

    return work


def sdk_check_buckets() -> Work:
    """Check whether as many buckets exist by the SDK, with as many threads."""
    from django_minio_backend.buckets.plan import WORKERS

    client, names = sdk(), _bucket_names()
    for bucket in names:
        client.make_bucket(bucket)

    def work() -> None:
        with ThreadPoolExecutor(max_workers=WORKERS) as pool:
            assert all(pool.map(client.bucket_exists, names))

    return work


SCENARIOS: dict[str, Callable[[], Work]] = {
    scenario.__name__: scenario
    for scenario in (
        save_large,
        sdk_put_large,
        save_unsized,
        sdk_put_unsized,
        write_zip,
        sdk_put_zip,
        write_in_sequence,
        read_large,
        sdk_get_large,
        read_slow,
        sdk_get_slow,
        save_slow,
        sdk_put_slow,
        save_medium_slow,
        sdk_put_medium_slow,
        save_small_auto,
        save_small_conditional,
        save_without_requests,
        sdk_put_small,
        sdk_put_many_small,
        save_and_read,
        save_and_read_in_memory,
        urls,
        unicode_urls,
        public_urls,
        download_urls,
        cached_urls,
        cached_urls_together,
        redis_urls_together,
        sdk_urls,
        sdk_unicode_urls,
        sdk_download_urls,
        make_buckets,
        sdk_make_buckets,
        check_buckets,
        sdk_check_buckets,
    )
}
