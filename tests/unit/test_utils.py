"""Look-ups in settings, dates as folder names, and errors."""

from __future__ import annotations

import datetime as dt
import errno
import pickle
import re
from unittest import mock

import pytest
from django.db import models
from django.test.utils import override_settings

import django_minio_backend
from django_minio_backend.errors import ConfigurationError, NoAvailableNameError, ObjectChangedError, ObjectExistsError
from django_minio_backend.models import get_iso_date, iso_date_prefix
from django_minio_backend.utils import get_setting, get_storages_setting
from tests.support.settings import BACKEND, entry, made_up, storages_set


def test_a_setting_is_looked_up() -> None:
    with override_settings(MINIO_OF_MINE="here"):
        assert get_setting("MINIO_OF_MINE") == "here"
    assert get_setting("MINIO_OF_MINE") is None
    assert get_setting("MINIO_OF_MINE", "else") == "else"


def test_a_setting_that_is_false_is_not_its_default() -> None:
    with override_settings(MINIO_OF_MINE=False):
        assert get_setting("MINIO_OF_MINE", "else") is False


def test_an_option_of_a_storage_is_looked_up() -> None:
    with storages_set(default=entry(made_up(MINIO_REGION="eu-west-1")), media=entry(made_up())):
        assert get_storages_setting("MINIO_REGION") == "eu-west-1"
        assert get_storages_setting("MINIO_REGION", "media") is None
        assert get_storages_setting("MINIO_REGION", storage="media", default="us-east-1") == "us-east-1"
        assert get_storages_setting("MINIO_ENDPOINT", "media") == "minio.test:9000"


def test_a_storage_without_options_has_the_defaults() -> None:
    with storages_set(default=entry(made_up()), bare={"BACKEND": BACKEND}):
        assert get_storages_setting("MINIO_REGION", "bare", "us-east-1") == "us-east-1"


def test_a_missing_alias_is_reported_with_the_existing_ones() -> None:
    with (
        storages_set(default=entry(made_up())),
        pytest.raises(ConfigurationError, match=r"STORAGES has no alias 'media'.*'staticfiles', 'default'"),
    ):
        get_storages_setting("MINIO_REGION", "media")


@pytest.mark.parametrize("use_tz", [True, False], ids=["aware", "naive"])
def test_todays_folder_is_the_iso_date_in_utc(*, use_tz: bool) -> None:
    before = dt.datetime.now(dt.UTC).date().isoformat()
    with override_settings(USE_TZ=use_tz, TIME_ZONE="Pacific/Kiritimati"):  # 14 hours ahead of UTC
        name = iso_date_prefix(mock.Mock(spec=models.Model), "photo.png")
        assert before <= get_iso_date() <= dt.datetime.now(dt.UTC).date().isoformat()
    assert re.fullmatch(r"\d{4}-\d\d-\d\d/photo\.png", name)


def test_the_version_is_one() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+(\.dev\d+|rc\d+)?", django_minio_backend.__version__)


def test_errors_of_names_are_those_of_python() -> None:
    assert issubclass(ObjectExistsError, FileExistsError)
    assert issubclass(ObjectChangedError, OSError)
    error = ObjectExistsError("photos", "photo.png")
    assert (error.errno, error.filename) == (errno.EEXIST, "photo.png")
    assert "already exists in bucket 'photos': 'photo.png'" in str(error)
    assert "'photo.png' in bucket 'photos' changed" in str(ObjectChangedError("photos", "photo.png"))


@pytest.mark.parametrize(
    "error",
    [
        ConfigurationError("one", "two"),
        ObjectExistsError("photos", "a.png"),
        NoAvailableNameError("photos", "a.png", "http://minio.test:9000", 100),
        ObjectChangedError("photos", "a"),
    ],
)
def test_errors_can_be_pickled(error: Exception) -> None:
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
    assert type(again) is type(error)
    assert str(again) == str(error)
