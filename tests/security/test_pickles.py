"""No pickle has a secret in it."""

from __future__ import annotations

import copy
import pickle

from django.core.files.storage import storages

from django_minio_backend.models import MinioBackend
from tests.support.reports import error_of
from tests.support.secret_options import SECRET, assert_hides_all, forms, given
from tests.support.settings import entry, storages_set


def test_a_storage_is_pickled_without_its_secrets() -> None:
    with storages_set(default=entry(given("minio.test", https=True))):
        for storage in (storages["default"], MinioBackend("papers")):
            pickled = pickle.dumps(storage)
            for name, form in forms().items():
                assert form.encode() not in pickled, name


def test_errors_of_pickling_hide_secrets() -> None:
    storage = MinioBackend(**given("minio.test", https=True))
    for attempt in (lambda: pickle.dumps(storage), lambda: pickle.dumps(storage.options)):
        error = error_of(attempt)
        assert isinstance(error, TypeError)
        assert_hides_all(error)


def test_options_can_be_copied_though_not_pickled() -> None:
    options = MinioBackend(**given("minio.test", https=True)).options
    assert copy.copy(options) == copy.deepcopy(options) == options
    assert copy.deepcopy({"secret": options.secret_key}) == {"secret": SECRET}
