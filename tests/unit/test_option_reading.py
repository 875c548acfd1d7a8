"""From STORAGES and calls to options: where they come from, and how their problems are told."""

from __future__ import annotations

import copy
import os
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

import django
import pytest
from django.core.checks import run_checks
from django.core.files.storage import storages
from django.test.utils import override_settings
from minio.credentials.providers import StaticProvider

from django_minio_backend.aliases import check_settings
from django_minio_backend.errors import ConfigurationError
from django_minio_backend.models import MinioBackend, MinioBackendStatic
from django_minio_backend.options.fields import FIELDS
from django_minio_backend.options.reading import read_options
from django_minio_backend.utils import PrivatePublicMixedError
from tests.support.settings import BACKEND, STATIC_BACKEND, entry, made_up, read, storages_set, value_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TOP_LEVEL: list[tuple[str, Any, Any]] = [
    ("MINIO_URL_CACHING_ENABLED", True, False),
    ("MINIO_URL_CACHE_TIMEOUT", 600, 60),
    ("MINIO_URL_CACHE_PREFIX", "top_", "own_"),
    ("MINIO_BUCKET_CHECK_ON_SAVE", True, False),
    ("MINIO_CONSISTENCY_CHECK_ON_START", True, False),
]
REQUIRED = ["MINIO_ENDPOINT", "MINIO_ACCESS_KEY", "MINIO_SECRET_KEY", "MINIO_USE_HTTPS"]


def problems_of(options: dict[str, Any], alias: str = "default") -> list[str]:
    with pytest.raises(ConfigurationError) as told:
        read_options(options, alias)
    return list(told.value.problems)


# Names


def test_a_wrong_secret_is_reported_without_its_value() -> None:
    assert "STORAGES['default']: MINIO_SECRET_KEY must be a string that is not empty." in problems_of(
        made_up(MINIO_SECRET_KEY=b"hush")
    )


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("MINIO_END_POINT", "MINIO_ENDPOINT"),
        ("MINIO_ACCESKEY", "MINIO_ACCESS_KEY"),
        ("MINIO_SECRETKEY", "MINIO_SECRET_KEY"),
        ("MINIO_URL_EXPIRY", "MINIO_URL_EXPIRY_HOURS"),
        ("MINIO_PRIVATE_BUCKET", "MINIO_PRIVATE_BUCKETS"),
        ("MINIO_USE_HTTP", "MINIO_USE_HTTPS"),
        ("minio_regoin", "MINIO_REGION"),
        ("replace_exsting", "replace_existing"),
        ("bucketname", "bucket_name"),
        ("num_parallel_upload", "num_parallel_uploads"),
        ("meta_data", "metadata"),
    ],
)
def test_an_unknown_name_suggests_the_nearest_known_one(wrong: str, right: str) -> None:
    assert problems_of(made_up(**{wrong: "value"})) == [
        f"STORAGES['default']: {wrong} is not an option; did you mean {right}?"
    ]


def lower_case(options: dict[str, Any]) -> dict[str, Any]:
    return {name.lower(): value for name, value in options.items()}


def test_names_are_accepted_in_any_case() -> None:
    assert value_of(read(minio_region="eu-west-1", Replace_Existing=True), "MINIO_REGION") == "eu-west-1"
    assert value_of(read(minio_region="eu-west-1", Replace_Existing=True), "replace_existing") is True
    assert read_options(lower_case(made_up()), "default") == read()


@pytest.mark.parametrize("given", [made_up, lambda: lower_case(made_up())], ids=["as written", "lower-case"])
@pytest.mark.parametrize("set_as", [made_up, lambda: lower_case(made_up())], ids=["set as written", "set lower-case"])
def test_a_call_with_the_options_of_an_alias_in_another_case_is_that_alias(
    given: Callable[[], dict[str, Any]], set_as: Callable[[], dict[str, Any]]
) -> None:
    with storages_set(default=entry(made_up(MINIO_LOCATION="media")), dbbackup=entry(set_as())):
        check_settings()
        storage = MinioBackend(**given())
        assert storage.options == read_options(made_up(), "dbbackup")
        assert storage.deconstruct()[2] == {"storage_name": "dbbackup"}
        assert MinioBackend(storage_name="dbbackup", minio_location="a").options.location == "a"
        assert cast("MinioBackend", storages["dbbackup"]).options == storage.options


@pytest.mark.parametrize(
    "given",
    [{"MINIO_REGION": "a", "minio_region": "b"}, {"minio_region": "a", "Minio_Region": "b"}],
    ids=["as written and lower-case", "two other cases"],
)
def test_one_option_in_two_cases_is_an_error(given: dict[str, Any]) -> None:
    wrong = [name for name in given if name != "MINIO_REGION"]
    problems = [f"STORAGES['default']: MINIO_REGION is set twice, also as {name}; keep one." for name in wrong]
    assert problems_of(made_up(**given)) == problems
    with pytest.raises(ConfigurationError, match="MINIO_REGION is set twice, also as"):
        MinioBackend(**made_up(**given))


def test_a_bucket_that_is_given_by_position_and_by_name_in_another_case_is_an_error() -> None:
    with pytest.raises(ConfigurationError, match="bucket_name is set twice, also as Bucket_Name; keep one"):
        MinioBackend("photos", **made_up(Bucket_Name="papers"))


def test_a_name_like_no_other_suggests_nothing() -> None:
    assert problems_of(made_up(quux=1)) == ["STORAGES['default']: quux is not an option."]


def test_a_call_with_an_unknown_keyword_is_a_configuration_error() -> None:
    with pytest.raises(ConfigurationError, match="replace_exsting is not an option; did you mean replace_existing"):
        MinioBackend(**made_up(replace_exsting=True))


def test_the_value_of_an_unknown_name_is_not_shown() -> None:
    assert "hush" not in problems_of(made_up(MINIO_SECRETKEY="hush"))[0]


# What is missing or does not go together


@pytest.mark.parametrize("name", REQUIRED)
@pytest.mark.parametrize("absent", ["left out", "None"])
def test_a_missing_option_is_reported(name: str, absent: str) -> None:
    options = made_up(**{name: None})
    if absent == "left out":
        del options[name]
    (problem,) = problems_of(options)
    assert problem.startswith(f"STORAGES['default']: {name} is missing")


def test_the_region_is_never_asked_for() -> None:
    assert read().region == "us-east-1"


def test_none_counts_as_not_given() -> None:
    everything = dict.fromkeys(FIELDS)  # as os.environ.get() returns it
    assert read(**{**everything, **made_up()}) == read()


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ({"MINIO_EXTERNAL_ENDPOINT": "files.test"}, "MINIO_EXTERNAL_ENDPOINT_USE_HTTPS"),
        ({"MINIO_EXTERNAL_ENDPOINT_USE_HTTPS": True}, "MINIO_EXTERNAL_ENDPOINT"),
        ({"MINIO_EXTERNAL_ENDPOINT_USE_HTTPS": False}, "MINIO_EXTERNAL_ENDPOINT"),
    ],
)
def test_half_an_external_endpoint_is_reported(given: dict[str, Any], missing: str) -> None:
    (problem,) = problems_of(made_up(**given))
    assert "come together; one is missing" in problem
    assert missing in problem


def test_a_provider_together_with_keys_is_reported() -> None:
    (problem,) = problems_of(made_up(MINIO_CREDENTIALS=StaticProvider("someone", "hush")))
    assert "MINIO_CREDENTIALS is set together with MINIO_ACCESS_KEY" in problem


def test_all_problems_of_a_storage_are_reported_at_once() -> None:
    problems = problems_of(
        {
            "MINIO_ENDPOINT": "https://minio.test",
            "MINIO_SECRET_KEY": "hush",
            "MINIO_URL_EXPIRY_HOURS": 200,
            "MINIO_PRIVATE_BUCKETS": ["photos"],
            "MINIO_PUBLIC_BUCKETS": ["photos"],
            "MINIO_EXTERNAL_ENDPOINT": "files.test",
            "MINIO_MULTIPART": True,
            "replace_existing": "yes",
        },
        "media",
    )
    found = "\n".join(problems)
    for name in (
        "MINIO_ENDPOINT is 'https://minio.test'",
        "MINIO_ACCESS_KEY is missing",
        "MINIO_USE_HTTPS is missing",
        "MINIO_URL_EXPIRY_HOURS is 200",
        "bucket 'photos' is in both",
        "come together",
        "did you mean MINIO_MULTIPART_UPLOAD",
        "replace_existing is 'yes'",
    ):
        assert name in found
    assert len(problems) == 8
    assert all(problem.startswith("STORAGES['media']: ") for problem in problems)


def test_the_message_of_an_error_has_every_problem() -> None:
    with pytest.raises(ConfigurationError) as told:
        read_options({}, "default")
    assert str(told.value).splitlines()[:-1] == list(told.value.problems)


def test_a_bucket_in_both_lists_is_an_error_of_its_own() -> None:
    with pytest.raises(PrivatePublicMixedError, match=r"STORAGES\['default'\]: bucket 'photos' is in both"):
        read(MINIO_PRIVATE_BUCKETS=["papers", "photos"], MINIO_PUBLIC_BUCKETS=["photos", "leaflets"])


def test_a_bucket_in_neither_list_is_private() -> None:
    storage = MinioBackend("papers", **made_up(MINIO_PUBLIC_BUCKETS=["photos"]))
    assert not storage.is_bucket_public
    assert MinioBackend("photos", **made_up(MINIO_PUBLIC_BUCKETS=["photos"])).is_bucket_public


def test_what_the_user_gave_is_never_changed() -> None:
    given = made_up(
        MINIO_PRIVATE_BUCKETS=["papers", "papers"],
        MINIO_PUBLIC_BUCKETS=["photos"],
        MINIO_POLICY_HOOKS=[("photos", {"Version": "2012-10-17", "Statement": []})],
        MINIO_LOCATION="/media/",
        MINIO_PUBLIC_BASE_URL={"photos": "https://cdn.test/"},
        metadata={"a": "b"},
    )
    before = copy.deepcopy(given)
    with storages_set(default=entry(given)):
        storage = storages["default"]
        assert isinstance(storage, MinioBackend)
        storage.PRIVATE_BUCKETS.append("more")
        storage.PUBLIC_BUCKETS.append("more")
        storage.bucket_specs()
        storage.validate_settings()
    assert given == before


def test_options_cannot_be_changed() -> None:
    with pytest.raises(AttributeError, match="cannot be changed: region"):
        read().region = "eu-west-1"


def test_later_changes_of_a_users_list_change_nothing() -> None:
    buckets = ["papers"]
    options = read(MINIO_PRIVATE_BUCKETS=buckets)
    buckets.append("photos")
    assert options.private_buckets == ("papers",)


# The top level of settings


@pytest.mark.parametrize(("name", "top", "own"), TOP_LEVEL)
def test_an_option_is_read_from_options_first_and_then_from_the_top_level(name: str, top: object, own: object) -> None:
    with override_settings(**{name: top}):
        assert value_of(read(), name) == top
        assert value_of(read(**{name: own}), name) == own
        assert value_of(read(**{name: None}), name) == top


def test_the_timeout_at_the_top_level_is_checked_as_well() -> None:
    with override_settings(MINIO_URL_CACHE_TIMEOUT="soon"):
        (problem,) = problems_of(made_up())
    assert "MINIO_URL_CACHE_TIMEOUT is 'soon', but must be" in problem


@pytest.mark.parametrize(("name", "value"), [("MINIO_ENDPOINT", "other.test"), ("MINIO_REGION", "eu-west-1")])
def test_no_other_option_is_read_from_the_top_level(name: str, value: str) -> None:
    with override_settings(**{name: value}):
        assert value_of(read(), name) != value


# The three ways to get options


def test_a_storage_of_storages_has_its_own_options_alone() -> None:
    with storages_set(
        default=entry(made_up(MINIO_REGION="eu-west-1", MINIO_LOCATION="leaks", MINIO_DEFAULT_BUCKET="leaks")),
        media=entry(made_up(MINIO_ENDPOINT="media.test", MINIO_PUBLIC_BUCKETS=["photos"])),
    ):
        storage = storages["media"]
        assert isinstance(storage, MinioBackend)
        assert storage.options == read_options(
            made_up(MINIO_ENDPOINT="media.test", MINIO_PUBLIC_BUCKETS=["photos"]), "media"
        )


def test_a_call_with_an_alias_takes_its_options_with_what_is_given_on_top() -> None:
    with storages_set(
        default=entry(made_up()), media=entry(made_up(MINIO_ENDPOINT="media.test", MINIO_LOCATION="files"))
    ):
        storage = MinioBackend("papers", "media", MINIO_LOCATION="else", replace_existing=True)
        assert storage.base_url == "http://media.test"
        assert (storage.bucket, storage.options.location, storage.options.alias) == ("papers", "else", "media")
        assert storage.replace_existing


def test_a_call_with_nothing_is_the_default_storage() -> None:
    with storages_set(default=entry(made_up(MINIO_DEFAULT_BUCKET="papers"))):
        assert MinioBackend().bucket == "papers"
        assert MinioBackend().options.alias == "default"
        assert MinioBackend("photos").bucket == "photos"


def test_a_static_storage_made_with_nothing_is_the_one_of_staticfiles() -> None:
    with storages_set(
        default=entry(made_up()), staticfiles=entry(made_up(MINIO_STATIC_FILES_BUCKET="assets"), STATIC_BACKEND)
    ):
        assert MinioBackendStatic().bucket == "assets"
        assert MinioBackendStatic().options.alias == "staticfiles"


def test_a_call_with_all_options_asks_no_settings() -> None:
    with storages_set(default={"BACKEND": "django.core.files.storage.FileSystemStorage"}):
        storage = MinioBackend("papers", **made_up())
        assert (storage.bucket, storage.options.alias) == ("papers", "")


def test_an_instance_knows_its_alias_by_its_options() -> None:
    with storages_set(
        default=entry(made_up()),
        media=entry(made_up(MINIO_ENDPOINT="media.test")),
        more=entry(made_up(bucket_name="b4u")),
    ):
        found = {alias: storages[alias] for alias in ("default", "media", "more")}
        assert {
            alias: storage.options.alias for alias, storage in found.items() if isinstance(storage, MinioBackend)
        } == {alias: alias for alias in found}


def test_aliases_with_the_same_options_are_distinguished_by_their_class() -> None:
    with storages_set(default=entry(made_up()), staticfiles=entry(made_up(), STATIC_BACKEND)):
        default, static = storages["default"], storages["staticfiles"]
        assert isinstance(default, MinioBackend)
        assert isinstance(static, MinioBackendStatic)
        assert (default.options.alias, static.options.alias) == ("default", "staticfiles")


@pytest.mark.parametrize(
    ("alias", "problem"),
    [
        ("nowhere", "STORAGES has no alias 'nowhere'"),
        ("bare", f"STORAGES['bare'] is {BACKEND} without any MINIO_* option"),
        ("files", "STORAGES['files'] is django.core.files.storage.FileSystemStorage without any MINIO_* option"),
    ],
)
def test_an_alias_of_no_minio_storage_is_reported_with_the_minio_aliases(alias: str, problem: str) -> None:
    files = {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": "/srv/files"}}
    with (
        storages_set(default=entry(made_up()), media=entry(made_up()), files=files, bare={"BACKEND": BACKEND}),
        pytest.raises(ConfigurationError) as told,
    ):
        MinioBackend(storage_name=alias)
    assert problem in str(told.value)
    assert "'default', 'media'" in str(told.value)


def test_settings_without_any_minio_storage_are_reported() -> None:
    with (
        storages_set(default={"BACKEND": "django.core.files.storage.InMemoryStorage"}),
        pytest.raises(ConfigurationError) as told,
    ):
        MinioBackend(bucket_name="documents", storage_name="default")
    assert told.value.problems[0] == (
        "STORAGES['default'] is django.core.files.storage.InMemoryStorage without any MINIO_* option, so it is no "
        "MinIO storage, but MinioBackend(...) takes its server from there. Let the function of the field return "
        "storages['default'] instead, which is whatever BACKEND that alias has; a bucket of its own needs an alias of "
        "its own in STORAGES. MinIO storages in STORAGES: none."
    )


@pytest.mark.parametrize("name", ["storage", "alias", "storage_nam", "STORAGE_NAME"])
def test_a_mistake_in_a_call_is_not_said_to_be_in_the_settings(name: str) -> None:
    with storages_set(default=entry(made_up())), pytest.raises(ConfigurationError) as told:
        MinioBackend(**{"bucket_name": "documents", name: "x"})
    assert told.value.problems == (f"The call MinioBackend(...): {name} is not an option; did you mean storage_name?",)


def test_values_of_a_call_and_of_the_settings_are_distinguished() -> None:
    with storages_set(default=entry(made_up(MINIO_REGION=5))), pytest.raises(ConfigurationError) as told:
        MinioBackend(bucket_name="Documents", storage_name="default", http_client="none")
    assert sorted(line.partition(" must ")[0].partition(" is ")[0] for line in told.value.problems) == [
        "STORAGES['default']: MINIO_REGION",
        "The call MinioBackend(...): MINIO_HTTP_CLIENT",
        "The call MinioBackend(...): bucket_name",
    ]


SETTINGS_OF_3 = {
    "MINIO_ENDPOINT": "minio.test",
    "DEFAULT_FILE_STORAGE": BACKEND,
    "STATICFILES_STORAGE": STATIC_BACKEND,
}


@pytest.fixture(params=SETTINGS_OF_3)
def setting_of_3(request: pytest.FixtureRequest) -> Iterator[str]:
    setting: str = request.param
    if django.VERSION < (5, 1) and not setting.startswith("MINIO_"):
        pytest.skip("This Django reads the setting, and refuses it next to STORAGES.")
    with override_settings(**{setting: SETTINGS_OF_3[setting]}):
        yield setting


def test_settings_of_3_lead_to_the_guide(setting_of_3: str) -> None:
    told = f"{setting_of_3} is a setting of 3.x: see 'Settings of 3.x' in MIGRATIONS.md"
    with storages_set(default={"BACKEND": BACKEND}):
        with pytest.raises(ConfigurationError, match=told):
            check_settings()
        with pytest.raises(ConfigurationError, match=told):
            MinioBackend(bucket_name="documents")
    with storages_set(default={"BACKEND": "django.core.files.storage.FileSystemStorage"}):
        (warning,) = [found for found in run_checks(tags=["minio"]) if found.id == "minio.W010"]
        assert told in warning.msg


def test_a_setting_that_storages_are_made_of_is_no_setting_of_3() -> None:
    with override_settings(MINIO_ENDPOINT="minio.test"), storages_set(default=entry(made_up())):
        assert not [found for found in run_checks(tags=["minio"]) if found.id == "minio.W010"]


def test_validate_settings_checks_against_the_settings_as_they_are_now() -> None:
    with storages_set(default=entry(made_up())):
        storage = MinioBackend("papers")
        storage.validate_settings()
    with (
        storages_set(default=entry(made_up(MINIO_URL_EXPIRY_HOURS=timedelta(days=8)))),
        pytest.raises(ConfigurationError, match="MINIO_URL_EXPIRY_HOURS"),
    ):
        storage.validate_settings()


def test_options_from_an_environment_without_them_are_reported_as_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_SUCH_ENDPOINT", raising=False)
    (problem,) = problems_of(made_up(MINIO_ENDPOINT=os.environ.get("NO_SUCH_ENDPOINT")))
    assert "MINIO_ENDPOINT is missing: host[:port] of the server" in problem
