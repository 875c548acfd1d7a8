"""How many requests each operation costs: they are what users wait for and pay."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.core.files.base import ContentFile

from django_minio_backend.models import MinioBackend
from tests.support.wire import requests_made

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def name(storage: MinioBackend) -> str:
    return storage.save("small.txt", ContentFile(b"small"))


@pytest.mark.parametrize(
    ("operation", "budget"),
    [
        (MinioBackend.exists, ["HEAD"]),
        (MinioBackend.size, ["HEAD"]),
        (MinioBackend.get_modified_time, ["HEAD"]),
        (MinioBackend.stat, ["HEAD"]),
        (MinioBackend.delete, ["DELETE"]),
        (MinioBackend.url, []),
    ],
)
def test_a_question_about_an_object_is_one_request(
    storage: MinioBackend, name: str, operation: Callable[[MinioBackend, str], object], budget: list[str]
) -> None:
    with requests_made() as made:
        operation(storage, name)
    assert made == budget


@pytest.mark.parametrize("operation", [MinioBackend.exists, MinioBackend.delete])
def test_a_missing_object_costs_no_more(
    storage: MinioBackend, operation: Callable[[MinioBackend, str], object]
) -> None:
    with requests_made() as made:
        operation(storage, "missing.txt")
    assert len(made) == 1


def test_the_url_of_a_public_object_costs_no_request(minio_options: dict[str, Any], bucket: str) -> None:
    storage = MinioBackend(**{**minio_options, "MINIO_PRIVATE_BUCKETS": [], "MINIO_PUBLIC_BUCKETS": [bucket]})
    with requests_made() as made:
        storage.url("any.txt")
    assert made == []


def test_reading_a_small_object_is_one_request_its_size_included(storage: MinioBackend, name: str) -> None:
    with requests_made() as made, storage.open(name) as file:
        assert file.size == 5
        assert file.read() == b"small"
    assert made == ["GET"]


def test_reading_an_empty_object_is_one_request_and_one_for_its_size(storage: MinioBackend) -> None:
    name = storage.save("empty", ContentFile(b""))
    with requests_made() as made, storage.open(name) as file:
        assert file.read() == b""
        assert file.size == 0
    assert len(made) <= 2  # the response to a range of an empty object is an error without a size


def test_listing_a_folder_is_one_request(storage: MinioBackend, name: str) -> None:
    with requests_made() as made:
        assert storage.listdir("") == ([], [name])
    assert made == ["GET"]


def test_saving_looks_for_the_name_and_stores(storage: MinioBackend) -> None:
    with requests_made() as made:
        storage.save("new.txt", ContentFile(b"new"))
    assert made == ["HEAD", "PUT"]
    assert made[1].headers["If-None-Match"] == "*"


def test_saving_under_an_existing_name_sends_one_more_head(storage: MinioBackend, name: str) -> None:
    with requests_made() as made:
        storage.save(name, ContentFile(b"other"))
    assert made == ["HEAD", "HEAD", "PUT"]


def test_replacing_is_one_unconditional_request(minio_options: dict[str, Any], name: str) -> None:
    storage = MinioBackend(**minio_options, replace_existing=True)
    with requests_made() as made:
        assert storage.save(name, ContentFile(b"replaced")) == name
    assert made == ["PUT"]
    assert "If-None-Match" not in made[0].headers


def test_saving_on_a_server_with_conditional_writes_is_one_request(minio_options: dict[str, Any]) -> None:
    storage = MinioBackend(**minio_options, MINIO_CONDITIONAL_WRITES=True)
    with requests_made() as made:
        storage.save("new.txt", ContentFile(b"new"))
    assert made == ["PUT"]
    assert made[0].headers["If-None-Match"] == "*"


@pytest.mark.needs("conditional-writes")
def test_an_existing_name_on_such_a_server_costs_one_more(minio_options: dict[str, Any], name: str) -> None:
    storage = MinioBackend(**minio_options, MINIO_CONDITIONAL_WRITES=True)
    with requests_made() as made:
        assert storage.save(name, ContentFile(b"other")) != name
    assert made == ["PUT", "PUT"]
    assert [request.status for request in made] == [412, 200]


def test_without_conditional_writes_the_name_is_looked_for_alone(minio_options: dict[str, Any]) -> None:
    storage = MinioBackend(**minio_options, MINIO_CONDITIONAL_WRITES=False)
    with requests_made() as made:
        storage.save("new.txt", ContentFile(b"new"))
    assert made == ["HEAD", "PUT"]
    assert "If-None-Match" not in made[1].headers


@pytest.mark.parametrize(
    ("options", "budget"),
    [
        ({}, ["HEAD", "PUT"]),
        ({"MINIO_CONDITIONAL_WRITES": True}, ["PUT"]),
        ({"replace_existing": True}, ["PUT"]),
    ],
)
def test_checking_the_bucket_on_save_costs_nothing_while_it_is_there(
    minio_options: dict[str, Any], options: dict[str, Any], budget: list[str]
) -> None:
    storage = MinioBackend(**minio_options, **options, MINIO_BUCKET_CHECK_ON_SAVE=True)
    with requests_made() as made:
        storage.save("new.txt", ContentFile(b"new"))
    assert made == budget
