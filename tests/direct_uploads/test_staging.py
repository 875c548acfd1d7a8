"""The staging prefix: hidden from listings, closed to the public, and cleaned."""

from __future__ import annotations

import datetime as dt
import io
from typing import TYPE_CHECKING, Any

import pytest
from django.core.files.base import ContentFile
from django.core.management import call_command

from django_minio_backend.errors import ConfigurationError
from django_minio_backend.models import MinioBackend
from tests.support.buckets import unfinished_uploads
from tests.support.settings import entry, storages_set

if TYPE_CHECKING:
    import urllib3

AGE = dt.timedelta(0)


def put(storage: MinioBackend, key: str) -> None:
    storage.client.put_object(bucket_name=storage.bucket, object_name=key, data=io.BytesIO(b"x"), length=1)


def keys_in(storage: MinioBackend) -> set[str]:
    listed = storage.client.list_objects(bucket_name=storage.bucket, recursive=True)
    return {str(found.object_name) for found in listed}


def test_listdir_does_not_show_it(storage: MinioBackend) -> None:
    put(storage, ".direct-uploads/x")
    storage.save("films/a.bin", ContentFile(b"x"))
    storage.save(".direct-uploads.txt", ContentFile(b"x"))
    assert storage.listdir("") == (["films"], [".direct-uploads.txt"])


def test_it_can_be_another_one(minio_options: dict[str, Any]) -> None:
    storage = MinioBackend(**minio_options, MINIO_UPLOADS_PREFIX="staged")
    assert storage.options.uploads_prefix == "staged/"
    put(storage, "staged/x")
    assert storage.listdir("") == ([], [])


@pytest.mark.parametrize("prefix", ["", "/", "a//b", "..", "a/../b", 5])
def test_what_is_no_prefix_is_refused(minio_options: dict[str, Any], prefix: object) -> None:
    with pytest.raises(ConfigurationError, match="MINIO_UPLOADS_PREFIX"):
        MinioBackend(**minio_options, MINIO_UPLOADS_PREFIX=prefix)


@pytest.mark.needs("policies")
def test_nobody_reads_it_in_a_public_bucket(
    minio_options: dict[str, Any], bucket: str, http: urllib3.PoolManager
) -> None:
    options = {**minio_options, "MINIO_PUBLIC_BUCKETS": [bucket], "MINIO_PRIVATE_BUCKETS": []}
    storage = MinioBackend(**options)
    with storages_set(default=entry(options)):
        call_command("initialize_buckets", stdout=io.StringIO())
        output = io.StringIO()
        call_command("initialize_buckets", check=True, stdout=output)  # whatever words the server has for the policy
        assert "match the settings" in output.getvalue()
    put(storage, ".direct-uploads/x")
    storage.save("a.txt", ContentFile(b"x"))
    start = storage.url("a.txt").removesuffix("a.txt")
    assert http.request("GET", f"{start}a.txt").status == 200
    for spelled in (
        ".direct-uploads/x",
        "%2Edirect-uploads/x",
        ".direct-uploads%2Fx",
        "./.direct-uploads/x",
        "a/../.direct-uploads/x",
    ):
        assert http.request("GET", f"{start}{spelled}").status in {400, 403, 404}, spelled
    with storage.open(".direct-uploads/x") as file:
        assert file.read() == b"x"


@pytest.mark.usefixtures("db")
class TestCleaning:
    @pytest.fixture(params=["", "media"], ids=["whole-bucket", "location"])
    def storage(self, request: pytest.FixtureRequest, minio_options: dict[str, Any]) -> Any:
        options = {**minio_options, "MINIO_LOCATION": request.param}
        with storages_set(default=entry(options)):
            yield MinioBackend(**options)

    def clean(self, storage: MinioBackend, **options: Any) -> str:
        output = io.StringIO()
        call_command(
            "clean_orphaned_minio_files",
            bucket=[storage.bucket],
            interactive=False,
            force=True,
            stdout=output,
            **options,
        )
        return output.getvalue()

    def test_what_is_older_than_the_age_is_removed(self, storage: MinioBackend) -> None:
        put(storage, ".direct-uploads/x")
        put(storage, ".direct-uploads2/x")
        storage.s3.create_upload(storage.bucket, ".direct-uploads/y", {})
        storage.s3.create_upload(storage.bucket, ".direct-uploads2/y", {})
        self.clean(storage, min_age=AGE, dry_run=True)
        assert len(keys_in(storage)) == 2
        self.clean(storage, min_age=AGE, exclude=[".direct-uploads2/*"])
        assert keys_in(storage) == {".direct-uploads2/x"}
        assert [key for key, _ in unfinished_uploads(storage.client, storage.bucket)] == [".direct-uploads2/y"]

    @pytest.mark.needs("upload-times")
    def test_what_is_younger_stays(self, storage: MinioBackend) -> None:
        put(storage, ".direct-uploads/x")
        storage.s3.create_upload(storage.bucket, ".direct-uploads/y", {})
        self.clean(storage)
        self.clean(storage, min_age=dt.timedelta(minutes=5), unfinished_uploads=AGE)
        assert keys_in(storage) == {".direct-uploads/x"}
        assert len(unfinished_uploads(storage.client, storage.bucket)) == 1
