"""Make and remove buckets by the plain SDK, past the library under test."""

from __future__ import annotations

import json
from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING
from urllib.parse import unquote_plus
from xml.etree import ElementTree as ET

import urllib3
from minio import Minio
from minio.deleteobjects import DeleteObject
from minio.error import S3Error

from tools.memory_server import pool_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tools.servers import Server


@contextmanager
def plain_client(server: Server) -> Iterator[Minio]:
    """A client of the SDK alone: it shares no connection and no code with the library."""
    retries = urllib3.Retry(total=2, backoff_factor=0.1)
    pool = pool_for(server, timeout=urllib3.Timeout(connect=5, read=60), retries=retries, maxsize=16)
    yield Minio(
        endpoint=server.endpoint,
        access_key=server.access_key,
        secret_key=server.secret_key,
        secure=server.secure,
        region=server.region,
        http_client=pool,
    )
    pool.clear()


def allow_reading(sdk: Minio, bucket: str) -> None:
    """Let anyone GET the objects of `bucket`, and nothing else."""
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": ["*"]},
        "Action": ["s3:GetObject"],
        "Resource": [f"arn:aws:s3:::{bucket}/*"],
    }
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    sdk.set_bucket_policy(bucket_name=bucket, policy=json.dumps(policy))


def remove_bucket(sdk: Minio, bucket: str) -> None:
    """Remove `bucket` with everything in it, if it is there."""
    try:
        empty_bucket(sdk, bucket)
        sdk.remove_bucket(bucket_name=bucket)
    except S3Error as error:
        if error.code != "NoSuchBucket":
            raise


def empty_bucket(sdk: Minio, bucket: str) -> None:
    """Remove all versions of all objects of `bucket`, and all its unfinished uploads."""
    seen: list[tuple[str, str | None]] = []
    while versions := _some_versions(sdk, bucket):
        assert versions != seen, f"The server does not delete {seen}."
        seen = versions
        for key, version in versions:
            if not key.isprintable():  # what XML cannot carry
                sdk.remove_object(bucket_name=bucket, object_name=key, version_id=version)
        doomed = [DeleteObject(key, version_id=version) for key, version in versions if key.isprintable()]
        errors = list(sdk.remove_objects(bucket_name=bucket, delete_object_list=doomed, bypass_governance_mode=True))
        # Garage on SQLite is busy at times; what it did not delete is listed, and deleted, in the next turn.
        assert {error.code for error in errors} <= {"ServiceUnavailable"}, errors
    try:
        uploads = unfinished_uploads(sdk, bucket)
    except ET.ParseError:  # moto escapes no keys in this listing; it removes buckets that have unfinished uploads
        uploads = []
    for key, upload_id in uploads:
        if "\N{REPLACEMENT CHARACTER}" not in key:  # Versity's way to list what XML cannot carry
            sdk._abort_multipart_upload(bucket, key, upload_id)


def _some_versions(sdk: Minio, bucket: str) -> list[tuple[str, str | None]]:
    """Read the first page by hand: the SDK cannot parse the times that Versity gives its delete markers."""
    try:
        response = sdk._execute(method="GET", bucket_name=bucket, query_params={"versions": "", "encoding-type": "url"})
    except S3Error as error:
        if error.code != "NotImplemented":  # as Garage, which keeps no versions
            raise
        return [
            (str(entry.object_name), None)
            for entry in islice(sdk.list_objects(bucket_name=bucket, recursive=True), 1_000)
        ]
    listing = ET.fromstring(response.data)  # noqa: S314 - our own server made it
    namespace = listing.tag.partition("}")[0] + "}" if listing.tag.startswith("{") else ""
    encoded = listing.findtext(f"{namespace}EncodingType") == "url"
    found: list[tuple[str, str | None]] = []
    for entry in [*listing.iter(f"{namespace}Version"), *listing.iter(f"{namespace}DeleteMarker")]:
        key = entry.findtext(f"{namespace}Key", "")
        found.append((unquote_plus(key) if encoded else key, entry.findtext(f"{namespace}VersionId")))
    return found


def unfinished_uploads(sdk: Minio, bucket: str, prefix: str = "") -> list[tuple[str, str]]:
    """List the (key, upload id) of the first 1,000 unfinished uploads; the SDK has no public way."""
    listing = sdk._list_multipart_uploads(bucket, prefix=prefix)
    return [(upload.object_name, upload.upload_id or "") for upload in listing.uploads]
