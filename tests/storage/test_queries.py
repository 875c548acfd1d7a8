"""exists, delete, listdir, times and MINIO_LOCATION: results are true, or an error is raised."""

from __future__ import annotations

import datetime as dt
import io
import re
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
import urllib3
from django.core.exceptions import SuspiciousFileOperation
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage
from minio.error import S3Error

from django_minio_backend.models import MinioBackend
from tests.support.wire import requests_made
from tools.processes import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from minio import Minio
    from pytest_django import Settings


def fill(storage: MinioBackend, *names: str) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: storage.save(name, ContentFile(name.encode())), names))


def listed(storage: MinioBackend, path: str) -> tuple[list[str], list[str]]:
    folders, files = storage.listdir(path)
    return sorted(folders), sorted(files)


def test_exists_finds_files_and_folders(storage: MinioBackend) -> None:
    fill(storage, "folder/there.txt")
    assert storage.exists("folder/there.txt")
    assert not storage.exists("folder/missing.txt")
    assert not storage.exists("folder/there")
    assert not storage.exists("folder")
    assert storage.exists("")  # the bucket itself, for collectstatic --clear


@pytest.fixture
def unreachable(minio_options: dict[str, Any]) -> Iterator[MinioBackend]:
    """A storage whose endpoint refuses connections."""
    with urllib3.PoolManager(retries=False, timeout=3) as http:
        yield MinioBackend(**{**minio_options, "MINIO_ENDPOINT": f"127.0.0.1:{free_port()}"}, MINIO_HTTP_CLIENT=http)


def save(storage: MinioBackend, name: str) -> None:
    storage.save(name, ContentFile(b""))


OPERATIONS = [
    MinioBackend.exists,
    MinioBackend.size,
    MinioBackend.open,
    MinioBackend.delete,
    MinioBackend.get_modified_time,
    MinioBackend.listdir,
    MinioBackend.is_name_available,
    MinioBackend.get_available_name,
    save,
]


@pytest.mark.needs("sockets")
@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_server_that_cannot_be_reached_is_an_error(
    unreachable: MinioBackend, operation: Callable[[MinioBackend, str], object]
) -> None:
    with pytest.raises(urllib3.exceptions.HTTPError):
        operation(unreachable, "a.txt")


@pytest.mark.needs("signatures")
@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("wrong", ["MINIO_ACCESS_KEY", "MINIO_SECRET_KEY"])
def test_wrong_credentials_are_an_error(
    minio_options: dict[str, Any], operation: Callable[[MinioBackend, str], object], wrong: str
) -> None:
    storage = MinioBackend(**{**minio_options, wrong: "wrongwrongwrong"})
    with pytest.raises(S3Error) as caught:
        operation(storage, "a.txt")
    assert not isinstance(caught.value, FileNotFoundError)
    # The response to a HEAD request has no body. Garage says "Forbidden: ..." in a body, and has one code for both.
    reason = f"{caught.value.code} {caught.value.message}"
    assert re.search(r"SignatureDoesNotMatch|InvalidAccessKeyId|Forbidden: |is_minio_available --deep", reason), reason


@pytest.mark.needs("signatures")
def test_with_wrong_credentials_nothing_is_overwritten(storage: MinioBackend, minio_options: dict[str, Any]) -> None:
    fill(storage, "a.txt")
    with pytest.raises(S3Error):
        save(MinioBackend(**{**minio_options, "MINIO_SECRET_KEY": "wrongwrongwrong"}), "a.txt")
    assert storage.size("a.txt") == len("a.txt")


def test_delete_deletes_one_object(storage: MinioBackend) -> None:
    fill(storage, "a.txt", "a.txt.bak", "folder/a.txt")
    storage.delete("a.txt")
    assert listed(storage, "") == (["folder"], ["a.txt.bak"])
    storage.delete("folder")  # not an object: silent, and nothing below it goes
    assert storage.exists("folder/a.txt")


def test_deleting_what_is_missing_is_silent(storage: MinioBackend) -> None:
    storage.delete("missing.txt")
    storage.delete("missing.txt")
    assert listed(storage, "") == ([], [])


def test_delete_needs_a_name(storage: MinioBackend) -> None:
    fill(storage, "a.txt")
    with pytest.raises(ValueError, match="name"):
        storage.delete("")
    assert storage.exists("a.txt")


def test_listdir_names_direct_children_only(storage: MinioBackend) -> None:
    fill(storage, "a.txt", "b/c.txt", "b/d/e.txt", "b/d/f/g.txt", "bb/h.txt", "b-i.txt")
    assert listed(storage, "") == (["b", "bb"], ["a.txt", "b-i.txt"])
    assert listed(storage, "b") == (["d"], ["c.txt"])
    assert listed(storage, "b/d") == (["f"], ["e.txt"])
    assert listed(storage, "b/d/f") == ([], ["g.txt"])


def test_listdir_of_nothing_is_empty(storage: MinioBackend) -> None:
    fill(storage, "a.txt")
    assert listed(storage, "missing") == ([], [])
    assert listed(storage, "a.txt") == ([], [])
    assert listed(storage, "a") == ([], [])


@pytest.mark.parametrize("spelling", ["b/d", "/b/d", "b/d/", "/b/d/", "//b/d//", "./b/d", "b/./d", "b//d", "b\\d"])
def test_listdir_drops_slashes_and_dots(storage: MinioBackend, spelling: str) -> None:
    fill(storage, "b/d/e.txt")
    assert listed(storage, spelling) == ([], ["e.txt"])


@pytest.mark.parametrize("spelling", ["", "/", "//", ".", "./", "/."])
def test_listdir_of_the_root(storage: MinioBackend, spelling: str) -> None:
    fill(storage, "a.txt", "b/c.txt")
    assert listed(storage, spelling) == (["b"], ["a.txt"])


@pytest.mark.parametrize("path", ["..", "../", "/..", "b/../..", "..\\"])
def test_listdir_does_not_leave_the_storage(storage: MinioBackend, path: str) -> None:
    with pytest.raises(SuspiciousFileOperation):
        storage.listdir(path)


def test_listdir_does_not_name_the_folder_itself(storage: MinioBackend, sdk: Minio, bucket: str) -> None:
    sdk.put_object(bucket_name=bucket, object_name="folder/", data=io.BytesIO(), length=0)
    assert listed(storage, "") == (["folder"], [])
    assert listed(storage, "folder") == ([], [])


@pytest.fixture
def marker(sdk: Minio, bucket: str) -> Callable[[str], None]:
    """Make a folder as consoles do: an empty object whose key ends in a slash."""

    def make(key: str) -> None:
        sdk.put_object(bucket_name=bucket, object_name=key, data=io.BytesIO(), length=0)

    return make


@pytest.mark.parametrize("spelling", ["folder/", "./folder/", "folder//", "folder\\"])
def test_a_folder_that_a_console_made_is_deleted_by_its_name_with_a_slash(
    storage: MinioBackend, marker: Callable[[str], None], spelling: str
) -> None:
    marker("folder/")
    assert listed(storage, "") == (["folder"], [])
    with requests_made() as made:
        storage.delete(spelling)
    assert made == ["DELETE"]
    assert listed(storage, "") == ([], [])
    storage.delete(spelling)


def test_deleting_a_folder_leaves_what_is_in_it(storage: MinioBackend, marker: Callable[[str], None]) -> None:
    marker("folder/")
    marker("folder/inner/")
    fill(storage, "folder/a.txt")
    storage.delete("folder/")
    assert listed(storage, "folder") == (["inner"], ["a.txt"])
    assert storage.open("folder/a.txt").read() == b"folder/a.txt"


def test_deleting_a_folder_leaves_a_file_of_that_name(storage: MinioBackend) -> None:
    fill(storage, "folder")
    storage.delete("folder/")
    assert storage.exists("folder")


def test_a_folder_in_a_location_is_deleted_there_and_only_there(
    minio_options: dict[str, Any], storage: MinioBackend, marker: Callable[[str], None]
) -> None:
    marker("folder/")
    marker("v1/folder/")
    located = MinioBackend(**minio_options, MINIO_LOCATION="v1")
    assert located.exists("folder/")
    located.delete("folder/")
    assert not located.exists("folder/")
    assert "folder" in storage.listdir("")[0]


@pytest.mark.parametrize("name", ["/", "/folder/", "../", "a/../../"])
def test_no_folder_outside_of_the_storage_is_asked_for_or_deleted(storage: MinioBackend, name: str) -> None:
    for method in (storage.exists, storage.delete):
        with pytest.raises(SuspiciousFileOperation):
            method(name)


@pytest.mark.parametrize("name", ["./", "a/../"])
def test_the_outermost_folder_is_not_deleted(storage: MinioBackend, name: str) -> None:
    assert storage.exists(name)
    with pytest.raises(ValueError, match="names no object"):
        storage.delete(name)


def test_a_folder_with_a_slash_exists_while_anything_is_in_it(
    storage: MinioBackend, marker: Callable[[str], None]
) -> None:
    fill(storage, "full/inner/a.txt", "fuller.txt")
    marker("empty/")
    for name, expected in {"full/": 1, "full/inner/": 1, "empty/": 1, "full": 0, "fuller/": 0, "missing/": 0}.items():
        with requests_made() as made:
            assert storage.exists(name) == bool(expected), name
        assert len(made) == 1


def test_listdir_pages_through_more_than_1000_children_at_the_cost_of_its_pages(
    minio_options: dict[str, Any],
) -> None:
    storage = MinioBackend(**minio_options, replace_existing=True)
    names = sorted(f"{number:04}.txt" for number in range(1050))
    fill(storage, "a.txt", "z.txt", *(f"deep/{name}" for name in names))
    with requests_made() as made:
        assert listed(storage, "") == (["deep"], ["a.txt", "z.txt"])
    assert made == ["GET"]
    with requests_made() as made:
        assert listed(storage, "deep") == ([], names)
    assert made == ["GET", "GET"]


@pytest.mark.parametrize("use_tz", [True, False])
@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo", "America/St_Johns"])
def test_the_modified_time_is_what_file_system_storage_would_say(
    storage: MinioBackend,
    settings: Settings,
    tmp_path: Path,
    use_tz: bool,  # noqa: FBT001 - a parameter
    zone: str,
) -> None:
    settings.USE_TZ = use_tz
    settings.TIME_ZONE = zone
    model = FileSystemStorage(tmp_path)
    times = [where.get_modified_time(where.save("a.txt", ContentFile(b""))) for where in (storage, model)]
    assert [time.tzinfo for time in times] == [dt.UTC if use_tz else None] * 2
    assert abs(times[0] - times[1]) < dt.timedelta(minutes=2)


def test_what_object_storage_cannot_tell_is_not_implemented(storage: MinioBackend) -> None:
    fill(storage, "a.txt")
    for operation in (storage.path, storage.get_accessed_time, storage.get_created_time):
        with pytest.raises(NotImplementedError):
            operation("a.txt")


@pytest.fixture
def located(minio_options: dict[str, Any]) -> MinioBackend:
    return MinioBackend(**minio_options, MINIO_LOCATION="/media/2026/")


def test_names_are_relative_to_the_location_everywhere(
    located: MinioBackend, sdk: Minio, bucket: str, http: urllib3.PoolManager
) -> None:
    assert located.save("folder/a.txt", ContentFile(b"content")) == "folder/a.txt"
    with located.open("folder/b.txt", "wb") as file:
        file.write(b"written")
    keys = [found.object_name for found in sdk.list_objects(bucket_name=bucket, recursive=True)]
    assert sorted(map(str, keys)) == ["media/2026/folder/a.txt", "media/2026/folder/b.txt"]
    assert located.exists("folder/a.txt")
    assert located.size("folder/a.txt") == 7
    assert located.stat("folder/a.txt").object_name == "media/2026/folder/a.txt"
    assert located.get_modified_time("folder/a.txt").year >= 2026
    with located.open("folder/a.txt") as file:
        assert file.name == "folder/a.txt"
        assert file.read() == b"content"
    assert http.request("GET", located.url("folder/a.txt")).data == b"content"
    assert listed(located, "") == (["folder"], [])
    assert listed(located, "folder") == ([], ["a.txt", "b.txt"])
    assert located.save("folder/a.txt", ContentFile(b"")) != "folder/a.txt"
    located.delete("folder/a.txt")
    assert not located.exists("folder/a.txt")


def test_what_lies_outside_of_the_location_is_not_there(located: MinioBackend, storage: MinioBackend) -> None:
    fill(storage, "a.txt", "media/b.txt", "media/2026-c.txt", "media/2027/d.txt")
    assert listed(located, "") == ([], [])
    for name in ("a.txt", "media/b.txt", "b.txt"):
        assert not located.exists(name)
        located.delete(name)
    assert listed(storage, "media") == (["2027"], ["2026-c.txt", "b.txt"])


def test_storages_with_two_locations_in_one_bucket_do_not_meet(minio_options: dict[str, Any]) -> None:
    one, two = (MinioBackend(**minio_options, MINIO_LOCATION=location) for location in ("one", "two"))
    assert one.save("a.txt", ContentFile(b"one")) == two.save("a.txt", ContentFile(b"two")) == "a.txt"
    one.delete("a.txt")
    with two.open("a.txt") as file:
        assert file.read() == b"two"
