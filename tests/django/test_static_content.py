"""Types, headers and compression of static files, and their comparison where ETags are not MD5s."""

from __future__ import annotations

import gzip
import io
import mimetypes
import os
import re
import time
import zlib
from hashlib import md5
from typing import TYPE_CHECKING, Any
from unittest import mock
from urllib.parse import urljoin

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, storages
from minio.sse import SseKMS

from django_minio_backend.errors import ConfigurationError
from django_minio_backend.models import MinioBackendStatic, MinioManifestStaticStorage
from django_minio_backend.staticfiles.collecting.fingerprint import SOURCE_MD5_HEADER
from tests import settings as site
from tests.django.conftest import FILES
from tests.support.rewriting_proxy import rewriting_proxy, s3_error
from tests.support.settings import entry, storages_set
from tests.support.static_files import collect, write
from tests.support.wire import requests_made

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    import urllib3
    from minio import Minio
    from minio.datatypes import Object

    from tools.servers import Server

    Using = Callable[..., AbstractContextManager[Any]]

pytestmark = pytest.mark.usefixtures("site_buckets")

MANIFEST = "django_minio_backend.models.MinioManifestStaticStorage"
TEXT = b"body { background: url('images/red.png'); }\n" * 30


@pytest.fixture
def stat(sdk: Minio) -> Callable[[str], Object]:
    return lambda name: sdk.stat_object(bucket_name=site.STATIC_BUCKET, object_name=name)


def metadata(description: Object) -> dict[str, str]:
    return {name.lower(): value for name, value in (description.metadata or {}).items()}


TYPES = {
    "a.css": "text/css",
    "a.js": "text/javascript",
    "a.mjs": "text/javascript",
    "a.svg": "image/svg+xml",
    "a.woff": "font/woff",
    "a.woff2": "font/woff2",
    "a.map": "application/json",
    "a.wasm": "application/wasm",
    "a.webmanifest": "application/manifest+json",
    "a.json": "application/json",
    "a.html": "text/html",
    "A.JS": "text/javascript",
}


def test_types_do_not_depend_on_the_machine(
    folder: Path, monkeypatch: pytest.MonkeyPatch, stat: Callable[[str], Object]
) -> None:
    monkeypatch.setattr(mimetypes, "guess_type", lambda *_, **__: ("text/plain", None))  # as the registry of Windows
    write(folder, dict.fromkeys(TYPES, b"content"))
    collect()
    assert {name: stat(name).content_type for name in TYPES} == TYPES


def test_headers_of_the_options_replace_the_defaults(
    folder: Path, static_storage: Using, stat: Callable[[str], Object], objects: Callable[[], dict[str, bytes]]
) -> None:
    write(folder, {"own.js": b"void 1;"})

    def headers(name: str) -> dict[str, str]:
        return {"Content-Type": "text/x-own", "cache-control": "no-cache"} if name.startswith("own") else {}

    with static_storage(MANIFEST, MINIO_OBJECT_HEADERS=headers):
        collect()
    for name in objects():
        description = stat(name)
        if name.startswith("own"):
            assert (description.content_type, metadata(description)["cache-control"]) == ("text/x-own", "no-cache")
        elif re.search(r"\.[0-9a-f]{12}\.", name):
            assert metadata(description)["cache-control"] == "public, max-age=31536000, immutable"
        else:
            assert "cache-control" not in metadata(description)


def test_text_is_compressed_and_compared_by_its_content(
    folder: Path, static_storage: Using, stat: Callable[[str], Object], objects: Callable[[], dict[str, bytes]]
) -> None:
    write(folder, {"style.css": TEXT})
    with static_storage(MINIO_STATIC_GZIP=True):
        assert "4 static files copied." in collect()
        assert gzip.decompress(objects()["style.css"]) == TEXT
        assert metadata(stat("style.css"))["content-encoding"] == "gzip"
        assert "content-encoding" not in metadata(stat("images/red.png"))
        with requests_made() as requests:
            assert "0 static files copied, 4 unmodified." in collect()
        assert requests == ["GET"]
        with MinioBackendStatic().open("style.css") as file:
            assert file.size == len(TEXT)
            assert file.read() == TEXT
        write(folder, {"style.css": TEXT.replace(b"red", b"tan")})
        assert "1 static file copied, 3 unmodified." in collect()
    assert "1 static file copied, 3 unmodified." in collect()  # without compression again
    assert objects()["style.css"] == TEXT.replace(b"red", b"tan")
    with static_storage(MINIO_STATIC_GZIP=True):
        assert "1 static file copied, 3 unmodified." in collect()


@pytest.mark.parametrize("location", ["", "v1"])
@pytest.mark.parametrize("mode", ["rb", "r"])
@pytest.mark.parametrize("now", [True, False], ids=["on", "off"])
def test_compressed_files_are_read_whether_compression_is_on_or_off_by_then(
    location: str, mode: str, static_storage: Using, *, now: bool
) -> None:
    expected: object = TEXT if mode == "rb" else TEXT.decode()
    with static_storage(MINIO_STATIC_GZIP=True, MINIO_LOCATION=location):
        MinioBackendStatic().save("style.css", ContentFile(TEXT))
    with static_storage(MINIO_STATIC_GZIP=now, MINIO_LOCATION=location):
        storage = MinioBackendStatic()
        storage.save("large.txt", ContentFile(b"x" * 10_000_000))
        assert storage.size("style.css") < len(TEXT)  # as it is stored
        with storage.open("style.css", mode) as file:
            assert file.read(10) == expected[:10]  # type: ignore[index]
            assert file.size == len(TEXT)
            assert file.read() == expected[10:]  # type: ignore[index]
            file.seek(0)
            assert file.read() == expected
            assert file.size == len(TEXT)
        with storage.open("style.css") as file:
            assert b"".join(file.chunks()) == TEXT
        with storage.open("large.txt") as file:
            assert file.size == 10_000_000
            assert file.multiple_chunks()


@pytest.mark.parametrize("encoding", ["gzip", "GZIP", "aws-chunked,gzip", "gzip, aws-chunked"])
def test_a_file_that_another_program_compressed_is_read_uncompressed(
    sdk: Minio, static_storage: Using, encoding: str
) -> None:
    body = gzip.compress(TEXT)
    with static_storage():
        storage = MinioBackendStatic()
        sdk.put_object(
            bucket_name=storage.bucket,
            object_name="style.css",
            data=io.BytesIO(body),
            length=len(body),
            metadata={"Content-Encoding": encoding},
        )
        with storage.open("style.css") as file:
            assert file.read() == TEXT


def test_a_gzip_file_without_a_content_encoding_is_read_unchanged(static_storage: Using) -> None:
    body = gzip.compress(TEXT)
    with static_storage(MINIO_STATIC_GZIP=True):
        storage = MinioBackendStatic()
        for name in ("archive.gz", "named.css"):
            storage.save(name, ContentFile(body))
            with storage.open(name) as file:
                assert file.read() == body
                assert file.size == len(body)


@pytest.mark.parametrize("location", ["", "v1"], ids=["bucket", "location"])
@pytest.mark.parametrize("now", [True, False], ids=["same-options", "other-options"])
def test_content_that_the_project_compressed_is_not_compressed_again_and_read_uncompressed(
    location: str, static_storage: Using, objects: Callable[[], dict[str, bytes]], *, now: bool
) -> None:
    """The response's Content-Encoding decides how an object is read, whatever the options are by then."""
    compressed = gzip.compress(TEXT)

    def headers(name: str) -> dict[str, str]:
        return {"Content-Encoding": "gzip"} if name == "own.css" else {}

    with static_storage(MINIO_STATIC_GZIP=True, MINIO_OBJECT_HEADERS=headers, MINIO_LOCATION=location):
        MinioBackendStatic().save("own.css", ContentFile(compressed))
    assert list(objects().values()) == [compressed]
    options = {"MINIO_OBJECT_HEADERS": headers} if now else {}
    with static_storage(MINIO_LOCATION=location, **options), MinioBackendStatic().open("own.css") as file:
        assert file.read() == TEXT


@pytest.mark.parametrize("compressed", [True, False], ids=["gzip", "plain"])
def test_the_header_function_is_called_once_for_each_save_and_never_for_reading(
    folder: Path, static_storage: Using, *, compressed: bool
) -> None:
    write(folder, {"style.css": TEXT})
    names = []

    def headers(name: str) -> dict[str, str]:
        names.append(name)
        return {"Cache-Control": "max-age=60"}

    with static_storage(MINIO_STATIC_GZIP=compressed, MINIO_OBJECT_HEADERS=headers):
        collect()
        assert sorted(names) == sorted(FILES)
        names.clear()
        storage = MinioBackendStatic()
        storage.save("saved.css", ContentFile(TEXT))
        assert names == ["saved.css"]
        names.clear()
        with storage.open("saved.css") as file:
            assert file.read() == TEXT
        assert storage.exists("saved.css")
        assert storage.stat("saved.css").content_type == "text/css"
    assert names == []


LISTING = """<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><IsTruncated>false</IsTruncated>{}
</ListBucketResult>"""
LISTED = "<Contents><Key>{}</Key><LastModified>{:%FT%T.000Z}</LastModified><ETag>{}</ETag><Size>{}</Size></Contents>"


@pytest.mark.parametrize("metadata_is_listed", [True, False], ids=["metadata", "no-metadata"])
def test_another_zlib_uploads_nothing_again(
    folder: Path, sdk: Minio, server: Server, static_storage: Using, *, metadata_is_listed: bool
) -> None:
    write(folder, {"style.css": TEXT})
    with rewriting_proxy(server) as rewriter, static_storage(MINIO_STATIC_GZIP=True, MINIO_ENDPOINT=rewriter.endpoint):
        collect()
        body = gzip.compress(TEXT, compresslevel=1)
        sdk.put_object(
            bucket_name=site.STATIC_BUCKET,
            object_name="style.css",
            data=io.BytesIO(body),
            length=len(body),
            content_type="text/css",
            metadata={"Content-Encoding": "gzip", SOURCE_MD5_HEADER: f"gzip:{md5(TEXT).hexdigest()}"},  # noqa: S324 - as collectstatic
        )
        if not metadata_is_listed:  # as by every server but MinIO
            stored = sdk.list_objects(bucket_name=site.STATIC_BUCKET, recursive=True)
            entries = [LISTED.format(each.object_name, each.last_modified, each.etag, each.size) for each in stored]
            listing = s3_error(200, "unused")._replace(body=LISTING.format("".join(entries)).encode())
            rewriter.rule = lambda request: listing if request.method == "GET" else None
        with requests_made() as requests:
            assert "0 static files copied, 4 unmodified." in collect()
        assert requests == (["GET"] if metadata_is_listed and server.kind == "minio" else ["GET", "HEAD"])


@pytest.mark.needs("policies")
def test_browsers_get_compressed_text_as_text(folder: Path, static_storage: Using, http: urllib3.PoolManager) -> None:
    write(folder, {"style.css": TEXT})
    with static_storage(MINIO_STATIC_GZIP=True):
        collect()
        response = http.request("GET", MinioBackendStatic().url("style.css"))
    assert (response.headers["content-encoding"], response.headers["content-type"]) == ("gzip", "text/css")
    assert response.data == TEXT  # decoded by the client


def test_hashed_names_and_manifest_are_the_same_with_compression(
    folder: Path, static_storage: Using, objects: Callable[[], dict[str, bytes]]
) -> None:
    write(folder, {"style.css": TEXT, "big.js": b"import './script.js';\n" * 50})
    with static_storage(MANIFEST):
        collect()
        plain = objects()
    with static_storage(MANIFEST, MINIO_STATIC_GZIP=True):
        collect("--force-upload")
        compressed = objects()
        with requests_made() as requests:
            collect()
        assert requests == ["GET"]
        assert MinioManifestStaticStorage().url("style.css")
    assert compressed.keys() == plain.keys()
    assert compressed["staticfiles.json"] == plain["staticfiles.json"]
    for name, content in plain.items():
        stored = compressed[name]
        assert content in (stored, zlib.decompress(stored, wbits=31) if stored[:2] == b"\x1f\x8b" else stored)


# ETags that are not MD5s


LARGE = 33 * 1024**2


def test_a_multipart_upload_is_compared_by_its_parts(folder: Path, stat: Callable[[str], Object]) -> None:
    (folder / "film.mp4").write_bytes(b"0123456789abcdef" * (LARGE // 16))
    collect()
    assert str(stat("film.mp4").etag).endswith("-5")
    with requests_made() as requests:
        assert "0 static files copied, 5 unmodified." in collect()
    assert requests == ["GET"]
    with (folder / "film.mp4").open("r+b") as file:
        file.write(b"X")
    assert "1 static file copied, 4 unmodified." in collect()


def test_a_large_file_that_another_program_uploaded_in_one_request_is_compared_by_its_etag(
    folder: Path, sdk: Minio
) -> None:
    collect()
    content = b"0123456789abcdef" * (20 * 1024**2 // 16)
    sdk.put_object(
        bucket_name=site.STATIC_BUCKET,
        object_name="film.mp4",
        data=io.BytesIO(content),
        length=len(content),
        part_size=64 * 1024**2,
    )
    (folder / "film.mp4").write_bytes(content)
    with requests_made() as requests:
        assert "0 static files copied, 5 unmodified." in collect()
    assert requests == ["GET"]
    (folder / "film.mp4").write_bytes(content[:-1] + b"X")
    assert "1 static file copied, 4 unmodified." in collect()


def test_parts_of_other_sizes_are_compared_by_the_recorded_checksum(folder: Path, static_storage: Using) -> None:
    (folder / "film.mp4").write_bytes(b"0123456789abcdef" * (12 * 1024**2 // 16))
    with static_storage(MINIO_MULTIPART_UPLOAD=True, MINIO_MULTIPART_PART_SIZE=5 * 1024**2):
        collect()
    with requests_made() as requests:
        assert "0 static files copied, 5 unmodified." in collect()
    assert set(requests) <= {"GET", "HEAD"}


@pytest.mark.parametrize(
    ("newer", "summary"),
    [(False, "0 static files copied, 4"), (True, "1 static file copied, 3")],
    ids=["older-file", "newer-file"],
)
def test_a_multipart_upload_of_another_program_is_compared_by_size_and_time(
    summary: str, folder: Path, sdk: Minio, *, newer: bool
) -> None:
    content = b"0123456789abcdef" * (11 * 1024**2 // 16)
    collect()
    sdk.put_object(
        bucket_name=site.STATIC_BUCKET,
        object_name="images/red.png",
        data=io.BytesIO(content),
        length=len(content),
        part_size=5 * 1024**2,
    )
    (folder / "images/red.png").write_bytes(content)
    when = time.time() + (3600 if newer else -3600)
    os.utime(folder / "images/red.png", (when, when))
    assert summary in collect()


def test_a_file_without_a_time_is_copied_where_times_decide(
    folder: Path, sdk: Minio, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = b"0123456789abcdef" * (11 * 1024**2 // 16)
    (folder / "images/red.png").write_bytes(content)
    options: dict[str, Any] = {"bucket_name": site.STATIC_BUCKET, "object_name": "images/red.png"}
    sdk.put_object(**options, data=io.BytesIO(content), length=len(content), part_size=5 * 1024**2)
    for error in (NotImplementedError, OSError):
        monkeypatch.setattr(FileSystemStorage, "get_modified_time", mock.Mock(side_effect=error))
        assert "static files copied" in collect("--dry-run")


@pytest.mark.needs("encryption")
def test_encrypted_files_are_compared_by_the_recorded_checksum(
    folder: Path, static_storage: Using, stat: Callable[[str], Object]
) -> None:
    (folder / "style.css").write_bytes(TEXT)
    (folder / "film.mp4").write_bytes(b"0123456789abcdef" * (LARGE // 16))
    with static_storage(sse=SseKMS("tests", {}), MINIO_STATIC_GZIP=True):
        assert "5 static files copied" in collect()
        assert metadata(stat("style.css"))["x-amz-server-side-encryption"] == "aws:kms"
        assert stat("images/red.png").etag != md5(b"\x89PNG red", usedforsecurity=False).hexdigest()
        with requests_made() as requests:
            assert "0 static files copied, 5 unmodified." in collect()
        assert requests == ["GET"]
        (folder / "images/red.png").write_bytes(b"\x89PNG rot")  # as long as before
        assert "1 static file copied, 4 unmodified." in collect()
        assert storages["staticfiles"].open("style.css").read() == TEXT


@pytest.mark.usefixtures("folder")
def test_uploads_carry_the_md5_of_their_source(stat: Callable[[str], Object]) -> None:
    collect()
    description = stat("script.js")
    assert metadata(description)[SOURCE_MD5_HEADER] == f"identity:{md5(b'void 0;').hexdigest()}"  # noqa: S324 - as the ETag
    assert str(description.etag) == md5(b"void 0;").hexdigest()  # noqa: S324 - as the ETag


# Location of the manifest


def test_the_manifest_can_be_kept_by_another_storage(
    folder: Path, tmp_path: Path, objects: Callable[[], dict[str, bytes]]
) -> None:
    assert folder.exists()
    options = site.STORAGES["staticfiles"]["OPTIONS"]
    local = FileSystemStorage(location=tmp_path / "manifest")
    for number, manifest_storage in enumerate((local, "manifest")):
        with storages_set(
            default=entry(dict(site.STORAGES["default"]["OPTIONS"])),
            manifest={
                "BACKEND": "django.core.files.storage.FileSystemStorage",
                "OPTIONS": {"location": tmp_path / "alias"},
            },
            staticfiles=entry(
                {**options, "manifest_storage": manifest_storage, "MINIO_LOCATION": str(number)}, MANIFEST
            ),
        ):
            collect()
            assert (tmp_path / ("alias" if number else "manifest") / "staticfiles.json").exists()
            assert f"{number}/staticfiles.json" not in objects()
            with requests_made() as requests:
                assert re.search(r"/style\.[0-9a-f]{12}\.css$", MinioManifestStaticStorage().url("style.css"))
            assert requests == []


def test_a_missing_alias_is_reported(static_storage: Using) -> None:
    with (
        static_storage(MANIFEST, manifest_storage="nowhere"),
        pytest.raises(ConfigurationError, match=r"'staticfiles'.*manifest_storage.*has no alias 'nowhere'"),
    ):
        storages["staticfiles"]


# URLs of hashed files


def test_urls_of_hashed_files_are_encoded_and_keep_their_fragments(folder: Path, static_storage: Using) -> None:
    write(folder, {"a b/ä.svg": b"<svg/>"})
    with static_storage(MANIFEST):
        collect()
        storage = storages["staticfiles"]
        assert re.search(r"/a%20b/%C3%A4\.[0-9a-f]{12}\.svg$", storage.url("a b/ä.svg"))
        assert re.search(r"\.svg#icon$", storage.url("a b/ä.svg#icon"))
        assert storage.url("images/").endswith("/images/")
        with pytest.raises(ValueError, match=r"Missing staticfiles manifest entry for 'none\.css'"):
            storage.url("none.css")


@pytest.mark.needs("policies")
@pytest.mark.parametrize("debug", [True, False])
def test_urls_of_names_with_a_percent_sign_lead_to_the_files(
    folder: Path, static_storage: Using, http: urllib3.PoolManager, settings: Any, *, debug: bool
) -> None:
    names = ("100%.txt", "50%/a b.txt", "5%2.txt")
    write(folder, {name: name.encode() for name in names})
    with static_storage(MANIFEST):
        collect()
        settings.DEBUG = debug
        urls = {name: storages["staticfiles"].url(name) for name in names}
    for name, url in urls.items():
        assert not re.search(r"%(?![0-9A-F]{2})", url)
        assert http.request("GET", url).data == name.encode()


def test_presigned_urls_name_the_hashed_file_as_well(
    folder: Path, static_storage: Using, http: urllib3.PoolManager
) -> None:
    assert folder.exists()
    with static_storage(MANIFEST):
        collect()
        storage: Any = storages["staticfiles"]
        as_download = {"response-content-disposition": "attachment"}
        url = storage.url("style.css", expires=60, response_headers=as_download)
        assert re.search(r"/style\.[0-9a-f]{12}\.css\?", url)
        assert storage.urls(["style.css"]) == {"style.css": storage.url("style.css")}
        (named,) = storage.urls(["style.css"], expires=60).values()
        assert re.search(r"/style\.[0-9a-f]{12}\.css\?", named)
    response = http.request("GET", url)
    assert (response.status, response.headers["content-disposition"]) == (200, "attachment")


def test_in_debug_mode_urls_are_not_hashed(folder: Path, static_storage: Using, settings: Any) -> None:
    assert folder.exists()
    with static_storage(MANIFEST):
        collect()
        settings.DEBUG = True
        storage: Any = storages["staticfiles"]
        assert storage.url("style.css").endswith("/style.css")
        assert re.search(r"/style\.[0-9a-f]{12}\.css$", storage.url("style.css", force=True))


def test_another_alias_is_a_static_storage_too(bucket: str, server: Server) -> None:
    assert server.endpoint
    with storages_set(
        docs=entry({**site.SERVER_OPTIONS, "MINIO_STATIC_FILES_BUCKET": bucket, "MINIO_LOCATION": "docs"}, MANIFEST)
    ):
        storage: Any = storages["docs"]
        assert storage.bucket == bucket
        storage.save("a.css", ContentFile(b"a{}"))
        storage.hashed_files = {"a.css": "a.0123.css"}
        storage.save_manifest()
        assert MinioManifestStaticStorage(storage_name="docs").url("a.css").endswith(f"/{bucket}/docs/a.0123.css")


@pytest.mark.parametrize("prefix", ["/static/", "/assets/v1/"])
def test_references_by_static_url_lead_to_the_bucket(
    folder: Path, static_storage: Using, settings: Any, http: urllib3.PoolManager, prefix: str
) -> None:
    """They become relative, as the path does not exist on the bucket's origin. Other absolute ones do not change."""
    settings.STATIC_URL = prefix
    style = f"""
        @import "{prefix}base.css";
        .a {{ background: url({prefix}images/red.png) }}
        .b {{ background: url('{prefix}fonts/a.svg#one') }}
        .c {{ background: url(/elsewhere/blue.png) }}
    """
    write(
        folder,
        {
            "base.css": f".d {{ background: url({prefix}images/red.png) }}".encode(),
            "deep/er/site.css": style.encode(),
            "images/red.png": b"red",
            "fonts/a.svg": b"<svg/>",
        },
    )
    with static_storage(MANIFEST):
        collect()
        storage = storages["staticfiles"]
        text = ""
        for name, count in {"base.css": 1, "deep/er/site.css": 3}.items():
            url = storage.url(name)
            text = http.request("GET", url).data.decode()
            references = [
                found for found in re.findall(r"""(?:url\(|@import url\()["']?([^"')]+)""", text) if "else" not in found
            ]
            assert len(references) == count
            for reference in references:
                assert http.request("GET", urljoin(url, reference)).status == 200
                assert re.search(r"\.[0-9a-f]{12}\.", reference)
        assert "url(/elsewhere/blue.png)" in text


def test_a_base_class_in_between_may_have_the_signature_of_a_plain_storage(folder: Path, static_storage: Using) -> None:
    """Debug Toolbar puts such a class among the bases of the static storage's class."""
    seen = []

    class Noting:
        def url(self, path: str) -> str:
            seen.append(path)
            return super().url(path)  # type: ignore[misc,no-any-return]

    write(folder, {"a.css": b"a { }"})
    with static_storage(MANIFEST):
        collect()
        storage = storages["staticfiles"]
        plain = storage.url("a.css")
        bases = MinioManifestStaticStorage.__bases__
        MinioManifestStaticStorage.__bases__ = (Noting, *bases)
        try:
            assert storage.url("a.css") == plain
        finally:
            MinioManifestStaticStorage.__bases__ = bases
    assert seen == ["a.css"]
