"""Django's own collectstatic, as where its app comes first: requests, failures, and results equal to those before."""

from __future__ import annotations

import io
import re
import secrets
import threading
from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.staticfiles.management.commands.collectstatic import Command
from django.contrib.staticfiles.storage import staticfiles_storage
from django.core.exceptions import SuspiciousFileOperation
from django.core.files.base import ContentFile
from minio.credentials.providers import StaticProvider
from minio.error import S3Error
from minio.minioadmin import MinioAdmin

from django_minio_backend.models import MinioBackendStatic
from tests import settings as site
from tests.django.conftest import FILES
from tests.support.djangos_command import DJANGOS_MIXIN, HASHED, PLAIN, Unannounced, collect, touch
from tests.support.rewriting_proxy import Received, Response, rewriting_proxy, s3_error
from tests.support.static_files import found_names, write
from tests.support.wire import counted, requests_made

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from minio import Minio
    from pytest_django import Settings

    from tools.servers import Server

    Using = Callable[..., AbstractContextManager[Any]]
    Objects = Callable[[], dict[str, bytes]]

pytestmark = pytest.mark.usefixtures("site_buckets")


def folders_of(names: list[str]) -> int:
    return len({name.rpartition("/")[0] for name in names})


# Requests


def test_each_folder_is_listed_once_and_each_changed_file_sent_once(big_folder: Path) -> None:
    names = found_names()
    folders = folders_of(names)
    with requests_made() as requests:
        assert f"{len(names)} static files copied." in collect()
    assert counted(requests) == {"LIST": folders, "PUT": len(names)}
    with requests_made() as requests:
        assert f"0 static files copied, {len(names)} unmodified." in collect()
    assert counted(requests) == {"LIST": folders}
    touch(big_folder / "generated/3/13.json")
    with requests_made() as requests:
        assert f"1 static file copied, {len(names) - 1} unmodified." in collect()
    assert counted(requests) == {"LIST": folders, "PUT": 1}


@pytest.mark.usefixtures("manifest_storage")
def test_so_are_hashed_files_and_the_manifest(big_folder: Path) -> None:
    names = found_names()
    folders = folders_of([*names, "staticfiles.json"])
    with requests_made() as requests:
        assert f"{len(names)} static files copied, {len(names)} post-processed." in collect()
    assert counted(requests) == {"LIST": folders, "PUT": 2 * len(names) + 1}
    assert requests[-1].url.endswith("/staticfiles.json")
    with requests_made() as requests:
        assert re.search(rf"\b0 static files copied, {len(names)} unmodified, \d+ post-processed\.", collect())
    assert counted(requests) == {"LIST": folders}
    (big_folder / "generated/3/13.png").write_bytes(b"another picture")
    touch(big_folder / "generated/3/13.png")
    with requests_made() as requests:
        collect()
    assert counted(requests) == {"LIST": folders, "PUT": 4}
    sent = [request.url.partition(f"/{site.STATIC_BUCKET}/")[2] for request in requests if request == "PUT"]
    assert [re.sub(r"[0-9a-f]{12}", "*", name) for name in sent] == [
        "generated/3/13.png",
        "generated/3/13.*.png",
        "generated/3/13.*.css",  # names the picture
        "staticfiles.json",
    ]


def test_files_that_later_passes_rename_are_never_sent(folder: Path, static_storage: Using) -> None:
    write(folder, {"up.css": b"@import 'in/b.css';", "in/b.css": b"@import '../c.css';", "c.css": b"@import 'd.css';"})
    write(folder, {"d.css": b"a { background: url(images/red.png) }"})
    with static_storage(HASHED):
        with requests_made() as requests:
            collect()
        assert counted(requests) == {"LIST": 4, "PUT": 2 * 8 + 1}
        with requests_made() as requests:
            collect()
        assert counted(requests) == {"LIST": 4}
    with static_storage(DJANGOS_MIXIN, MINIO_LOCATION="mixin"):  # its end is unknown, so they are sent and deleted
        collect()
        with requests_made() as requests:
            collect()
        made = counted(requests)
        assert made.pop("LIST") == 4
        assert set(made) == {"PUT", "DELETE"}
        assert made["PUT"] == made["DELETE"]


@pytest.mark.usefixtures("folder")
def test_djangos_manifest_mixin_costs_as_few_requests(static_storage: Using) -> None:
    with static_storage(DJANGOS_MIXIN):
        assert staticfiles_storage.exists("style.css") is False  # constructs the storage, which reads the manifest
        with requests_made() as requests:
            collect()
        assert counted(requests) == {"LIST": 3, "PUT": 9}
        with requests_made() as requests:
            collect()
        assert counted(requests) == {"LIST": 3}


@pytest.mark.parametrize("backend", [PLAIN, HASHED])
def test_a_dry_run_only_lists(folder: Path, backend: str, static_storage: Using, objects: Objects) -> None:
    with static_storage(backend):
        with requests_made() as requests:
            assert "4 static files copied." in collect("--dry-run")
        assert counted(requests) == {"LIST": 3}
        collect()
        before = objects()
        touch(folder / "style.css")
        with requests_made() as requests:
            assert "1 static file copied, 3 unmodified." in collect("--dry-run")
        assert counted(requests) == {"LIST": 3}
        assert objects() == before


@pytest.mark.usefixtures("folder", "manifest_storage")
def test_without_post_processing_no_hashed_file_is_stored(objects: Objects) -> None:
    with requests_made() as requests:
        assert "4 static files copied." in collect("--no-post-process")
    assert counted(requests) == {"LIST": 3, "PUT": 4}
    assert objects() == FILES


@pytest.mark.parametrize("backend", [PLAIN, HASHED])
@pytest.mark.usefixtures("folder")
def test_clear_deletes_each_file_and_sends_all_again(backend: str, static_storage: Using, objects: Objects) -> None:
    with static_storage(backend, MINIO_LOCATION="assets"):
        collect()
        before = objects()
        with static_storage(PLAIN, MINIO_LOCATION="assets"):
            MinioBackendStatic().save("old/deep/stale.svg", ContentFile(b"old"))
        with requests_made() as requests:
            assert "4 static files copied" in collect("--clear")
        made = counted(requests)
        assert (made["DELETE"], made["PUT"]) == (len(before) + 1, len(before))
        assert objects() == before


def test_a_folder_of_more_than_a_thousand_objects_is_listed_to_its_end(
    tmp_path: Path, settings: Settings, static_storage: Using
) -> None:
    many = tmp_path / "many"
    write(many, {f"{number}.txt": b"%d" % number for number in range(1_001)})
    settings.STATICFILES_FINDERS = ["django.contrib.staticfiles.finders.FileSystemFinder"]
    settings.STATICFILES_DIRS = [many]
    with static_storage(MINIO_LOCATION="assets/v1"):
        collect()
        with requests_made() as requests:
            assert "0 static files copied, 1001 unmodified." in collect()
        assert counted(requests) == {"LIST": 2}


def encryption(kind: str) -> Any:
    from minio.sse import SseKMS, SseS3

    return SseS3() if kind == "SSE-S3" else SseKMS("tests", {})


@pytest.mark.needs("encryption")
@pytest.mark.parametrize("kind", ["SSE-S3", "SSE-KMS"])
def test_encrypted_and_compressed_files_are_known_again(kind: str, static_storage: Using, folder: Path) -> None:
    """Under SSE-KMS an ETag is no MD5, so the metadata decides, which MinIO lists."""
    write(folder, {"long.css": b"a { color: red }\n" * 40, "long.js": b"// long\n" * 40})
    with static_storage(HASHED, sse=encryption(kind), MINIO_STATIC_GZIP=True):
        collect()
        with requests_made() as requests:
            collect()
        assert counted(requests) == {"LIST": 3}


# Runs


def test_a_second_run_of_one_command_lists_anew(folder: Path, sdk: Minio, objects: Objects) -> None:
    command = Command()
    collect(command=command)
    sdk.remove_object(bucket_name=site.STATIC_BUCKET, object_name="images/red.png")
    command.copied_files.clear()
    with requests_made() as requests:
        assert "1 static file copied, 3 unmodified." in collect(command=command)
    assert counted(requests) == {"LIST": 3, "PUT": 1}
    assert objects() == FILES
    assert folder.exists()


@pytest.mark.usefixtures("folder")
def test_after_the_run_the_storage_asks_the_server_again(sdk: Minio) -> None:
    command = Command()
    collect(command=command)
    sdk.remove_object(bucket_name=site.STATIC_BUCKET, object_name="style.css")
    assert staticfiles_storage.exists("style.css") is False
    with requests_made() as requests:
        assert staticfiles_storage.exists("script.js") is True
        staticfiles_storage.get_modified_time("script.js")
        staticfiles_storage.delete("script.js")
    assert counted(requests) == {"HEAD": 2, "DELETE": 1}


class Interrupted(Command):
    """Calls a function before each file is compared, and after each is copied."""

    before: Callable[[str], object] = staticmethod(lambda _: None)
    after: Callable[[str], object] = staticmethod(lambda _: None)

    def delete_file(self, path: str, prefixed_path: str, source_storage: Any) -> bool:
        self.before(prefixed_path)
        return super().delete_file(path, prefixed_path, source_storage)

    def copy_file(self, path: str, prefixed_path: str, source_storage: Any) -> None:
        super().copy_file(path, prefixed_path, source_storage)
        self.after(prefixed_path)


@pytest.mark.parametrize("use_tz", [True, False])
@pytest.mark.usefixtures("folder")
def test_a_listed_time_is_the_one_of_the_object(settings: Settings, *, use_tz: bool) -> None:
    """A listing shows milliseconds, the object's own headers do not."""
    settings.USE_TZ = use_tz
    collect()
    command = Interrupted()
    listed = {}

    def look(name: str) -> None:
        listed[name] = staticfiles_storage.get_modified_time(name)

    command.before = look
    with requests_made() as requests:
        collect(command=command)
    assert counted(requests) == {"LIST": 3}
    assert listed == {name: staticfiles_storage.get_modified_time(name) for name in FILES}


@pytest.mark.usefixtures("folder")
def test_what_another_thread_changes_is_asked_for() -> None:
    command = Interrupted()
    seen = []

    def elsewhere(_: str) -> None:
        before = staticfiles_storage.exists("thread.css")
        work = [
            staticfiles_storage.delete if before else lambda name: staticfiles_storage.save(name, ContentFile(b"t"))
        ]
        thread = threading.Thread(target=work[0], args=("thread.css",))
        thread.start()
        thread.join()
        seen.append((before, staticfiles_storage.exists("thread.css")))

    command.after = elsewhere
    collect(command=command)
    assert seen == [(False, True), (True, False), (False, True), (True, False)]


@pytest.mark.usefixtures("folder")
def test_a_file_that_another_thread_has_deleted_has_no_time() -> None:
    collect()
    command = Interrupted()

    def elsewhere(name: str) -> None:
        staticfiles_storage.get_modified_time(name)
        thread = threading.Thread(target=staticfiles_storage.delete, args=(name,))
        thread.start()
        thread.join()
        assert not staticfiles_storage.exists(name)
        with pytest.raises(FileNotFoundError):
            staticfiles_storage.get_modified_time(name)

    command.before = elsewhere
    assert "4 static files copied." in collect(command=command)


@pytest.mark.usefixtures("folder")
def test_another_storage_is_not_part_of_the_run() -> None:
    collect()
    other = MinioBackendStatic(storage_name="staticfiles", MINIO_LOCATION="other")
    command = Interrupted()
    seen = []

    def look(name: str) -> None:
        seen.append((staticfiles_storage.exists(name), other.exists(name)))
        other.save(name, ContentFile(b"other"))
        seen.append((staticfiles_storage.exists(name), other.exists(name)))
        other.delete(name)
        assert not other.exists(name)

    command.before = look
    assert "0 static files copied, 4 unmodified." in collect(command=command)
    assert seen == [(True, False), (True, True)] * 4


def result_of(function: Callable[[str], Any], name: str) -> Any:
    try:
        return function(name)
    except (FileNotFoundError, ValueError, SuspiciousFileOperation) as error:
        return type(error)


STRANGE = (
    *("", ".", "..", "/", "/style.css", "../style.css", "style.css/", "style.css/..", "./style.css", "images//red.png"),
    *("images", "images/", "images/deep", "images/deep/", "images\\red.png", "image", "nothing", "nothing/", "a/b/c"),
    *("k" * 2_000, "null\0", "half \ud800", "bell\x07.css", "line\nbreak.css", "caf\u00e9.css", "percent%20.css"),
)


@pytest.mark.needs("line-breaks")
@pytest.mark.usefixtures("folder")
def test_strange_names_mean_the_same_during_a_run() -> None:
    collect()
    kept = [
        name
        for name in STRANGE
        if name.endswith((".css", ".png")) and result_of(staticfiles_storage.exists, name) is False
    ]
    for name in kept:
        staticfiles_storage.save(name, ContentFile(b"strange"))
    command = Interrupted()

    def results() -> dict[str, Any]:
        storage = staticfiles_storage
        functions = {"exists": storage.exists, "time": storage.get_modified_time, "list": storage.listdir}
        return {
            f"{word} {name!r}": result_of(function, name) for word, function in functions.items() for name in STRANGE
        }

    seen: list[dict[str, Any]] = []
    command.before = lambda _: seen.append(results())
    collect(command=command)
    after = results()
    for name in kept:  # some servers list control characters as others, so the fixture could not delete them
        staticfiles_storage.delete(name)
    assert seen == [after] * 4
    assert len(kept) == 4


def test_strange_names_are_deleted_during_a_run_as_at_other_times(sdk: Minio, folder: Path) -> None:
    command = Interrupted()
    assert folder.exists()

    def delete(name: str) -> None:
        assert result_of(staticfiles_storage.delete, "") is ValueError
        sdk.put_object(site.STATIC_BUCKET, "marked/", io.BytesIO(b""), 0)
        assert staticfiles_storage.exists("marked/")
        staticfiles_storage.delete("marked/")
        assert not staticfiles_storage.exists("marked/")
        staticfiles_storage.delete(f"./{name}")
        assert not staticfiles_storage.exists(name)

    command.after = delete
    collect(command=command)
    assert not list(sdk.list_objects(site.STATIC_BUCKET, recursive=True))


@pytest.mark.usefixtures("folder")
def test_a_file_that_is_opened_for_writing_during_a_run_exists() -> None:
    command = Interrupted()
    seen = []

    def write_directly(_: str) -> None:
        before = staticfiles_storage.exists("direct.txt")
        with staticfiles_storage.open("direct.txt", "w") as file:
            file.write("written")
        with staticfiles_storage.open("direct.txt", "r") as file:
            seen.append((before, staticfiles_storage.exists("direct.txt"), file.read()))
        staticfiles_storage.delete("direct.txt")

    command.after = write_directly
    collect(command=command)
    assert seen == [(False, True, "written")] * 4


def text_of(name: str) -> Any:
    with staticfiles_storage.open(name, "r") as file:
        return file.read()


def size_of(name: str) -> Any:
    return staticfiles_storage.size(name)


def content_of(name: str) -> Any:
    with staticfiles_storage.open(name) as file:
        return file.read()


def listed(name: str) -> Any:
    if name not in staticfiles_storage.listdir("")[1]:
        raise FileNotFoundError(name)


@pytest.mark.parametrize("look", [size_of, content_of, text_of, listed])
def test_a_deletion_that_is_put_off_is_done_before_anything_but_a_save_asks(
    look: Callable[[str], Any], folder: Path, objects: Objects
) -> None:
    collect()
    touch(folder / "style.css")
    missing = []

    class Curious(Command):
        def delete_file(self, path: str, prefixed_path: str, source_storage: Any) -> bool:
            copies = super().delete_file(path, prefixed_path, source_storage)
            if copies:
                assert not self.storage.exists(prefixed_path)
                with pytest.raises(FileNotFoundError):
                    look(prefixed_path)
                missing.append(prefixed_path)
            return copies

    collect(command=Curious())
    assert missing == ["style.css"]
    assert objects() == FILES


@pytest.mark.usefixtures("folder")
def test_a_folder_of_a_files_name_exists_while_anything_is_in_it() -> None:
    command = Interrupted()
    seen = []

    def look(_: str) -> None:
        seen.append(staticfiles_storage.exists("made/of"))
        staticfiles_storage.save("made/of/files.css", ContentFile(b"x"))
        seen.append(staticfiles_storage.exists("made/of"))
        staticfiles_storage.delete("made/of/files.css")
        seen.append(staticfiles_storage.exists("made/of"))

    command.after = look
    collect(command=command)
    assert seen == [False, True, False] * 4


# Failures


def test_a_file_whose_upload_fails_stays_and_is_sent_by_the_next_run(
    folder: Path, server: Server, static_storage: Using, objects: Objects
) -> None:
    collect()
    (folder / "style.css").write_bytes(b"changed")
    touch(folder / "style.css")
    with rewriting_proxy(server) as rewriter, static_storage(MINIO_ENDPOINT=rewriter.endpoint):
        rewriter.rule = lambda request: s3_error(403, "AccessDenied") if request.method == "PUT" else None
        with pytest.raises(S3Error, match="AccessDenied"):
            collect()
        assert objects() == FILES  # Django has not deleted the old one
        rewriter.rule = lambda _: None
        assert "1 static file copied, 3 unmodified." in collect()
    assert objects() == {**FILES, "style.css": b"changed"}


def test_after_a_failed_upload_the_server_is_asked(folder: Path, server: Server, static_storage: Using) -> None:
    """The response may have been lost after the upload was done."""
    seen = []

    class Tolerant(Command):
        def copy_file(self, path: str, prefixed_path: str, source_storage: Any) -> None:
            try:
                super().copy_file(path, prefixed_path, source_storage)
            except S3Error:
                seen.append((prefixed_path, self.storage.exists(prefixed_path)))

    stored = ("style.css", "images/red.png")

    def fail(request: Received) -> Response | None:
        return s3_error(403, "AccessDenied") if request.method == "PUT" else None

    with rewriting_proxy(server) as rewriter, static_storage(MINIO_ENDPOINT=rewriter.endpoint):
        rewriter.afterwards = lambda request: fail(request) if request.path.endswith(stored) else None
        rewriter.rule = lambda request: None if request.path.endswith(stored) else fail(request)
        collect(command=Tolerant())
    assert dict(seen) == {name: name in stored for name in FILES}
    assert folder.exists()


@pytest.mark.usefixtures("folder")
def test_after_a_failed_deletion_the_server_is_asked(server: Server, static_storage: Using, objects: Objects) -> None:
    collect()
    command = Interrupted()

    def delete(name: str) -> None:
        assert staticfiles_storage.exists(name)
        with pytest.raises(S3Error):
            staticfiles_storage.delete(name)
        assert staticfiles_storage.exists(name) is False  # the deletion was done, and its response lost

    with rewriting_proxy(server) as rewriter, static_storage(MINIO_ENDPOINT=rewriter.endpoint):
        rewriter.afterwards = lambda request: s3_error(403, "AccessDenied") if request.method == "DELETE" else None
        command.before = delete
        assert "4 static files copied." in collect(command=command)
    assert objects() == FILES


def test_a_file_that_cannot_be_read_stays(folder: Path, objects: Objects) -> None:
    collect()
    touch(folder / "style.css")

    class Unreadable(Command):
        def copy_file(self, path: str, prefixed_path: str, source_storage: Any) -> None:
            if path == "style.css":
                (folder / "style.css").rename(folder / "gone.css")
            super().copy_file(path, prefixed_path, source_storage)

        def delete_file(self, path: str, prefixed_path: str, source_storage: Any) -> bool:
            if path == "style.css":
                (folder / "style.css").symlink_to(folder / "gone.css")
                deleted = super().delete_file(path, prefixed_path, source_storage)
                (folder / "style.css").unlink()
                return deleted
            return super().delete_file(path, prefixed_path, source_storage)

    with pytest.raises(FileNotFoundError):
        collect(command=Unreadable())
    assert objects() == FILES


@pytest.mark.usefixtures("folder")
def test_without_permission_to_list_each_file_is_asked_for(server: Server, static_storage: Using) -> None:
    def refuse(request: Received) -> Response | None:
        return s3_error(403, "AccessDenied") if "list-type=2" in request.query else None

    with rewriting_proxy(server) as rewriter, static_storage(MINIO_ENDPOINT=rewriter.endpoint):
        collect()
        rewriter.rule = refuse
        with requests_made() as requests:
            output = collect()
        assert "0 static files copied, 4 unmodified" in output
        assert counted(requests) == {"LIST": 1, "HEAD": 8}
        assert output == collect(command=Unannounced())


def test_an_account_that_may_not_list_replaces_files_that_exist(
    folder: Path, server: Server, static_storage: Using, objects: Objects
) -> None:
    if server.kind != "minio":
        pytest.skip(f"{server.kind} has no users to make by MinIO's administration")
    collect()
    (folder / "style.css").write_bytes(b"changed")
    touch(folder / "style.css")
    user, password = secrets.token_hex(8), secrets.token_hex(16)
    allowed = {
        "Effect": "Allow",
        "Action": ["s3:GetObject", "s3:PutObject"],
        "Resource": [f"arn:aws:s3:::{site.STATIC_BUCKET}/*"],
    }
    root = StaticProvider(server.access_key, server.secret_key)
    admin = MinioAdmin(endpoint=server.endpoint, credentials=root, secure=server.secure)
    admin.user_add(user, password)
    try:
        admin.policy_add(user, policy={"Version": "2012-10-17", "Statement": [allowed]})
        admin.policy_set(user, user=user)
        with static_storage(MINIO_ACCESS_KEY=user, MINIO_SECRET_KEY=password):
            with requests_made() as requests:
                assert "1 static file copied, 3 unmodified." in collect()
            assert counted(requests) == {"LIST": 1, "HEAD": 8, "PUT": 1}
            write(folder, {"new.css": b"new"})
            with pytest.raises(S3Error, match="AccessDenied"):
                collect()
    finally:
        admin.user_remove(user)
    assert objects() == {**FILES, "style.css": b"changed"}


@pytest.mark.usefixtures("folder")
def test_a_missing_bucket_fails_as_before(bucket_name: Callable[[], str], static_storage: Using) -> None:
    failures = []
    with static_storage(MINIO_STATIC_FILES_BUCKET=bucket_name()):
        for command in (Command(), Unannounced()):
            with pytest.raises(S3Error) as failure:
                collect(command=command)
            failures.append((failure.value.code, failure.value.message))
    assert failures[0] == failures[1]


@pytest.mark.usefixtures("manifest_storage")
def test_a_failure_of_post_processing_leaves_the_manifest_and_what_it_names(folder: Path, objects: Objects) -> None:
    collect()
    before = objects()
    (folder / "style.css").write_bytes(b"a { background: url(images/red.png); }")
    (folder / "broken.css").write_bytes(b"a { background: url(missing.png); }")
    touch(folder / "style.css")
    with pytest.raises(Exception, match=r"missing\.png"):
        collect()
    after = objects()
    assert {name: after[name] for name in before if name != "style.css"} == {
        name: content for name, content in before.items() if name != "style.css"
    }
