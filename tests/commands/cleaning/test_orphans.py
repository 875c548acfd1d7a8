"""manage.py clean_orphaned_minio_files: what nobody refers to is deleted, and nothing else ever."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest

from tests import settings as site
from tests.app.models import Document
from tests.commands.cleaning.conftest import COMMAND, KEPT, NOW, saved
from tests.support.wire import requests_made

if TYPE_CHECKING:
    from types import ModuleType

    from minio import Minio

    from tests.commands.cleaning.conftest import Keys, Put
    from tests.commands.conftest import Run


pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("site_buckets", "kept")]


# What is deleted


def test_exactly_the_orphans_are_deleted(run: Run, put: Put, keys: Keys) -> None:
    Document.objects.create(plain="a/referred.txt", private="b/referred.txt", public="c.txt", image="d.png")
    put(site.PRIVATE_BUCKET, "a/referred.txt", "b/referred.txt", "a/orphan.txt", "orphan.txt", "c.txt")
    put(site.PUBLIC_BUCKET, "c.txt", "d.png", "a/referred.txt")
    output = run(COMMAND, *NOW)
    assert keys(site.PRIVATE_BUCKET) == ["a/referred.txt", "b/referred.txt", KEPT]
    assert keys(site.PUBLIC_BUCKET) == ["c.txt", "d.png", KEPT]
    deleted = [line for line in output.splitlines() if line.startswith("Deleted ")]
    assert sorted(line.partition(f"/{site.PRIVATE_BUCKET}/")[2] for line in deleted if site.PRIVATE_BUCKET in line) == [
        "a/orphan.txt",
        "c.txt",
        "orphan.txt",
    ]
    assert "3 orphaned objects deleted (21" in output
    assert "1 orphaned objects deleted (7" in output


def test_names_of_every_kind_are_recognised(run: Run, put: Put, keys: Keys) -> None:
    names = ["ü mlaut #1?.txt", "per%20cent+plus&.txt", "'quotes\".txt", "日本/ファイル.txt", "a" * 100]
    for name in names:
        Document.objects.create(plain=name)
    orphaned = [f"no {name}"[:100] for name in names]
    put(site.PRIVATE_BUCKET, *names, *orphaned)
    run(COMMAND, *NOW)
    assert keys(site.PRIVATE_BUCKET) == sorted([*names, KEPT])


def test_empty_folders_of_consoles_go_and_what_is_in_them_stays(run: Run, sdk: Minio, put: Put, keys: Keys) -> None:
    Document.objects.create(private="used/referred.txt")
    put(site.PRIVATE_BUCKET, "used/referred.txt", "used/orphan.txt")
    for key in ("used/", "used/deeper/", "empty/", "empty/deeper/"):
        sdk.put_object(bucket_name=site.PRIVATE_BUCKET, object_name=key, data=io.BytesIO(), length=0)
    run(COMMAND, *NOW, "--exclude", "*/")
    assert "used/deeper/" in keys(site.PRIVATE_BUCKET)
    run(COMMAND, *NOW)
    assert keys(site.PRIVATE_BUCKET) == [KEPT, "used/referred.txt"]
    assert "0 orphaned objects deleted" in run(COMMAND, *NOW)


def test_the_folder_of_a_location_goes_like_any_other(
    run: Run, sdk: Minio, put: Put, keys: Keys, archive: ModuleType
) -> None:
    """Without its location it has no name, and rows without a file have none either."""
    saved(archive.Located, file="kept.txt", inner="")
    saved(archive.Located, file="", inner="inner.txt")
    for key in ("media/", "media/inner/"):
        sdk.put_object(bucket_name=archive.LOCATED_BUCKET, object_name=key, data=io.BytesIO(), length=0)
    put(archive.LOCATED_BUCKET, "media/kept.txt", "media/inner/inner.txt", "media/orphan.txt")
    run(COMMAND, *NOW)
    assert keys(archive.LOCATED_BUCKET) == ["media/inner/inner.txt", "media/kept.txt"]


def test_a_dry_run_deletes_nothing_and_names_what_would_be(run: Run, put: Put, keys: Keys) -> None:
    put(site.PRIVATE_BUCKET, "orphan.txt")
    with requests_made() as made:
        output = run(COMMAND, "--dry-run", *NOW)
    assert keys(site.PRIVATE_BUCKET) == [KEPT, "orphan.txt"]
    assert set(made) == {"GET"}
    (line,) = [line for line in output.splitlines() if "orphan.txt" in line]
    assert line.startswith("Would delete ")
    assert "1 orphaned objects would be deleted" in output


def test_a_second_run_has_nothing_to_do(run: Run, put: Put) -> None:
    put(site.PRIVATE_BUCKET, "orphan.txt")
    run(COMMAND, *NOW)
    output = run(COMMAND, *NOW)
    assert "Deleted" not in output
    assert output.count(": 0 orphaned objects deleted") == 2


def test_a_thousand_orphans_cost_one_list_and_one_delete_request_each(run: Run, put: Put, keys: Keys) -> None:
    put(site.PRIVATE_BUCKET, *(f"orphan-{number}" for number in range(60)))
    with requests_made() as made:
        run(COMMAND, *NOW)
    assert sorted(made) == [*["GET"] * 4, "POST"]  # objects and unfinished uploads of two buckets
    assert keys(site.PRIVATE_BUCKET) == [KEPT]
