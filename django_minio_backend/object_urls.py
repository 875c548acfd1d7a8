"""Addresses of objects: plain ones for public buckets, presigned ones for private buckets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from .options import StorageOptions
    from .s3 import S3Client


def base_url(options: StorageOptions, *, external: bool = False) -> str:
    """``scheme://host[:port]`` of the endpoint, or of the external one where there is one."""
    if external and options.external_endpoint is not None:
        return f"{_scheme(secure=bool(options.external_use_https))}://{options.external_endpoint}"
    return f"{_scheme(secure=options.use_https)}://{options.endpoint}"


def public_url(options: StorageOptions, bucket: str, key: str) -> str:
    """Address that anyone can open: below MINIO_PUBLIC_BASE_URL, else at the (external) endpoint."""
    address = options.public_base_url
    if isinstance(address, Mapping):
        address = address.get(bucket)
    if address is None:
        address = base_url(options, external=True)
        if options.virtual_host_style:
            scheme, _, host = address.partition("://")
            address = f"{scheme}://{bucket}.{host}"
        else:
            address = f"{address}/{bucket}"
    return f"{address}/{quote(key)}"


def presigned_url(client: S3Client, options: StorageOptions, bucket: str, key: str) -> str:
    """Address that opens a private object until MINIO_URL_EXPIRY_HOURS are over.

    Signed locally with signature V4: no request is made, but for credentials that need renewal.
    Source: https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
    """
    return client.sdk.presigned_get_object(bucket, key, expires=options.url_expiry)


def _scheme(*, secure: bool) -> str:
    return "https" if secure else "http"
