"""Errors of settings and of commands end with the page of the documentation that explains them."""

from __future__ import annotations

import pickle

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from django_minio_backend.errors import ConfigurationError, PrivatePublicMixedError
from django_minio_backend.management.escaped_output import command_error
from tests.support.settings import STATIC, entry, made_up, read, storages_set


def error_of(**options: object) -> ConfigurationError:
    with pytest.raises(ConfigurationError) as caught:
        read(**options)
    return caught.value


def last_line(error: Exception) -> str:
    return str(error).split("\n")[-1]


@pytest.mark.parametrize(
    ("options", "page"),
    [
        pytest.param({"MINIO_ENDPOINT": "http://a"}, "reference/options#minio_endpoint", id="wrong-value"),
        pytest.param({"MINIO_USE_HTTPS": None}, "reference/options#minio_use_https", id="missing"),
        pytest.param({"MINIO_ENDPONT": "a"}, "reference/options#minio_endpoint", id="misspelt"),
        pytest.param({"location": "a"}, "reference/options#minio_location", id="of-another-library"),
        pytest.param({"MINIO_STORAGE_MEDIA_BACKUP_BUCKET": "a"}, "reference/options", id="nothing-instead"),
        pytest.param({"metadata": 1}, "reference/options", id="lower-case"),
        pytest.param({"MINIO_ENDPOINT": "http://a", "MINIO_REGION": 1}, "reference/options", id="two-options"),
    ],
)
def test_an_error_of_options_ends_with_the_page_of_the_option(options: dict[str, object], page: str) -> None:
    error = error_of(**options)
    assert last_line(error) == f"docs: {page}"
    assert str(error).count("docs: ") == 1
    assert not any("docs: " in problem for problem in error.problems)


@pytest.mark.parametrize("kind", [ConfigurationError, PrivatePublicMixedError])
def test_a_pickled_error_of_options_names_its_page_once(kind: type[ConfigurationError]) -> None:
    error = kind("STORAGES['default']: MINIO_ENDPOINT is missing.")
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - pickled by this test
    assert (type(copy), str(copy), copy.problems) == (kind, str(error), error.problems)


@pytest.mark.parametrize(
    ("lines", "page"),
    [
        pytest.param(["'a': the bucket does not exist (NoSuchBucket)"], "how-to/troubleshoot#nosuchbucket", id="one"),
        pytest.param(["a (AccessDenied)", "b (NoSuchBucket)"], "how-to/troubleshoot", id="several-causes"),
        pytest.param(["a (AccessDenied)", "b (AccessDenied)"], "how-to/troubleshoot#accessdenied", id="twice"),
        pytest.param(["--min-age is empty"], "", id="no-page"),
    ],
)
def test_the_error_of_a_command_ends_with_the_page_of_its_cause(lines: list[str], page: str) -> None:
    assert str(command_error(*lines)) == "\n".join([*lines, *([f"docs: {page}"] if page else [])])


@pytest.mark.parametrize("command", ["initialize_buckets", "is_minio_available"])
def test_a_command_without_a_storage_leads_to_its_page(command: str) -> None:
    with storages_set(default=STATIC), pytest.raises(CommandError) as caught:
        call_command(command)
    assert last_line(caught.value) == "docs: how-to/troubleshoot#configurationerror"


def test_a_command_with_wrong_settings_leads_to_the_option() -> None:
    with storages_set(default=entry(made_up(MINIO_ENDPOINT="http://a"))), pytest.raises(ConfigurationError) as caught:
        call_command("initialize_buckets")
    assert last_line(caught.value) == "docs: reference/options#minio_endpoint"
