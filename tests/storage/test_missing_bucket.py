"""MINIO_BUCKET_CHECK_ON_SAVE: a save that finds its bucket missing makes it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from minio.error import S3Error

from django_minio_backend.models import MinioBackend
from tests.storage.contents import MIB, Chunks, Pipe, some_bytes
from tests.support.settings import entry, storages_set

if TYPE_CHECKING:
    from collections.abc import Callable

    from minio import Minio

SMALL = some_bytes(10_000)
LARGE = some_bytes(13 * MIB)


@pytest.fixture
def missing(minio_options: dict[str, Any], bucket_name: Callable[[], str]) -> dict[str, Any]:
    """Options of a storage whose private bucket does not exist."""
    name = bucket_name()
    return {**minio_options, "MINIO_DEFAULT_BUCKET": name, "MINIO_PRIVATE_BUCKETS": [name]}


@pytest.mark.parametrize("options", [{}, {"MINIO_CONDITIONAL_WRITES": True}, {"replace_existing": True}])
@pytest.mark.parametrize(
    ("make", "expected"),
    [
        pytest.param(lambda: ContentFile(SMALL), SMALL, id="seekable"),
        pytest.param(lambda: Pipe(SMALL), SMALL, id="unseekable"),
        pytest.param(lambda: Chunks(SMALL, SMALL), SMALL + SMALL, id="chunks"),
        pytest.param(lambda: Pipe(LARGE), LARGE, id="unseekable-in-parts"),
    ],
)
def test_a_missing_bucket_is_made_and_the_content_is_intact(
    missing: dict[str, Any], options: dict[str, Any], make: Callable[[], Any], expected: bytes
) -> None:
    storage = MinioBackend(**missing, **options, MINIO_BUCKET_CHECK_ON_SAVE=True)
    name = storage.save("new.bin", make())
    assert name == "new.bin"
    with storage.open(name) as file:
        assert file.read() == expected


@pytest.mark.needs("stored-policies", "missing-buckets")
def test_a_public_bucket_is_made_with_its_policy(missing: dict[str, Any], sdk: Minio) -> None:
    bucket = missing["MINIO_DEFAULT_BUCKET"]
    public = {**missing, "MINIO_PRIVATE_BUCKETS": [], "MINIO_PUBLIC_BUCKETS": [bucket]}
    MinioBackend(**public, MINIO_BUCKET_CHECK_ON_SAVE=True).save("new.txt", ContentFile(SMALL))
    statements = json.loads(sdk.get_bucket_policy(bucket_name=bucket))["Statement"]
    (allowed,) = [statement["Action"] for statement in statements if statement["Effect"] == "Allow"]
    assert (allowed if isinstance(allowed, list) else [allowed]) == ["s3:GetObject"]


@pytest.mark.needs("stored-policies")
def test_a_private_bucket_is_made_without_a_policy(missing: dict[str, Any], sdk: Minio) -> None:
    bucket = missing["MINIO_DEFAULT_BUCKET"]
    MinioBackend(**missing, MINIO_BUCKET_CHECK_ON_SAVE=True).save("new.txt", ContentFile(SMALL))
    with pytest.raises(S3Error) as caught:
        sdk.get_bucket_policy(bucket_name=bucket)
    assert caught.value.code == "NoSuchBucketPolicy"


@pytest.mark.needs("stored-policies", "missing-buckets")
def test_a_policy_hook_wins(missing: dict[str, Any], sdk: Minio) -> None:
    bucket = missing["MINIO_DEFAULT_BUCKET"]
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": ["*"]},
        "Action": ["s3:GetObject"],
        "Resource": [f"arn:aws:s3:::{bucket}/open/*"],
    }
    hook = {"Version": "2012-10-17", "Statement": [statement]}
    storage = MinioBackend(**missing, MINIO_POLICY_HOOKS=[(bucket, hook)], MINIO_BUCKET_CHECK_ON_SAVE=True)
    storage.save("new.txt", ContentFile(SMALL))
    (found,) = json.loads(sdk.get_bucket_policy(bucket_name=bucket))["Statement"]
    assert f"arn:aws:s3:::{bucket}/open/*" in str(found["Resource"])


@pytest.mark.needs("missing-buckets")
@pytest.mark.parametrize("options", [{}, {"MINIO_CONDITIONAL_WRITES": True}, {"replace_existing": True}])
def test_without_that_option_a_missing_bucket_is_an_error(
    missing: dict[str, Any], options: dict[str, Any], sdk: Minio
) -> None:
    with pytest.raises(S3Error) as caught:
        MinioBackend(**missing, **options).save("new.txt", ContentFile(SMALL))
    assert caught.value.code == "NoSuchBucket"
    assert not sdk.bucket_exists(bucket_name=missing["MINIO_DEFAULT_BUCKET"])


OPERATIONS: dict[str, Callable[[MinioBackend], object]] = {
    "save": lambda storage: storage.save("new.txt", ContentFile(SMALL)),
    "save of an unsized stream": lambda storage: storage.save("new.txt", Pipe(LARGE)),
    "write": lambda storage: write(storage, SMALL),
    "write in parts": lambda storage: write(storage, LARGE),
    "read": lambda storage: storage.open("new.txt").read(),
    "listdir": lambda storage: storage.listdir(""),
    "delete": lambda storage: storage.delete("new.txt"),
}


def write(storage: MinioBackend, content: bytes) -> None:
    with storage.open("new.txt", "wb") as file:
        file.write(content)


@pytest.mark.needs("missing-buckets")
@pytest.mark.parametrize("operation", OPERATIONS)
def test_the_error_says_what_creates_the_bucket(missing: dict[str, Any], operation: str) -> None:
    other = entry({**missing, "MINIO_DEFAULT_BUCKET": "another-bucket", "MINIO_PRIVATE_BUCKETS": []})
    with storages_set(default=entry(missing), other=other):
        assert storages["other"].bucket == "another-bucket"  # type: ignore[attr-defined]
        with pytest.raises(S3Error) as caught:
            OPERATIONS[operation](cast("MinioBackend", storages["default"]))
    assert caught.value.code == "NoSuchBucket"
    endpoint = f"{'https' if missing['MINIO_USE_HTTPS'] else 'http'}://{missing['MINIO_ENDPOINT']}"
    assert (
        f"Bucket '{missing['MINIO_DEFAULT_BUCKET']}' does not exist at {endpoint} (STORAGES['default']). "
        "Run manage.py initialize_buckets"
    ) in str(caught.value)
