"""Subclasses on a server: files go where the class says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from minio.error import S3Error

from django_minio_backend.aliases import check_settings
from django_minio_backend.models import MinioBackend
from tests.support.settings import entry, storages_set
from tests.support.wire import requests_made

if TYPE_CHECKING:
    from collections.abc import Callable

    import urllib3
    from minio import Minio


class Tenants(MinioBackend):
    """A folder for each tenant."""

    def __init__(self, tenant: str, **options: Any) -> None:
        super().__init__(**{**options, "MINIO_LOCATION": f"tenants/{tenant}"})


@pytest.mark.needs("policies")
def test_a_subclass_with_a_private_bucket_keeps_its_files_out_of_the_public_one(
    minio_options: dict[str, Any], bucket: str, public_bucket: str, sdk: Minio, http: urllib3.PoolManager
) -> None:
    kind = type("Contracts", (MinioBackend,), {"bucket_name": bucket, "__module__": __name__})
    options = {**minio_options, "MINIO_DEFAULT_BUCKET": public_bucket, "MINIO_PUBLIC_BUCKETS": [public_bucket]}
    with storages_set(default=entry(options)):
        storage = kind()
    assert storage.save("contract.txt", ContentFile(b"secret")) == "contract.txt"
    assert sdk.stat_object(bucket_name=bucket, object_name="contract.txt").size == len(b"secret")
    with pytest.raises(S3Error):
        sdk.stat_object(bucket_name=public_bucket, object_name="contract.txt")
    url = storage.url("contract.txt")
    assert http.request("GET", url).data == b"secret"
    assert http.request("GET", url.partition("?")[0]).status == 403
    assert http.request("GET", f"{storage.base_url}/{public_bucket}/contract.txt").status in (403, 404)


class Chosen(MinioBackend):
    """A bucket that changes while the process runs."""

    chosen = ""

    @property
    def bucket(self) -> str:
        """The chosen bucket."""
        return self.chosen


def test_a_bucket_that_is_a_property_is_that_of_the_moment(
    minio_options: dict[str, Any], bucket: str, bucket_name: Callable[[], str], sdk: Minio
) -> None:
    storage, other = Chosen(**minio_options), bucket_name()
    sdk.make_bucket(bucket_name=other)
    for chosen in (bucket, other):
        Chosen.chosen = chosen
        assert storage.save("a.txt", ContentFile(chosen.encode())) == "a.txt"
    for chosen in (bucket, other):
        assert sdk.stat_object(bucket_name=chosen, object_name="a.txt").size == len(chosen)


def test_a_class_that_replaces_existing_files_does(minio_options: dict[str, Any]) -> None:
    kind = type("Replacing", (MinioBackend,), {"replace_existing": True, "__module__": __name__})
    with storages_set(default=entry(minio_options)):
        storage = kind()
    for content in (b"one", b"two"):
        assert storage.save("a.txt", ContentFile(content)) == "a.txt"
    assert storage.open("a.txt").read() == b"two"


def test_a_backend_with_an_init_of_its_own_is_checked_without_a_request_and_saves_where_it_says(
    minio_options: dict[str, Any], bucket: str, sdk: Minio
) -> None:
    with storages_set(default=entry({**minio_options, "tenant": "a"}, f"{__name__}.Tenants")):
        with requests_made() as made:
            assert check_settings()["default"].location == "tenants/a"
        assert made == []
        assert storages["default"].save("a.txt", ContentFile(b"one")) == "a.txt"
    assert sdk.stat_object(bucket_name=bucket, object_name="tenants/a/a.txt").size == len(b"one")
