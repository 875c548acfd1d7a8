"""What migrations, pickles and copies keep of a storage: bucket and alias."""

from __future__ import annotations

import copy
import pickle
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.core.files.storage import storages
from django.db import models
from django.db.migrations.autodetector import MigrationAutodetector
from django.db.migrations.questioner import NonInteractiveMigrationQuestioner
from django.db.migrations.state import ModelState, ProjectState
from django.db.migrations.writer import MigrationWriter
from django.test.utils import isolate_apps

from django_minio_backend.models import MinioBackend, MinioBackendStatic, iso_date_prefix
from tests.support.settings import STATIC_BACKEND, entry, made_up, storages_set

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from django.core.files.storage import Storage
    from django.db.migrations import Migration


class Photos(MinioBackend):
    """A storage class of a user's own."""


def of_no_alias() -> MinioBackend:
    return MinioBackend("papers", **made_up(MINIO_URL_EXPIRY_HOURS=timedelta(hours=2), MINIO_PUBLIC_BUCKETS=["photos"]))


def papers() -> MinioBackend:
    return MinioBackend(bucket_name="papers", storage_name="default")


WAYS: dict[str, Callable[[], Any]] = {
    "bucket": lambda: MinioBackend("papers"),
    "bucket and alias": lambda: MinioBackend(bucket_name="papers", storage_name="media"),
    "options on top": lambda: MinioBackend("papers", "media", replace_existing=True, MINIO_LOCATION="x"),
    "alias of storages": lambda: storages["media"],
    "alias with a bucket": lambda: storages["boxed"],
    "static": lambda: storages["staticfiles"],
    "static bucket": lambda: MinioBackendStatic("assets"),
    "subclass": lambda: Photos("papers"),
    "callable": lambda: papers,
    "callable without an alias": lambda: of_no_alias,
}


@pytest.fixture(autouse=True)
def aliases() -> Iterator[None]:
    with storages_set(
        default=entry(made_up()),
        media=entry(made_up(MINIO_ENDPOINT="media.test", MINIO_DEFAULT_BUCKET="photos")),
        boxed=entry(made_up(bucket_name="box", replace_existing=True)),
        staticfiles=entry(made_up(MINIO_STATIC_FILES_BUCKET="assets"), STATIC_BACKEND),
    ):
        yield


def state_with(storage: Any) -> ProjectState:
    with isolate_apps("tests.app"):

        class Paper(models.Model):
            file = models.FileField(storage=storage, upload_to=iso_date_prefix)

            class Meta:
                app_label = "papers"

            def __str__(self) -> str:
                return str(self.file)

    state = ProjectState()
    state.add_model(ModelState.from_model(Paper))
    return state


def changes(before: ProjectState, after: ProjectState) -> list[Migration]:
    questioner = NonInteractiveMigrationQuestioner(specified_apps={"papers"}, dry_run=True)
    detector = MigrationAutodetector(before, after, questioner)
    found = detector.changes(graph=_NoGraph())  # type: ignore[arg-type]  # nothing was migrated so far
    return found.get("papers", [])


class _NoGraph:
    nodes = frozenset[tuple[str, str]]()

    def leaf_nodes(self, app: str | None = None) -> list[tuple[str, str]]:  # noqa: ARG002 - Django's signature
        return []


def written(migration: Migration) -> str:
    return MigrationWriter(migration, include_header=False).as_string()


def loaded(text: str) -> ProjectState:
    names: dict[str, Any] = {}
    exec(compile(text, "0001_initial.py", "exec"), names)  # noqa: S102 - as Django does with the file
    migration: Migration = names["Migration"]("0001_initial", "papers")
    return migration.mutate_state(ProjectState())


# deconstruct


@pytest.mark.parametrize(
    ("way", "path", "kept"),
    [
        ("bucket", "django_minio_backend.models.MinioBackend", {"bucket_name": "papers", "storage_name": "default"}),
        (
            "bucket and alias",
            "django_minio_backend.models.MinioBackend",
            {"bucket_name": "papers", "storage_name": "media"},
        ),
        (
            "options on top",
            "django_minio_backend.models.MinioBackend",
            {"bucket_name": "papers", "storage_name": "media"},
        ),
        ("alias of storages", "django_minio_backend.models.MinioBackend", {"storage_name": "media"}),
        ("static", "django_minio_backend.models.MinioBackendStatic", {"storage_name": "staticfiles"}),
        ("subclass", f"{__name__}.Photos", {"bucket_name": "papers", "storage_name": "default"}),
    ],
)
def test_a_storage_deconstructs_to_bucket_and_alias(way: str, path: str, kept: dict[str, str]) -> None:
    assert WAYS[way]().deconstruct() == (path, [], kept)


def test_a_storage_of_no_alias_keeps_its_options_less_the_secret_ones() -> None:
    path, arguments, kept = of_no_alias().deconstruct()
    assert (path, arguments) == ("django_minio_backend.models.MinioBackend", [])
    assert kept == {
        "storage_name": "",
        "bucket_name": "papers",
        "MINIO_ENDPOINT": "minio.test:9000",
        "MINIO_ACCESS_KEY": "someone",
        "MINIO_USE_HTTPS": False,
        "MINIO_URL_EXPIRY_HOURS": timedelta(hours=2),
        "MINIO_PUBLIC_BUCKETS": ["photos"],
    }


# Migrations


@pytest.mark.parametrize("way", WAYS)
def test_a_field_is_written_to_a_migration_that_can_be_loaded_and_finds_no_change(way: str) -> None:
    now = state_with(WAYS[way]())
    (first,) = changes(ProjectState(), now)
    text = written(first)
    assert "hush" not in text
    assert changes(loaded(text), state_with(WAYS[way]())) == []


def test_a_field_with_a_storage_of_no_alias_finds_no_change_in_a_second_run() -> None:
    (first,) = changes(ProjectState(), state_with(of_no_alias()))
    text = written(first)
    assert "hush" not in text
    assert changes(loaded(text), state_with(of_no_alias())) == []


def test_another_bucket_is_a_change() -> None:
    (first,) = changes(ProjectState(), state_with(MinioBackend("papers")))
    assert len(changes(loaded(written(first)), state_with(MinioBackend("photos")))) == 1


def test_another_alias_is_a_change() -> None:
    (first,) = changes(ProjectState(), state_with(MinioBackend("papers", "default")))
    assert len(changes(loaded(written(first)), state_with(MinioBackend("papers", "media")))) == 1


def test_a_migration_names_the_promised_paths() -> None:
    (first,) = changes(ProjectState(), state_with(MinioBackend("papers")))
    text = written(first)
    expected = "django_minio_backend.models.MinioBackend(bucket_name='papers', storage_name='default')"
    assert expected in text
    assert "upload_to=django_minio_backend.models.iso_date_prefix" in text


def test_another_endpoint_in_settings_is_no_change() -> None:
    (first,) = changes(ProjectState(), state_with(storages["media"]))
    text = written(first)
    with storages_set(default=entry(made_up()), media=entry(made_up(MINIO_ENDPOINT="production.test"))):
        assert changes(loaded(text), state_with(storages["media"])) == []


# Pickles and copies


@pytest.mark.parametrize("way", [way for way in WAYS if not way.startswith("callable")])
@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickled_storage_comes_back_with_the_same_options(way: str, protocol: int) -> None:
    storage = WAYS[way]()
    pickled = pickle.dumps(storage, protocol)
    assert b"hush" not in pickled
    again = pickle.loads(pickled)  # noqa: S301 - our own
    assert type(again) is type(storage)
    assert again.options == storage.options


def test_a_pickle_is_read_with_the_settings_of_the_process_that_reads_it() -> None:
    pickled = pickle.dumps(MinioBackend("papers"))
    with storages_set(default=entry(made_up(MINIO_ENDPOINT="production.test"))):
        assert pickle.loads(pickled).base_url == "http://production.test"  # noqa: S301 - our own


@pytest.mark.parametrize(
    "storage",
    [of_no_alias, lambda: MinioBackend("papers", "default", MINIO_SECRET_KEY="hush")],
    ids=["no alias", "a secret on top"],
)
def test_pickling_what_only_secrets_could_bring_back_is_an_error_that_says_what_to_do(
    storage: Callable[[], Storage],
) -> None:
    with pytest.raises(TypeError, match="Give the field a callable") as caught:
        pickle.dumps(storage())
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize("way", [way for way in WAYS if not way.startswith("callable")])
@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy])
def test_a_copy_has_the_same_options_and_clients(way: str, copied: Callable[[Any], Any]) -> None:
    storage = WAYS[way]()
    again = copied(storage)
    assert again.options == storage.options
    assert again.client is storage.client


def test_a_storage_of_no_alias_can_be_copied() -> None:
    storage = of_no_alias()
    assert copy.deepcopy({"storage": [storage]})["storage"][0].options == storage.options
