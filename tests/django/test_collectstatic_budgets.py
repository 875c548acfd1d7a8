"""Requests of collectstatic, with the files of Django's admin and 300 generated ones."""

from __future__ import annotations

import io
import os
import re
import time
from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.staticfiles.storage import staticfiles_storage
from django.core.files.base import ContentFile

from django_minio_backend.models import MinioBackendStatic, MinioManifestStaticStorage
from tests import settings as site
from tests.support.static_files import collect, found_names
from tests.support.wire import Request, counted, requests_made

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from minio import Minio
    from pytest_django import Settings

pytestmark = pytest.mark.usefixtures("site_buckets")


def lists(count: int) -> int:
    """Number of requests that list this many objects, at least one."""
    return max(1, -(-count // 1000))


def uploaded(requests: list[Request]) -> list[str]:
    """Names of the uploaded files."""
    return sorted(request.url.partition(f"/{site.STATIC_BUCKET}/")[2] for request in requests if request == "PUT")


def test_the_first_run_costs_a_put_for_each_file_and_the_second_one_a_listing(big_folder: Path) -> None:
    names = found_names()
    assert len(names) > 420
    with requests_made() as requests:
        output = collect()
    assert counted(requests) == {"LIST": 1, "PUT": len(names)}
    assert f"{len(names)} static files copied." in output

    with requests_made() as requests:
        output = collect()
    assert counted(requests) == {"LIST": lists(len(names))}
    assert f"0 static files copied, {len(names)} unmodified." in output

    later = time.time() + 3600  # as in every new container image
    for path in big_folder.rglob("*"):
        os.utime(path, (later, later))
    with requests_made() as requests:
        output = collect()
    assert counted(requests) == {"LIST": lists(len(names))}
    assert f"0 static files copied, {len(names)} unmodified." in output

    changed = big_folder / "generated/3/13.json"
    changed.write_bytes(changed.read_bytes().replace(b"13", b"31"))  # as long as before
    os.utime(changed, (0, 0))  # and older
    with requests_made() as requests:
        output = collect()
    assert counted(requests) == {"LIST": lists(len(names)), "PUT": 1}
    assert uploaded(requests) == ["generated/3/13.json"]
    assert f"1 static file copied, {len(names) - 1} unmodified." in output


@pytest.mark.usefixtures("manifest_storage")
def test_hashed_files_cost_a_put_each_and_the_manifest_one_more(big_folder: Path) -> None:
    names = found_names()
    with requests_made() as requests:
        output = collect()
    assert counted(requests) == {"LIST": 1, "PUT": 2 * len(names) + 1}
    assert f"{len(names)} static files copied, {len(names)} post-processed." in output
    assert requests[-1].url.endswith("/staticfiles.json")

    for path in big_folder.rglob("*"):
        os.utime(path)
    with requests_made() as requests:
        output = collect()
    assert counted(requests) == {"LIST": lists(2 * len(names) + 1)}
    assert re.search(rf"\b0 static files copied, {len(names)} unmodified, \d+ post-processed\.", output)

    (big_folder / "generated/3/13.png").write_bytes(b"another picture")
    with requests_made() as requests:
        collect()
    assert counted(requests) == {"LIST": lists(2 * len(names) + 1), "PUT": 4}
    assert [re.sub(r"[0-9a-f]{12}", "*", name) for name in uploaded(requests)] == [
        "generated/3/13.*.css",  # names the picture
        "generated/3/13.*.png",
        "generated/3/13.png",
        "staticfiles.json",
    ]


@pytest.mark.usefixtures("folder")
def test_djangos_manifest_mixin_costs_as_many_requests(
    static_storage: Callable[..., AbstractContextManager[Any]],
) -> None:
    with static_storage("tests.django.test_collectstatic.Manifest"):
        assert staticfiles_storage.exists("style.css") is False  # constructs the storage, which reads the manifest
        with requests_made() as requests:
            collect()
        assert counted(requests) == {"LIST": 1, "PUT": 9}
        with requests_made() as requests:
            collect()
        assert counted(requests) == {"LIST": 1}


@pytest.mark.usefixtures("folder", "manifest_storage")
def test_constructing_the_manifest_storage_sends_nothing_and_its_urls_one_request() -> None:
    collect()
    with requests_made() as requests:
        storage = MinioManifestStaticStorage()
        assert requests == []
        assert ".css" in storage.url("style.css")
        assert ".js" in storage.url("script.js")
    assert requests == ["GET"]


def test_a_listing_of_more_than_a_thousand_objects_is_read_to_its_end(
    tmp_path: Path, settings: Settings, static_storage: Callable[..., AbstractContextManager[Any]]
) -> None:
    many = tmp_path / "many"
    many.mkdir()
    for number in range(1_001):
        (many / f"{number}.txt").write_bytes(b"%d" % number)
    settings.STATICFILES_FINDERS = ["django.contrib.staticfiles.finders.FileSystemFinder"]
    settings.STATICFILES_DIRS = [many]
    with static_storage(MINIO_LOCATION="assets/v1"):
        collect()
        with requests_made() as requests:
            assert "0 static files copied, 1001 unmodified." in collect()
        assert counted(requests) == {"LIST": 2}
        with requests_made() as requests:
            assert "1001 static files copied." in collect("--clear")
        assert counted(requests) == {"LIST": 2, "POST": 2, "PUT": 1_001}


@pytest.mark.usefixtures("folder")
def test_clear_deletes_a_thousand_files_a_request_and_keeps_other_locations(
    sdk: Minio, static_storage: Callable[..., AbstractContextManager[Any]]
) -> None:
    for name in ("assets/stale.css", "assets/old/deep/stale.svg", "elsewhere/kept.txt"):
        sdk.put_object(bucket_name=site.STATIC_BUCKET, object_name=name, data=io.BytesIO(b"old"), length=3)
    with static_storage(MINIO_LOCATION="assets"), requests_made() as requests:
        collect("--clear")
    assert counted(requests) == {"LIST": 1, "POST": 1, "PUT": 4}
    keys = {str(listed.object_name) for listed in sdk.list_objects(bucket_name=site.STATIC_BUCKET, recursive=True)}
    assert keys == {
        "assets/images/deep/er/dot.svg",
        "assets/images/red.png",
        "assets/script.js",
        "assets/style.css",
        "elsewhere/kept.txt",
    }


def test_exists_of_a_missing_name_costs_one_more_listing_of_one_key(sdk: Minio) -> None:
    storage = MinioBackendStatic()
    for number in range(5):
        storage.save(f"folder/deep/{number}.txt", ContentFile(b"x"))
    with requests_made() as requests:
        assert storage.exists("folder/deep/1.txt")
    assert requests == ["HEAD"]
    for name, exists in (("folder", True), ("folder/deep", True), ("folder/de", False), ("nothing", False)):
        with requests_made() as requests:
            assert storage.exists(name) is exists
        assert requests == ["HEAD", "GET"]
        assert "max-keys=1&" in requests[1].url
    assert sdk.bucket_exists(bucket_name=site.STATIC_BUCKET)
