"""Parts of collectstatic: fingerprints, compression, the tree of names, and the progress on a terminal."""

from __future__ import annotations

import datetime as dt
import gzip
import io
import os
import struct
import subprocess
import sys
import zlib
from hashlib import md5
from typing import TYPE_CHECKING

import pytest
from django.core.files.base import ContentFile
from django.core.management.base import OutputWrapper
from hypothesis import given
from hypothesis import strategies as st

from django_minio_backend import models
from django_minio_backend.management.progress import Progress
from django_minio_backend.s3.listing import ListedObject
from django_minio_backend.staticfiles import gzipped
from django_minio_backend.staticfiles.collecting import fingerprint
from django_minio_backend.staticfiles.collecting.fingerprint import SOURCE_MD5_HEADER, Fingerprint
from django_minio_backend.staticfiles.collecting.name_tree import NameTree
from django_minio_backend.staticfiles.manifest import MinioManifestStaticStorage
from tests.unit.test_imports import ROOT, SET_UP

if TYPE_CHECKING:
    from collections.abc import Sequence

MD5_A, MD5_B = md5(b"a").hexdigest(), md5(b"b").hexdigest()  # noqa: S324 - as S3 has it


def stored(etag: str, size: int = 1, source_md5: str | None = None) -> ListedObject:
    metadata = {SOURCE_MD5_HEADER: source_md5} if source_md5 else {}
    return ListedObject("a", size, dt.datetime(2026, 11, 1, tzinfo=dt.UTC), etag, metadata)


PLAIN = Fingerprint(1, MD5_A, f"identity:{MD5_A}")
ZIPPED = Fingerprint(1, MD5_A, f"gzip:{MD5_B}")


@pytest.mark.parametrize(
    ("held", "content", "encrypted", "same"),
    [
        (stored(MD5_A), PLAIN, False, True),
        (stored(MD5_B), PLAIN, False, False),
        (stored(MD5_B, size=2, source_md5=PLAIN.source_md5), PLAIN, False, False),  # another size means another content
        (stored(MD5_B, source_md5=PLAIN.source_md5), PLAIN, False, True),  # a server that encrypts by itself
        (stored(MD5_B, source_md5=f"identity:{MD5_B}"), PLAIN, False, False),
        (stored("0123-2"), PLAIN, False, None),
        (stored(MD5_B), PLAIN, True, None),
        (stored(MD5_B, size=9, source_md5=ZIPPED.source_md5), ZIPPED, False, True),  # another zlib gives another size
        (stored(MD5_B, size=9), ZIPPED, False, None),
        (stored(MD5_B, source_md5=PLAIN.source_md5), ZIPPED, False, False),  # stored before compression was switched on
    ],
)
def test_a_listing_shows_whether_an_object_has_the_same_content(
    held: ListedObject, content: Fingerprint, *, encrypted: bool, same: bool | None
) -> None:
    assert fingerprint.matches(held, content, encrypted=encrypted) is same


@given(st.lists(st.binary(min_size=1, max_size=50), min_size=1, max_size=5))
def test_an_etag_is_that_of_one_upload_or_of_its_parts(blocks: Sequence[bytes]) -> None:
    content = fingerprint.fingerprint_of(blocks, None)
    whole = md5(b"".join(blocks)).hexdigest()  # noqa: S324 - as S3 has it
    parts = md5(b"".join(md5(block).digest() for block in blocks)).hexdigest()  # noqa: S324 - as S3 has it
    assert content.size == sum(map(len, blocks))
    assert content.etag == (whole if len(blocks) == 1 else f"{parts}-{len(blocks)}")
    assert content.source_md5 == f"identity:{whole}"
    assert fingerprint.fingerprint_of(blocks, "0123").source_md5 == "gzip:0123"


HEADER = bytes.fromhex("1f8b 08 00 00000000 02 ff")  # deflate, no file name, no time, best compression, unknown system


@given(st.binary(max_size=10_000))
def test_the_same_content_is_compressed_to_the_same_bytes_on_every_python_and_system(body: bytes) -> None:
    """RFC 1952 defines all but the deflated data."""
    deflate = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    trailer = struct.pack("<II", zlib.crc32(body), len(body))
    assert gzipped.squeeze(body) == HEADER + deflate.compress(body) + deflate.flush() + trailer
    assert gzip.decompress(gzipped.squeeze(body)) == body


def test_content_is_compressed_only_where_that_makes_it_smaller() -> None:
    text = b"body { color: red; }\n" * 100
    small = gzipped.compress(ContentFile(text, "style.css"))
    assert isinstance(small, gzipped.Compressed)
    assert zlib.decompress(small.read(), wbits=31) == text
    assert (small.name, small.uncompressed_md5) == ("style.css", md5(text).hexdigest())  # noqa: S324 - as S3 has it
    for unchanged in (b"a{}", bytes(range(256))):
        assert gzipped.compress(ContentFile(unchanged, "x.css")).read() == unchanged
    assert gzip.decompress(gzipped.compress(ContentFile("ä" * 500)).read()).decode() == "ä" * 500


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("text/css", True),
        ("text/html; charset=utf-8", True),
        ("application/json", True),
        ("application/manifest+json", True),
        ("image/svg+xml", True),
        ("image/png", False),
        ("font/woff2", False),
        ("application/gzip", False),
    ],
)
def test_text_types_are_known(kind: str, *, text: bool) -> None:
    assert gzipped.is_text(kind) is text


PATHS = st.lists(
    st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=4).map("/".join), min_size=1, max_size=20
)


@given(PATHS, st.data())
def test_folders_exist_while_they_contain_anything(names: list[str], data: st.DataObject) -> None:
    folders = NameTree(names)
    removed = data.draw(st.sets(st.sampled_from(names)))
    for name in removed:
        folders.remove(name)
        folders.remove(name)  # a second time changes nothing
    remaining = set(names) - removed
    for path in ["", *{"/".join(name.split("/")[:depth]) for name in names for depth in (1, 2, 3, 4)}]:
        prefix = f"{path}/" if path else ""
        below = [name.removeprefix(prefix) for name in remaining if name.startswith(prefix)]
        assert folders.has_folder(path) is bool(below)
        assert folders.has_file(path) is (path in remaining)
        subfolders, files = folders.content(path)
        assert sorted(files) == sorted(name for name in below if "/" not in name)
        assert sorted(subfolders) == sorted({name.partition("/")[0] for name in below if "/" in name})


def test_only_the_storage_is_imported_when_django_starts() -> None:
    script = f"{SET_UP}\nimport sys; print(*sorted(name for name in sys.modules if '.staticfiles.' in name), sep='\\n')"
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"}
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT.parent, env=environment, capture_output=True, text=True, check=True
    )
    imported = [name for name in done.stdout.split() if name.startswith("django_minio_backend.")]
    assert imported == [f"django_minio_backend.staticfiles.{name}" for name in ("current_run", "storage")]
    assert "django.contrib.staticfiles.storage" not in done.stdout.split()


def test_the_manifest_storage_is_imported_at_its_first_use() -> None:
    assert models.MinioManifestStaticStorage is MinioManifestStaticStorage
    assert all(hasattr(models, name) for name in models.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'MinioManifestStorage'"):
        models.MinioManifestStorage  # noqa: B018 - the attribute is what is tried


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_rewrites_its_line_and_removes_it_at_the_end() -> None:
    stream = Terminal()
    with Progress(OutputWrapper(stream)) as progress:
        progress.show("1 of 10")
        progress.show("2 of 10")  # too soon for another change
        progress.show("done", at_once=True)
    assert stream.getvalue() == f"\r1 of 10\rdone   \r{' ' * 7}\r"


@pytest.mark.parametrize(
    ("stream", "shown"), [(Terminal(), False), (io.StringIO(), True)], ids=["switched-off", "no-terminal"]
)
def test_progress_is_not_written_if_switched_off_or_without_a_terminal(stream: io.StringIO, *, shown: bool) -> None:
    with Progress(OutputWrapper(stream), shown=shown) as progress:
        progress.show("done", at_once=True)
    assert stream.getvalue() == ""
