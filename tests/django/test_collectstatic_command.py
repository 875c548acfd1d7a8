"""Output, flags and failures of the command, compared with those of Django's."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.staticfiles.management.commands.collectstatic import Command as DjangosCommand
from django.contrib.staticfiles.storage import staticfiles_storage
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage
from django.core.management import call_command, get_commands
from django.core.management.base import CommandError

from django_minio_backend.management.commands.collectstatic import Command
from django_minio_backend.models import MinioBackendStatic
from tests import settings as site
from tests.django.conftest import FILES
from tests.support.rewriting_proxy import rewriting_proxy, s3_error
from tests.support.settings import STATIC
from tests.support.static_files import collect, write
from tests.support.wire import requests_made

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from minio import Minio
    from pytest_django import Settings

    from tools.servers import Server

    Using = Callable[..., AbstractContextManager[Any]]

pytestmark = pytest.mark.usefixtures("site_buckets")

MANIFESTS = [
    pytest.param("django_minio_backend.models.MinioManifestStaticStorage", id="this-package"),
    pytest.param("tests.django.test_collectstatic.Manifest", id="mixin-of-django"),
]


def run(command: type[DjangosCommand], *arguments: str, **options: Any) -> tuple[str, str]:
    """What a command writes to its two streams."""
    out, err = io.StringIO(), io.StringIO()
    call_command(command(stdout=out, stderr=err), "--noinput", *arguments, **options)
    return out.getvalue(), err.getvalue()


def test_this_packages_command_is_used_if_its_app_comes_first() -> None:
    assert get_commands()["collectstatic"] == "django_minio_backend"


@pytest.mark.parametrize("verbosity", [0, 1, 2, 3])
@pytest.mark.parametrize("backend", ["MinioBackendStatic", "MinioManifestStaticStorage"])
def test_the_output_is_that_of_djangos_command(
    backend: str, verbosity: int, tmp_path: Path, settings: Settings, static_storage: Using
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    write(first, {**FILES, "ignored.tmp": b"", "CVS/entries": b"", "~backup~": b""})
    write(second, {"style.css": b"another file of this name", "more.css": b"@import 'style.css';"})
    settings.STATICFILES_FINDERS = ["django.contrib.staticfiles.finders.FileSystemFinder"]
    settings.STATICFILES_DIRS = [first, ("prefix", second), second]
    flags: list[tuple[str, ...]] = [(), (), ("--dry-run",), ("--no-post-process",), ("-i", "*.tmp", "--clear")]
    path = f"django_minio_backend.models.{backend}"
    with static_storage(path, MINIO_LOCATION="djangos"):
        theirs = [run(DjangosCommand, *each, verbosity=verbosity) for each in flags]
    with static_storage(path, MINIO_LOCATION="ours"):
        ours = [run(Command, *each, verbosity=verbosity) for each in flags]
    assert ours == theirs


def test_a_failure_of_post_processing_is_reported_as_by_django(folder: Path, static_storage: Using) -> None:
    (folder / "broken.css").write_bytes(b"a { background: url(missing.png); }")
    outputs, failures = [], []
    for command in (DjangosCommand, Command):
        out, err = io.StringIO(), io.StringIO()
        with (
            static_storage("django_minio_backend.models.MinioManifestStaticStorage", MINIO_LOCATION=command.__module__),
            pytest.raises((ValueError, CommandError)) as failure,
        ):
            call_command(command(stdout=out, stderr=err), "--noinput")
        outputs.append((out.getvalue(), err.getvalue()))
        failures.append(failure)
    assert outputs[0] == outputs[1]
    assert outputs[1][1].startswith("Post-processing 'broken.css' failed!")
    assert failures[0].type is failures[1].type
    assert "missing.png" in str(failures[1].value)


@pytest.mark.usefixtures("manifest_storage")
def test_a_failed_post_processing_leaves_the_manifest_as_it_was(
    folder: Path, objects: Callable[[], dict[str, bytes]]
) -> None:
    collect()
    before = objects()
    (folder / "style.css").write_bytes(b"a { background: url(missing.png); }")
    with pytest.raises((ValueError, CommandError)):
        collect()
    after = objects()
    assert after["staticfiles.json"] == before["staticfiles.json"]
    assert before.items() - after.items() <= {("style.css", FILES["style.css"])}


def test_another_storage_gets_djangos_command(folder: Path, tmp_path: Path, settings: Settings) -> None:
    assert folder.exists()
    settings.STATIC_ROOT = tmp_path / "root"
    settings.STORAGES = {"default": dict(site.STORAGES["default"]), "staticfiles": dict(STATIC)}
    with requests_made() as requests:
        assert f"4 static files copied to '{tmp_path / 'root'}'." in collect()
        assert f"0 static files copied to '{tmp_path / 'root'}', 4 unmodified." in collect()
        collect("--link", "--clear")
        assert (tmp_path / "root/style.css").is_symlink()
        with pytest.raises(CommandError, match="--force-upload needs MinioBackendStatic"):
            collect("--force-upload")
    assert requests == []


@pytest.mark.usefixtures("folder")
def test_force_upload_uploads_unchanged_files_with_new_headers(sdk: Minio, static_storage: Using) -> None:
    collect()
    with static_storage(MINIO_OBJECT_HEADERS={"Cache-Control": "max-age=60"}):
        assert "0 static files copied, 4 unmodified." in collect()
        assert "4 static files copied." in collect("--force-upload")
    description = sdk.stat_object(bucket_name=site.STATIC_BUCKET, object_name="style.css")
    assert (description.metadata or {})["cache-control"] == "max-age=60"


@pytest.mark.parametrize("backend", MANIFESTS)
@pytest.mark.usefixtures("folder")
def test_force_upload_uploads_each_file_once(backend: str, static_storage: Using) -> None:
    with static_storage(backend):
        collect()
        with requests_made() as requests:
            collect("--force-upload")
    assert sorted(requests) == ["GET", *["PUT"] * 9]


@pytest.mark.usefixtures("manifest_storage")
def test_force_upload_finds_files_that_only_the_server_has(
    folder: Path, objects: Callable[[], dict[str, bytes]]
) -> None:
    MinioBackendStatic().save("only/there.png", ContentFile(b"a picture that style sheets name"))
    (folder / "more.css").write_bytes(b"a { background: url(only/there.png); }")
    collect()
    before = objects()
    assert "5 static files copied, 5 post-processed." in collect("--force-upload")
    assert objects() == before


def test_a_dry_run_shows_what_the_real_run_does(folder: Path, objects: Callable[[], dict[str, bytes]]) -> None:
    assert "4 static files copied." in collect("--dry-run")
    assert objects() == {}
    collect()
    (folder / "style.css").write_bytes(b"changed")
    before = objects()
    for arguments, count in (((), 1), (("--clear",), 4)):
        with requests_made() as requests:
            output = collect("--dry-run", *arguments)
        assert requests == ["GET"]
        assert output.count("Pretending to copy") == count
        assert f"{count} static file{'s' if count > 1 else ''} copied" in output
    assert objects() == before
    assert "1 static file copied, 3 unmodified." in collect()


@pytest.mark.usefixtures("folder")
def test_existing_objects_are_replaced_and_never_deleted_first() -> None:
    MinioBackendStatic().save("style.css", ContentFile(b"old"))
    with requests_made() as requests:
        collect()
    assert sorted(requests) == ["GET", "PUT", "PUT", "PUT", "PUT"]


def test_a_refused_upload_fails_the_command_and_the_next_run_completes(
    big_folder: Path, server: Server, static_storage: Using, objects: Callable[[], dict[str, bytes]]
) -> None:
    with rewriting_proxy(server) as rewriter, static_storage(MINIO_ENDPOINT=rewriter.endpoint):
        rewriter.rule = lambda request: s3_error(403, "AccessDenied") if request.path.endswith("/13.png") else None
        with pytest.raises(CommandError) as failure:
            collect()
        for text in ("'generated/3/13.png' could not be uploaded", f"bucket '{site.STATIC_BUCKET}'", "AccessDenied"):
            assert text in str(failure.value)
        assert "STORAGES['staticfiles']" in str(failure.value)
        assert rewriter.endpoint in str(failure.value)
        uploaded = objects()
        assert "generated/3/13.png" not in uploaded
        rewriter.rule = lambda _: None
        output = collect()
    assert re.search(rf"\b[1-9]\d* static files? copied, {len(uploaded)} unmodified\.", output)
    assert objects()["generated/3/13.png"] == (big_folder / "generated/3/13.png").read_bytes()


@pytest.mark.parametrize("backend", MANIFESTS)
@pytest.mark.parametrize("kept_locally", [False, True], ids=["manifest-in-bucket", "manifest-on-disk"])
def test_a_failed_hashed_file_leaves_the_old_manifest(
    backend: str, folder: Path, server: Server, static_storage: Using, tmp_path: Path, *, kept_locally: bool
) -> None:
    options = {"manifest_storage": FileSystemStorage(location=tmp_path / "local")} if kept_locally else {}
    with rewriting_proxy(server) as rewriter, static_storage(backend, MINIO_ENDPOINT=rewriter.endpoint, **options):

        def manifest() -> bytes:
            storage = options.get("manifest_storage") or MinioBackendStatic()
            with storage.open("staticfiles.json") as file:
                return bytes(file.read())

        collect()
        before = manifest()
        write(folder, {"images/red.png": b"\x89PNG another red"})
        rewriter.rule = lambda request: s3_error(403, "AccessDenied") if ".css" in request.path else None
        with pytest.raises(CommandError, match=r"style\.[0-9a-f]{12}\.css"):
            collect()
        assert manifest() == before
        rewriter.rule = lambda _: None
        collect()
        assert manifest() != before


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.usefixtures("folder")
def test_a_refused_listing_or_deletion_fails_the_command(method: str, server: Server, static_storage: Using) -> None:
    MinioBackendStatic().save("stale.css", ContentFile(b"old"))
    with rewriting_proxy(server) as rewriter, static_storage(MINIO_ENDPOINT=rewriter.endpoint):
        rewriter.rule = lambda request: s3_error(403, "AccessDenied") if request.method == method else None
        with pytest.raises(CommandError, match=rf"'{site.STATIC_BUCKET}'.* (cannot be listed|could not be deleted)"):
            collect("--clear")


@pytest.mark.needs("signatures")
@pytest.mark.usefixtures("folder")
def test_wrong_keys_are_reported_with_the_option_to_correct(static_storage: Using) -> None:
    with (
        static_storage(MINIO_SECRET_KEY="wrong-secret"),
        pytest.raises(
            CommandError, match=r"^The bucket .* cannot be listed: .*MINIO_SECRET_KEY does not match"
        ) as failure,
    ):
        collect()
    assert "wrong-secret" not in str(failure.value)


LISTING = """<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><IsTruncated>false</IsTruncated>{}
</ListBucketResult>"""
LISTED = """<Contents><Key>{}</Key><LastModified>2024-01-01T00:00:00.000Z</LastModified>
<ETag>"d41d8cd98f00b204e9800998ecf8427e"</ETag><Size>0</Size></Contents>"""


@pytest.mark.usefixtures("folder")
def test_keys_that_are_not_names_of_files_are_kept(server: Server, static_storage: Using) -> None:
    """MinIO refuses most of them; other servers accept them."""
    keys = ("../up.css", "/style.css", "a//b.css", "folder/", "stale.css")
    listing = s3_error(200, "unused")._replace(body=LISTING.format("".join(map(LISTED.format, keys))).encode())
    with rewriting_proxy(server) as rewriter, static_storage(MINIO_ENDPOINT=rewriter.endpoint):
        rewriter.rule = lambda request: listing if request.method == "GET" else None
        output = collect("--clear", "--dry-run", verbosity=2)
        assert re.findall("Pretending to delete '(.*)'", output) == ["stale.css"]
        assert "4 static files copied." in collect("--clear")


def test_a_single_object_that_cannot_be_deleted_fails_the_command(server: Server, static_storage: Using) -> None:
    MinioBackendStatic().save("stale.css", ContentFile(b"old"))
    response = s3_error(200, "unused")._replace(
        body=b"<DeleteResult><Error><Key>stale.css</Key><Code>AccessDenied</Code><Message>no</Message></Error>"
        b"</DeleteResult>"
    )
    with rewriting_proxy(server) as rewriter, static_storage(MINIO_ENDPOINT=rewriter.endpoint):
        rewriter.rule = lambda request: response if request.method == "POST" else None
        with pytest.raises(CommandError, match=r"1 files in .* could not be deleted: 'stale.css': AccessDenied no"):
            collect("--clear")


@pytest.mark.usefixtures("folder")
def test_a_missing_bucket_is_reported_or_created(
    bucket_name: Callable[[], str], sdk: Minio, static_storage: Using
) -> None:
    name = bucket_name()
    for arguments in ((), ("--dry-run",)):
        with (
            static_storage(MINIO_STATIC_FILES_BUCKET=name),
            pytest.raises(CommandError, match=rf"The bucket '{name}' .* does not exist.*initialize_buckets"),
        ):
            collect(*arguments)
    with static_storage(MINIO_STATIC_FILES_BUCKET=name, MINIO_BUCKET_CHECK_ON_SAVE=True):
        assert "4 static files copied." in collect("--dry-run")
        assert not sdk.bucket_exists(bucket_name=name)


@pytest.mark.usefixtures("folder")
def test_a_missing_bucket_that_cannot_be_created_is_reported(
    bucket_name: Callable[[], str], server: Server, static_storage: Using
) -> None:
    name = bucket_name()
    options = {"MINIO_STATIC_FILES_BUCKET": name, "MINIO_BUCKET_CHECK_ON_SAVE": True}
    with rewriting_proxy(server) as rewriter, static_storage(MINIO_ENDPOINT=rewriter.endpoint, **options):
        rewriter.rule = lambda request: s3_error(403, "AccessDenied") if request.method == "PUT" else None
        with pytest.raises(
            CommandError,
            match=rf"bucket '{name}' .* does not exist and cannot be created: .*s3:CreateBucket.*AccessDenied",
        ):
            collect()


@pytest.mark.needs("policies")
@pytest.mark.usefixtures("folder")
def test_a_missing_bucket_is_created_where_saves_create_it(
    bucket_name: Callable[[], str], sdk: Minio, static_storage: Using
) -> None:
    name = bucket_name()
    with static_storage(MINIO_STATIC_FILES_BUCKET=name, MINIO_BUCKET_CHECK_ON_SAVE=True):
        assert "4 static files copied." in collect()
    assert len(list(sdk.list_objects(bucket_name=name, recursive=True))) == 4
    assert "s3:GetObject" in sdk.get_bucket_policy(bucket_name=name)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.usefixtures("folder")
def test_a_terminal_shows_the_progress_of_the_uploads() -> None:
    terminal = Terminal()
    call_command(Command(stdout=terminal), "--noinput")
    shown = terminal.getvalue()
    assert "\rUploaded 4 of 4" in shown
    assert shown.rpartition("\r")[2].strip() == "4 static files copied."
    quiet = Terminal()
    call_command(Command(stdout=quiet), "--noinput", "--force-upload", verbosity=0)
    assert quiet.getvalue() == ""


def test_messages_are_written_on_separate_lines_from_the_progress(
    folder: Path, tmp_path: Path, settings: Settings
) -> None:
    large = tmp_path / "large"
    write(
        large, {"large.bin": bytes(6 * 1024**2), "style.css": b"of the same name"}
    )  # large files are uploaded immediately
    settings.STATICFILES_DIRS = [large, folder]
    terminal = Terminal()
    call_command(Command(stdout=terminal), "--noinput")
    shown = terminal.getvalue()
    assert "\rUploaded 1 of " in shown
    assert {"\r"}.issuperset(re.findall("(.)Found another file", shown))  # which Django 6 does not write here


def test_the_command_asks_for_confirmation_as_djangos_does(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert folder.exists()
    monkeypatch.setattr("builtins.input", lambda _: "no")
    with pytest.raises(CommandError, match=r"Collecting static files cancelled\."):
        call_command(Command(), interactive=True)


def test_the_missing_app_of_static_files_is_reported(settings: Settings) -> None:
    settings.INSTALLED_APPS = [app for app in site.INSTALLED_APPS if app != "django.contrib.staticfiles"]
    with pytest.raises(CommandError, match=r"needs 'django\.contrib\.staticfiles' in INSTALLED_APPS"):
        call_command(Command(), "--noinput")


@pytest.mark.usefixtures("folder", "manifest_storage")
def test_runs_in_several_threads_take_turns(objects: Callable[[], dict[str, bytes]]) -> None:
    assert staticfiles_storage.exists("style.css") is False  # constructs the storage, which all threads share
    with ThreadPoolExecutor(4) as pool:
        output = list(pool.map(lambda _: run(Command), range(4)))
    assert sorted(out.partition(" ")[0].strip() for out, _ in output) == ["0", "0", "0", "4"]
    assert len(objects()) == 9


OTHER_ORDER = """
from tests.settings import *
INSTALLED_APPS = ["django.contrib.staticfiles", *(app for app in INSTALLED_APPS if app != "django.contrib.staticfiles")]
STATICFILES_FINDERS = ["django.contrib.staticfiles.finders.FileSystemFinder"]
"""


def test_djangos_command_works_on_the_storage_if_its_app_comes_first(
    folder: Path, tmp_path: Path, objects: Callable[[], dict[str, bytes]]
) -> None:
    (tmp_path / "other_order.py").write_text(f"{OTHER_ORDER}STATICFILES_DIRS = [{str(folder)!r}]\n")
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "other_order",
        "PYTHONPATH": os.pathsep.join([str(tmp_path), str(Path(__file__).parents[2])]),
    }

    def manage(*arguments: str) -> str:
        command = [sys.executable, "-m", "django", *arguments]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert "force-upload" not in manage("help", "collectstatic")
    for name in ("stale.css", "images/stale.png", "old/deep/stale.svg"):
        MinioBackendStatic().save(name, ContentFile(b"stale"))
    assert "4 static files copied" in manage("collectstatic", "--noinput", "--clear")
    assert objects() == FILES
    assert "0 static files copied, 4 unmodified" in manage("collectstatic", "--noinput")
