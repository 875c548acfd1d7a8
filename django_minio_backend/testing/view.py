"""What a test sees of the server in memory: its buckets, and what a browser gets by a URL."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from ..memory_s3.store import StoredObject, etag_of
from ..s3_requests.messages import RequestError
from .declared import url_at_server
from .exchange import respond

if TYPE_CHECKING:
    from collections.abc import Mapping

    from urllib3 import BaseHTTPResponse

    from ..memory_s3.server import MemoryServer

_META = "x-amz-meta-"


class MemoryBucket:
    """One bucket. Names are the objects' keys, with MINIO_LOCATION where a storage has it.

    No method sends a request, so none is counted.
    """

    def __init__(self, server: MemoryServer, name: str) -> None:
        self._server = server
        self.name = name

    def names(self, prefix: str = "") -> list[str]:
        """The names of all objects that start with a prefix, sorted."""
        with self._server.lock:
            return sorted(key for key in self._objects if key.startswith(prefix))

    def read(self, name: str) -> bytes:
        """An object's content.

        Raises:
            KeyError: there is no such object.
        """
        return self._object(name).content

    def headers(self, name: str) -> dict[str, str]:
        """The headers that are stored with an object, such as ``content-type``, in lower case; KeyError as ``read``."""
        return {key: value for key, value in self._object(name).headers.items() if not key.startswith(_META)}

    def metadata(self, name: str) -> dict[str, str]:
        """An object's metadata, by names in lower case and without ``x-amz-meta-``; KeyError as ``read``."""
        headers = self._object(name).headers
        return {key.removeprefix(_META): value for key, value in headers.items() if key.startswith(_META)}

    def tags(self, name: str) -> dict[str, str]:
        """An object's tags; KeyError as ``read``."""
        return dict(self._object(name).tags)

    def put(
        self,
        name: str,
        content: bytes,
        *,
        content_type: str = "binary/octet-stream",
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        """Store an object, as if another program had uploaded it; an existing one is replaced."""
        headers = {f"{_META}{key.lower()}": value for key, value in (metadata or {}).items()}
        headers["content-type"] = content_type
        with self._server.lock:
            self._objects[name] = StoredObject(name, content, etag_of(content), time.time(), headers, {}, {})

    def delete(self, name: str) -> None:
        """Delete an object, as if another program did so; KeyError as ``read``."""
        with self._server.lock:
            del self._objects[self._object(name).key]

    def set_time(self, name: str, seconds: float) -> None:
        """Change the time at which an object was stored, in seconds since 1970; KeyError as ``read``."""
        with self._server.lock:
            self._objects[name] = replace(self._object(name), modified=seconds)

    def __contains__(self, name: object) -> bool:
        return name in self._objects

    def __repr__(self) -> str:
        return f"<MemoryBucket {self.name}: {', '.join(self.names()) or 'empty'}>"

    @property
    def _objects(self) -> dict[str, StoredObject]:
        return self._server.store.bucket(self.name).objects

    def _object(self, name: str) -> StoredObject:
        try:
            return self._objects[name]
        except KeyError:
            names = ", ".join(self.names()) or "none"
        raise KeyError(f"Bucket '{self.name}' has no object '{name}'. It has: {names}")


class MemoryMinio:
    """The server in memory: ``minio["bucket"]`` is a bucket, and ``minio.get(url)`` what a browser gets."""

    def __init__(self, server: MemoryServer) -> None:
        self.server = server

    def __getitem__(self, bucket: str) -> MemoryBucket:
        with suppress(RequestError):
            return MemoryBucket(self.server, self.server.store.bucket(bucket).name)
        raise KeyError(f"There is no bucket '{bucket}'. There are: {', '.join(self.buckets()) or 'none'}")

    def buckets(self) -> list[str]:
        """The names of all buckets, sorted."""
        return sorted(self.server.store.buckets)

    def create_bucket(self, bucket: str) -> MemoryBucket:
        """Create a private bucket, unless it exists, and return it."""
        with self.server.lock:
            if bucket not in self.server.store.buckets:
                self.server.store.add(bucket)
        return self[bucket]

    def get(self, url: str, headers: Mapping[str, str] | None = None) -> BaseHTTPResponse:
        """What a browser gets by a URL; signature, expiry and the bucket's policy are checked.

        A URL at MINIO_PUBLIC_BASE_URL is passed on to the bucket, as a CDN does, for storages of aliases and of fields.
        The response has ``status``, ``headers`` and ``data``.
        """
        return respond(self.server, "GET", url_at_server(url), {"headers": headers})

    def head(self, url: str, headers: Mapping[str, str] | None = None) -> BaseHTTPResponse:
        """The same by HEAD."""
        return respond(self.server, "HEAD", url_at_server(url), {"headers": headers})

    def put(self, url: str, content: bytes, headers: Mapping[str, str] | None = None) -> BaseHTTPResponse:
        """Upload by a presigned URL."""
        return respond(self.server, "PUT", url, {"headers": headers, "body": content})

    def post(self, url: str, fields: Mapping[str, str], content: bytes, filename: str = "file.bin") -> BaseHTTPResponse:
        """Upload by a form, as a browser sends it."""
        from urllib3 import encode_multipart_formdata

        body, content_type = encode_multipart_formdata([*fields.items(), ("file", (filename, content))])
        return respond(self.server, "POST", url, {"headers": {"Content-Type": content_type}, "body": body})

    def __repr__(self) -> str:
        return f"<MemoryMinio: {', '.join(self.buckets()) or 'no buckets'}>"
