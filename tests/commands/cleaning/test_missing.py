"""--check-missing: rows whose objects are missing."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import pytest
from django.core.files.base import ContentFile
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import OperationalError, connection

from django_minio_backend.models import MinioBackend
from tests import settings as site
from tests.app.models import Document
from tests.commands.cleaning.conftest import COMMAND, KEPT, NOW, saved

if TYPE_CHECKING:
    from types import ModuleType

    from tests.commands.cleaning.conftest import Keys, Late, Put
    from tests.commands.conftest import Run
    from tools.servers import Server


pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("site_buckets", "kept")]


def test_references_without_an_object_are_reported(run: Run, put: Put, keys: Keys) -> None:
    missing = Document.objects.create(plain="missing.txt", public="there.txt")
    put(site.PUBLIC_BUCKET, "there.txt")
    output = run(COMMAND, "--check-missing", *NOW)
    (line,) = [line for line in output.splitlines() if line.startswith("Missing in ")]
    assert line.endswith(f"/{site.PRIVATE_BUCKET}: app.Document {missing.pk} plain: missing.txt")
    assert f"{site.PRIVATE_BUCKET}: 1 references to missing objects." in output
    assert f"{site.PUBLIC_BUCKET}: 0 references to missing objects." in output
    assert "Missing" not in run(COMMAND, *NOW)
    assert keys(site.PUBLIC_BUCKET) == [KEPT, "there.txt"]


def test_every_row_with_the_same_missing_object_is_reported(run: Run) -> None:
    rows = [Document.objects.create(plain="missing.txt") for _ in range(3)]
    private = Document.objects.create(private="missing.txt")
    output = run(COMMAND, "--check-missing", *NOW)
    for row in rows:
        assert f"app.Document {row.pk} plain: missing.txt" in output
    assert f"app.Document {private.pk} private: missing.txt" in output
    assert "4 references to missing objects" in output


def test_rows_that_share_an_object_keep_it(run: Run, put: Put, keys: Keys) -> None:
    for _ in range(2):
        Document.objects.create(plain="shared.txt", private="shared.txt")
    put(site.PRIVATE_BUCKET, "shared.txt")
    output = run(COMMAND, "--check-missing", *NOW)
    assert keys(site.PRIVATE_BUCKET) == [KEPT, "shared.txt"]
    assert "Missing" not in output


def test_missing_objects_are_reported_in_a_dry_run_as_well(run: Run) -> None:
    Document.objects.create(plain="missing.txt")
    assert "1 references to missing objects" in run(COMMAND, "--check-missing", "--dry-run")


def test_a_young_object_is_not_missing(run: Run) -> None:
    Document.objects.create(plain=ContentFile(b"young", name="young.txt"))
    assert f"{site.PRIVATE_BUCKET}: 0 references to missing objects" in run(COMMAND, "--check-missing")


def test_missing_objects_fail_the_command_with_fail_on_missing(run: Run) -> None:
    Document.objects.create(plain="missing.txt")
    run(COMMAND, "--check-missing")
    output = io.StringIO()
    with pytest.raises(CommandError, match="1 rows refer to missing objects"):
        call_command(COMMAND, "--fail-on-missing", "--json", stdout=output)
    assert json.loads(output.getvalue().splitlines()[-1])["problems"] == ["1 rows refer to missing objects."]
    Document.objects.filter(plain="missing.txt").delete()
    assert f"{site.PRIVATE_BUCKET}: 0 references to missing objects" in run(COMMAND, "--fail-on-missing")


def test_a_row_that_is_deleted_meanwhile_is_not_reported(run: Run, late: Late) -> None:
    Document.objects.create(plain="gone.txt")
    row = Document.objects.create(plain="missing.txt")
    late.append(lambda: Document.objects.filter(plain="gone.txt").delete())
    output = run(COMMAND, "--check-missing")
    assert f"app.Document {row.pk} plain: missing.txt" in output
    assert "gone.txt" not in output


@pytest.mark.parametrize(
    "name", ["./odd.txt", "folder//odd.txt", "folder\\odd.txt"], ids=["dot", "two slashes", "backslash"]
)
def test_a_name_is_reported_as_it_is_in_the_row(run: Run, name: str) -> None:
    row = Document.objects.create(plain=name)
    assert f"app.Document {row.pk} plain: {name}\n" in run(COMMAND, "--check-missing")


def test_a_name_is_reported_without_the_location(run: Run, archive: ModuleType) -> None:
    row = saved(archive.Located, file="a.txt", inner="b.txt")
    output = run(COMMAND, "--check-missing")
    assert f"archive.Located {row.pk} file: a.txt\n" in output
    assert f"archive.Located {row.pk} inner: b.txt\n" in output


def test_a_database_other_than_the_default_one_is_named(run: Run, second_database: str) -> None:
    row = Document.objects.using(second_database).create(plain="missing.txt")
    assert f"app.Document {row.pk} plain in database 'second': missing.txt" in run(COMMAND, "--check-missing")


def test_references_of_a_same_named_bucket_are_not_missing_here(
    run: Run, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    options: dict[str, Any] = {**site.STORAGES["default"]["OPTIONS"]}
    options["MINIO_ENDPOINT"] = server.endpoint.replace("127.0.0.1", "localhost")
    monkeypatch.setattr(Document._meta.get_field("private"), "storage", MinioBackend(**options))
    row = Document.objects.create(private="missing.txt")
    output = run(COMMAND, "--check-missing")
    assert output.count(f"app.Document {row.pk} private: missing.txt") == 1


def test_a_database_that_fails_at_the_end_is_reported(run: Run) -> None:
    Document.objects.create(plain="missing.txt")

    def failing(execute: Any, sql: str, *arguments: Any) -> Any:
        if " IN (" in sql:
            raise OperationalError("the disk is on fire")
        return execute(sql, *arguments)

    with connection.execute_wrapper(failing), pytest.raises(CommandError, match="on fire"):
        run(COMMAND, "--check-missing")
