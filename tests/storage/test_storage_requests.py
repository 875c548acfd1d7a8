from __future__ import annotations

from typing import TYPE_CHECKING

from django.core.files.base import ContentFile

from django_minio_backend.instrumentation import storage_requests

if TYPE_CHECKING:
    from django_minio_backend.models import MinioBackend


def test_a_block_records_the_requests_of_a_save(storage: MinioBackend) -> None:
    with storage_requests() as requests:
        name = storage.save("a\nb.txt", ContentFile(b"12345"))
        storage.size(name)
        storage.open(name).read()
    assert requests.operations == ["HeadObject", "PutObject", "HeadObject", "GetObject"]
