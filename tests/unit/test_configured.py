"""All MinIO storages of STORAGES, checked and taken together."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
import urllib3
from django.apps import apps
from django.test.utils import override_settings

from django_minio_backend.aliases import minio_storages
from django_minio_backend.buckets.initialize import specs_by_client
from django_minio_backend.errors import ConfigurationError
from django_minio_backend.models import MinioBackend, MinioBackendStatic
from django_minio_backend.utils import PrivatePublicMixedError
from tests.support.settings import STATIC_BACKEND, entry, made_up, storages_set

if TYPE_CHECKING:
    from collections.abc import Mapping


class Archive(MinioBackend):
    """A storage class of a user's own."""


def wanted(storages: Mapping[str, MinioBackend]) -> dict[str, dict[str, bool]]:
    return {
        sharing[0].options.base_url(): {spec.name: spec.public for spec in specs}
        for sharing, specs in specs_by_client(storages.values(), minio_storages().values())
    }


def problems() -> list[str]:
    with pytest.raises(ConfigurationError) as told:
        minio_storages()
    return list(told.value.problems)


def test_ours_are_found_by_their_class_subclasses_included() -> None:
    with storages_set(
        default=entry(made_up()),
        archive=entry(made_up(MINIO_DEFAULT_BUCKET="archive"), f"{__name__}.Archive"),
        staticfiles=entry(made_up(), STATIC_BACKEND),
        local={"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": "/srv"}},
        memory={"BACKEND": "django.core.files.storage.InMemoryStorage"},
    ):
        found = minio_storages()
        assert {alias: type(storage) for alias, storage in found.items()} == {
            "default": MinioBackend,
            "archive": Archive,
            "staticfiles": MinioBackendStatic,
        }


def test_storages_of_others_are_none_of_ours() -> None:
    with storages_set(default={"BACKEND": "django.core.files.storage.InMemoryStorage"}):
        assert minio_storages() == {}


def test_options_of_another_library_alone_are_reported_with_what_to_write() -> None:
    options = {"access_key": "key", "secret_key": "hush", "endpoint_url": "http://minio.test", "default_acl": None}
    with storages_set(default=entry(options)):
        found = problems()
    assert "STORAGES['default']: access_key is not an option; write MINIO_ACCESS_KEY." in found
    assert "STORAGES['default']: secret_key is not an option; write MINIO_SECRET_KEY." in found
    assert any("endpoint_url is not an option; write MINIO_ENDPOINT" in problem for problem in found)
    assert "hush" not in "".join(found)


def test_incomplete_names_alone_are_reported_by_name() -> None:
    with storages_set(default=entry({"ENDPOINT": "minio.test"})):
        found = problems()
    assert "STORAGES['default']: ENDPOINT is not an option; did you mean MINIO_ENDPOINT?" in found


def test_problems_of_several_aliases_are_reported_together() -> None:
    with storages_set(
        default=entry(made_up(MINIO_ENDPOINT="https://minio.test")),
        media=entry(made_up(MINIO_REGIO="eu", MINIO_USE_HTTPS="no")),
        good=entry(made_up()),
        staticfiles=entry(made_up(MINIO_PRIVATE_BUCKETS=["both"], MINIO_PUBLIC_BUCKETS=["both"]), STATIC_BACKEND),
    ):
        found = problems()
    assert len(found) == 4
    assert [problem.partition(": ")[0] for problem in sorted(found)] == [
        "STORAGES['default']",
        "STORAGES['media']",
        "STORAGES['media']",
        "STORAGES['staticfiles']",
    ]


def test_the_app_reports_every_problem_when_django_starts() -> None:
    config = apps.get_app_config("django_minio_backend")
    with (
        storages_set(default=entry({"MINIO_ENDPOINT": "minio.test"}), media=entry({"MINIO_REGION": "eu west"})),
        pytest.raises(ConfigurationError) as told,
    ):
        config.ready()
    assert "STORAGES['default']: MINIO_USE_HTTPS is missing" in str(told.value)
    assert "STORAGES['media']: MINIO_REGION is 'eu west'" in str(told.value)


@pytest.mark.parametrize("alias", ["default", "media"])
def test_an_alias_without_options_is_reported(alias: str) -> None:
    others: dict[str, Any] = {"default": entry(made_up()), "media": entry(made_up(MINIO_DEFAULT_BUCKET="media"))}
    with storages_set({**others, alias: {"BACKEND": "django_minio_backend.models.MinioBackend"}}):
        (problem,) = problems()
    assert re.match(rf"STORAGES\['{alias}'\] has no .*OPTIONS", problem)


@pytest.mark.parametrize("wrong", [None, "django_minio_backend.models.MinioBackend", (entry(made_up()),)])
def test_an_entry_that_is_no_dictionary_is_reported_together_with_other_problems(wrong: Any) -> None:
    with override_settings(STORAGES={"default": wrong, "media": entry(made_up(MINIO_REGION="eu west"))}):
        entry_problem, other = problems()
    kind = type(wrong).__name__
    assert entry_problem == f"STORAGES['default'] is a {kind}, but must be a dictionary with BACKEND and OPTIONS."
    assert other.startswith("STORAGES['media']: MINIO_REGION")


@pytest.mark.parametrize("wrong", [(made_up(),), ["MINIO_ENDPOINT"], "MINIO_ENDPOINT"])
def test_options_that_are_no_dictionary_are_reported_without_their_content(wrong: Any) -> None:
    with storages_set(default=entry(wrong), media=entry(made_up(MINIO_DEFAULT_BUCKET="media"))):
        (problem,) = problems()
        with pytest.raises(
            ConfigurationError, match=r"STORAGES\['default'\] is not a dictionary with a dictionary as OPTIONS"
        ):
            MinioBackend(storage_name="default")
    assert problem == f"STORAGES['default']: OPTIONS is a {type(wrong).__name__}, but must be a dictionary."


def test_an_option_whose_name_is_no_string_is_reported() -> None:
    options: dict[Any, Any] = {**made_up(), 5: "five"}
    with storages_set(default=entry(options)):
        (problem,) = problems()
    assert problem == "STORAGES['default']: 5 is not an option."


# Buckets of several aliases


def test_a_bucket_public_in_one_alias_and_private_in_another_of_the_same_server_is_an_error() -> None:
    with (
        storages_set(
            default=entry(made_up(MINIO_PRIVATE_BUCKETS=["papers", "photos"])),
            media=entry(made_up(MINIO_PUBLIC_BUCKETS=["photos"], MINIO_DEFAULT_BUCKET="photos")),
        ),
        pytest.raises(PrivatePublicMixedError) as told,
    ):
        minio_storages()
    (problem,) = told.value.problems
    for part in ("'photos'", "http://minio.test:9000", "public in STORAGES['media']", "private in STORAGES['default']"):
        assert part in problem


def test_a_default_bucket_is_private_and_not_to_be_made_public_by_another_alias() -> None:
    with (
        storages_set(
            default=entry(made_up(MINIO_DEFAULT_BUCKET="photos")),
            media=entry(made_up(MINIO_PUBLIC_BUCKETS=["photos"], MINIO_DEFAULT_BUCKET="photos")),
        ),
        pytest.raises(PrivatePublicMixedError, match="'photos'"),
    ):
        minio_storages()


def test_mixed_buckets_are_reported_together_with_other_problems() -> None:
    with storages_set(
        default=entry(made_up(MINIO_PRIVATE_BUCKETS=["photos"])),
        media=entry(made_up(MINIO_PUBLIC_BUCKETS=["photos"], MINIO_DEFAULT_BUCKET="photos")),
        broken=entry(made_up(MINIO_REGION="")),
    ):
        found = problems()
    assert len(found) == 2


def test_one_name_on_two_servers_are_two_buckets() -> None:
    with storages_set(
        default=entry(made_up(MINIO_PRIVATE_BUCKETS=["photos"], MINIO_DEFAULT_BUCKET="photos")),
        media=entry(
            made_up(MINIO_ENDPOINT="else.test", MINIO_PUBLIC_BUCKETS=["photos"], MINIO_DEFAULT_BUCKET="photos")
        ),
    ):
        assert wanted(minio_storages()) == {
            "http://minio.test:9000": {"photos": False},
            "http://else.test": {"photos": True},
        }


def test_every_bucket_of_every_alias_is_wanted_once() -> None:
    with storages_set(
        default=entry(
            made_up(
                MINIO_PRIVATE_BUCKETS=["papers"],
                MINIO_PUBLIC_BUCKETS=["photos"],
                MINIO_POLICY_HOOKS=[("hooked", {"Version": "2012-10-17", "Statement": []})],
            )
        ),
        media=entry(made_up(MINIO_PRIVATE_BUCKETS=["papers"], MINIO_DEFAULT_BUCKET="media")),
        staticfiles=entry(made_up(MINIO_STATIC_FILES_BUCKET="assets"), STATIC_BACKEND),
    ):
        assert wanted(minio_storages()) == {
            "http://minio.test:9000": {
                "papers": False,
                "photos": True,
                "auto-generated-bucket-media-files": False,
                "hooked": False,
                "media": False,
                "assets": True,
            }
        }


def test_the_bucket_of_static_files_is_public_even_where_a_media_alias_lists_it_private() -> None:
    with storages_set(
        default=entry(made_up(MINIO_PRIVATE_BUCKETS=["assets"], MINIO_STATIC_FILES_BUCKET="assets")),
        staticfiles=entry(made_up(MINIO_STATIC_FILES_BUCKET="assets"), STATIC_BACKEND),
    ):
        assert wanted(minio_storages())["http://minio.test:9000"]["assets"] is True


def test_the_bucket_of_static_files_is_public_whatever_account_or_pool_reaches_it() -> None:
    with storages_set(
        default=entry(made_up(MINIO_PRIVATE_BUCKETS=["assets"])),
        other=entry(made_up(MINIO_PRIVATE_BUCKETS=["assets"], MINIO_HTTP_CLIENT=urllib3.PoolManager())),
        staticfiles=entry(made_up(MINIO_STATIC_FILES_BUCKET="assets", MINIO_ACCESS_KEY="else"), STATIC_BACKEND),
    ):
        accounts = specs_by_client(minio_storages().values(), [])
    assert [[bucket.public for bucket in buckets if bucket.name == "assets"] for _, buckets in accounts] == [[True]] * 3


def test_the_bucket_of_static_files_is_public_where_only_another_alias_is_looked_at() -> None:
    with storages_set(
        default=entry(made_up(MINIO_PRIVATE_BUCKETS=["assets"])),
        staticfiles=entry(made_up(MINIO_STATIC_FILES_BUCKET="assets"), STATIC_BACKEND),
    ):
        media = {"default": minio_storages()["default"]}
        assert wanted(media) == {"http://minio.test:9000": {"assets": True, "auto-generated-bucket-media-files": False}}


def test_the_bucket_of_static_files_in_a_media_alias_is_not_wanted_there() -> None:
    with storages_set(default=entry(made_up(MINIO_STATIC_FILES_BUCKET="assets"))):
        assert "assets" not in wanted(minio_storages())["http://minio.test:9000"]


def test_a_hook_wins_over_every_other_alias() -> None:
    hook = {"Version": "2012-10-17", "Statement": []}
    with storages_set(
        default=entry(made_up(MINIO_PUBLIC_BUCKETS=["photos"])),
        media=entry(made_up(MINIO_PUBLIC_BUCKETS=["photos"], MINIO_POLICY_HOOKS=[("photos", hook)])),
        more=entry(made_up(MINIO_PUBLIC_BUCKETS=["photos"])),
    ):
        ((_, buckets),) = specs_by_client(minio_storages().values(), [])
        assert {bucket.name: bucket.hook for bucket in buckets}["photos"] == hook
