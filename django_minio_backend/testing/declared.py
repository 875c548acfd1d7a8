"""What settings, models and clients say of servers: accounts, and the buckets that should exist."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from ..base import BaseStorage

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ..s3_requests.signatures import Secret


class Declarations:
    """Accounts and buckets of STORAGES, of the storages in fields, and of clients in use.

    Args:
        with_buckets: whether buckets count as declared.
    """

    def __init__(self, *, with_buckets: bool) -> None:
        self._with_buckets = with_buckets
        self._accounts: dict[str, Secret] | None = None

    def forget(self, *, setting: str, **_: object) -> None:
        """Read the settings again when a test has changed them."""
        if setting == "STORAGES" or setting.startswith("MINIO_"):
            self._accounts = None

    def account(self, access_key: str) -> Secret | None:
        """Secret key and session token of an access key: those of STORAGES, or else of a client in use."""
        from ..s3.connection import all_connections

        if self._accounts is None:
            self._accounts = dict(_accounts(_of_aliases()))
        if access_key in self._accounts:
            return self._accounts[access_key]
        for connection in all_connections():
            used = connection.last_credentials
            if used is not None and used.access_key == access_key:
                return used.secret_key, used.session_token or ""
        return None

    def policies(self) -> dict[str, bytes]:
        """The policies of the buckets of STORAGES, by name; empty for a private bucket."""
        return _policies(_of_aliases()) if self._with_buckets else {}

    def policy(self, bucket: str) -> bytes | None:
        """The policy of a bucket of STORAGES or of a field's storage; None for any other bucket."""
        if not self._with_buckets:
            return None
        return {**_policies(_of_fields()), **_policies(_of_aliases())}.get(bucket)


def virtual_hosts() -> list[str]:
    """The endpoints that clients in use, and URLs of storages, name behind the bucket."""
    from ..s3.connection import all_connections

    of_urls = (each.options for each in (*_of_fields(), *_of_aliases()) if each.options.virtual_host_style)
    return [
        *(host for connection in all_connections() if (host := connection.virtual_host)),
        *(options.external_endpoint or options.endpoint for options in of_urls),
    ]


def url_at_server(url: str) -> str:
    """The server's URL for one at MINIO_PUBLIC_BASE_URL of STORAGES or of a field's storage; any other as it is."""
    published = {
        base: at_server for storage in (*_of_fields(), *_of_aliases()) for base, at_server in _published(storage)
    }
    for base in sorted(published, key=len, reverse=True):
        if url.startswith(f"{base}/"):
            return published[base] + url.removeprefix(base)
    return url


def _published(storage: BaseStorage) -> Iterator[tuple[str, str]]:
    options = storage.options
    urls = options.public_base_url or {}
    if isinstance(urls, str):
        urls = dict.fromkeys(options.public_buckets or [storage.bucket], urls)
    for bucket, url in urls.items():
        yield url, f"{options.base_url()}/{bucket}"


def _accounts(storages: Iterable[BaseStorage]) -> Iterator[tuple[str, Secret]]:
    for options in (storage.options for storage in storages):
        if options.access_key is not None and options.secret_key is not None:
            yield options.access_key, (options.secret_key, options.session_token or "")


def _policies(storages: Iterable[BaseStorage]) -> dict[str, bytes]:
    policies = {spec.name: spec.policy(None) for storage in storages for spec in storage.bucket_specs()}
    return {name: json.dumps(policy).encode() if policy else b"" for name, policy in policies.items()}


def _of_aliases() -> Iterable[BaseStorage]:
    from ..aliases import minio_storages

    return minio_storages().values()


def _of_fields() -> Iterator[BaseStorage]:
    from django.apps import apps
    from django.db.models import FileField

    for model in apps.get_models():
        for field in model._meta.concrete_fields:
            storage = field.storage if isinstance(field, FileField) else None
            if isinstance(storage, BaseStorage):
                yield storage
