"""Credentials other than two keys in the settings, and buckets that are addressed by host names."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import TYPE_CHECKING, Any

import pytest
import urllib3
from django.core.files.base import ContentFile
from minio import MinioAdmin
from minio.credentials.providers import AssumeRoleProvider, Provider, StaticProvider

from django_minio_backend.errors import ConfigurationError
from django_minio_backend.models import MinioBackend
from tools.servers import MINIO_DOMAIN

if TYPE_CHECKING:
    from collections.abc import Callable

    from minio.credentials.credentials import Credentials

    from tools.servers import Server

KEYS = ("MINIO_ACCESS_KEY", "MINIO_SECRET_KEY")
made_by_path: Callable[[], Provider]


@pytest.fixture
def keyless(minio_options: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in minio_options.items() if name not in KEYS}


@pytest.fixture
def temporary(server: Server) -> AssumeRoleProvider:
    """Credentials with a session token, which a user of the server gets for an hour."""
    if server.kind != "minio":
        pytest.skip(f"{server.kind} has no users to make by MinIO's administration")
    user, password = uuid.uuid4().hex[:16], uuid.uuid4().hex
    admin = MinioAdmin(
        endpoint=server.endpoint, credentials=StaticProvider(server.access_key, server.secret_key), secure=server.secure
    )
    admin.user_add(user, password)
    admin.policy_set("readwrite", user=user)
    scheme = "https" if server.secure else "http"
    return AssumeRoleProvider(
        sts_endpoint=f"{scheme}://{server.endpoint}", access_key=user, secret_key=password, duration_seconds=3600
    )


def assert_works(storage: MinioBackend) -> None:
    name = storage.save("name.txt", ContentFile(b"content"))
    assert storage.open(name).read() == b"content"
    response = urllib3.request("GET", storage.url(name))
    assert (response.status, response.data) == (200, b"content")


def test_a_provider_of_temporary_credentials_is_used(keyless: dict[str, Any], temporary: AssumeRoleProvider) -> None:
    storage = MinioBackend(**keyless, MINIO_CREDENTIALS=temporary)
    assert_works(storage)
    assert "X-Amz-Security-Token=" in storage.url("name.txt")


def test_keys_with_a_session_token_are_used(keyless: dict[str, Any], temporary: AssumeRoleProvider) -> None:
    made = temporary.retrieve()
    storage = MinioBackend(
        **keyless,
        MINIO_ACCESS_KEY=made.access_key,
        MINIO_SECRET_KEY=made.secret_key,
        MINIO_SESSION_TOKEN=made.session_token,
    )
    assert_works(storage)


def test_temporary_credentials_sign_uploads_from_a_browser(
    keyless: dict[str, Any], temporary: AssumeRoleProvider
) -> None:
    storage = MinioBackend(**keyless, MINIO_CREDENTIALS=temporary)
    form = storage.presigned_upload("a.txt", max_size=10, expires=7200)
    assert form.expires_at <= dt.datetime.now(dt.UTC) + dt.timedelta(hours=1)  # when the credentials expire
    fields: list[tuple[str, Any]] = [*form.fields.items(), ("file", ("a.txt", b"content", "text/plain"))]
    assert urllib3.request("POST", form.url, fields=fields).status == 204
    request = storage.presigned_upload("a.txt", max_size=10, size=7, method="PUT")
    assert urllib3.request("PUT", request.url, body=b"content", headers=request.headers).status == 200
    for upload in (form, request):
        assert storage.size(upload.name) == 7


def test_each_request_asks_the_provider_so_that_rotated_keys_count_at_once(
    keyless: dict[str, Any], server: Server
) -> None:
    class Rotating(Provider):
        asked = 0

        def retrieve(self) -> Credentials:
            self.asked += 1
            return StaticProvider(server.access_key, server.secret_key).retrieve()

    provider = Rotating()
    storage = MinioBackend(**keyless, MINIO_CREDENTIALS=provider)
    storage.exists("one.txt")
    asked = provider.asked
    storage.exists("two.txt")
    assert provider.asked == asked + 1


def test_a_function_that_makes_a_provider_is_called_once(keyless: dict[str, Any], server: Server) -> None:
    calls = []

    def make() -> Provider:
        calls.append(1)
        return StaticProvider(server.access_key, server.secret_key)

    first = MinioBackend(**keyless, MINIO_CREDENTIALS=make)
    second = MinioBackend(**keyless, MINIO_CREDENTIALS=make)
    assert_works(first)
    assert second.exists("name.txt")
    assert calls == [1]


def test_a_dotted_path_leads_to_the_function(
    keyless: dict[str, Any], server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        f"{__name__}.made_by_path", lambda: StaticProvider(server.access_key, server.secret_key), raising=False
    )
    assert_works(MinioBackend(**keyless, MINIO_CREDENTIALS=f"{__name__}.made_by_path"))


@pytest.mark.parametrize("path", ["no.such.module", "tests.settings.STORAGES"])
def test_a_dotted_path_to_something_else_is_a_mistake_in_the_settings(keyless: dict[str, Any], path: str) -> None:
    storage = MinioBackend(**keyless, MINIO_CREDENTIALS=path)
    with pytest.raises(ConfigurationError, match="MINIO_CREDENTIALS"):
        storage.exists("name.txt")
    status = storage.is_minio_available()
    assert not status
    assert "MINIO_CREDENTIALS" in status.details


class SentHere(urllib3.PoolManager):
    """Connects to one address for every host, as a name server would."""

    def __init__(self, endpoint: str) -> None:
        super().__init__()
        self.address = endpoint.split(":")

    def connection_from_host(self, *_: object, **__: object) -> urllib3.HTTPConnectionPool:
        return super().connection_from_host(self.address[0], int(self.address[1]))


def test_virtual_host_style_names_the_bucket_in_the_host(
    minio_options: dict[str, Any], server: Server, bucket: str
) -> None:
    if server.kind != "minio":
        pytest.skip(f"{server.kind} is not configured with a domain")
    port = server.endpoint.rpartition(":")[2]
    http = SentHere(server.endpoint)
    storage = MinioBackend(
        **{**minio_options, "MINIO_ENDPOINT": f"{MINIO_DOMAIN}:{port}"},
        MINIO_VIRTUAL_HOST_STYLE=True,
        MINIO_HTTP_CLIENT=http,
    )
    name = storage.save("name.txt", ContentFile(b"content"))
    assert storage.open(name).read() == b"content"
    url = storage.url(name)
    assert url.startswith(f"http://{bucket}.{MINIO_DOMAIN}:{port}/name.txt?")
    assert http.request("GET", url, headers={"Host": f"{bucket}.{MINIO_DOMAIN}:{port}"}).data == b"content"
