"""A MinIO with a certificate, since it takes customers' keys (SSE-C) over https only."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from minio.sse import SseCustomerKey

from django_minio_backend.models import MinioBackend
from django_minio_backend.s3.registry import default_pool
from tests.support.certificates import Certificates
from tests.support.server_options import options_of
from tools.servers import minio_binary, run_minio

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KEY = b"a customer's key, of 32 bytes..."

needs_minio = pytest.mark.skipif(minio_binary() is None, reason="needs a MinIO to start with a certificate")


@contextmanager
def encrypted_bucket(folder: Path) -> Iterator[dict[str, Any]]:
    """Run the server; OPTIONS of a storage that encrypts by the key.

    Args:
        folder: for the certificate.
    """
    certificates = Certificates(folder)
    with pytest.MonkeyPatch.context() as patch, run_minio(certificates=certificates.folder) as server:
        patch.setenv("SSL_CERT_FILE", str(certificates.authority))
        options = options_of(
            server,
            MINIO_USE_HTTPS=True,
            MINIO_DEFAULT_BUCKET="papers",
            MINIO_HTTP_CLIENT=default_pool(secure=True),
            sse=SseCustomerKey(KEY),
        )
        MinioBackend(**options).client.make_bucket("papers")
        yield options
