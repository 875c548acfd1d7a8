"""manage.py is_minio_available: whether the server of every storage is alive."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from django.core.management.base import CommandError

from django_minio_backend.models import MinioBackend
from tests.support.settings import STATIC_BACKEND, entry, made_up, options_of, storages_set
from tools.servers import free_port

if TYPE_CHECKING:
    from tests.commands.conftest import Run, WebServer
    from tools.servers import Server

COMMAND = "is_minio_available"


def test_a_server_that_is_up_is_available(run: Run, server: Server) -> None:
    with storages_set(default=entry(options_of(server)), staticfiles=entry(options_of(server), STATIC_BACKEND)):
        output = run(COMMAND)
    for alias in ("default", "staticfiles"):
        assert f"'{alias}': GET http://{server.endpoint}/" in output
    assert output.count(": an S3 server") == 2


def test_silenced_prints_nothing(run: Run, server: Server) -> None:
    with storages_set(default=entry(options_of(server))):
        assert run(COMMAND, "--silenced") == ""


@pytest.mark.needs("minio-health")
def test_minio_is_checked_at_its_liveness_url(server: Server) -> None:
    status = MinioBackend(**options_of(server)).is_minio_available()
    assert status
    assert status.status == 200
    assert status.details == f"GET http://{server.endpoint}/minio/health/live returned status 200: an S3 server"


def test_no_keys_are_needed(server: Server) -> None:
    assert MinioBackend(**options_of(server, MINIO_SECRET_KEY="wrong-wrong")).is_minio_available()


@pytest.mark.parametrize("arguments", [[], ["--silenced"]])
def test_a_server_that_is_down_fails_the_command(run: Run, arguments: list[str]) -> None:
    endpoint = f"127.0.0.1:{free_port()}"
    started = time.monotonic()
    with (
        storages_set(default=entry(made_up(MINIO_ENDPOINT=endpoint))),
        pytest.raises(CommandError, match=rf"'default': GET http://{endpoint}/minio/health/live got no response"),
    ):
        run(COMMAND, *arguments)
    assert time.monotonic() - started < 5


def test_every_storage_is_asked_before_the_command_fails(run: Run, server: Server) -> None:
    gone, lost = (f"127.0.0.1:{free_port()}" for _ in range(2))
    with (
        storages_set(
            default=entry(made_up(MINIO_ENDPOINT=gone)),
            media=entry(options_of(server)),
            staticfiles=entry(made_up(MINIO_ENDPOINT=lost), STATIC_BACKEND),
        ),
        pytest.raises(CommandError) as caught,
    ):
        run(COMMAND)
    assert gone in str(caught.value)
    assert lost in str(caught.value)
    assert "'media'" not in str(caught.value)


def test_a_port_that_never_responds_is_not_available_within_seconds(silent_endpoint: str) -> None:
    started = time.monotonic()
    status = MinioBackend(**made_up(MINIO_ENDPOINT=silent_endpoint)).is_minio_available()
    assert time.monotonic() - started < 10
    assert not status
    assert silent_endpoint in status.details
    assert status.status is None


@pytest.mark.parametrize("code", [200, 404, 403, 302, 500])
def test_a_plain_web_server_is_not_available(web_server: WebServer, code: int) -> None:
    """A shop's page for every URL included: that is the response of single-page applications."""
    endpoint = web_server(code)
    status = MinioBackend(**made_up(MINIO_ENDPOINT=endpoint)).is_minio_available()
    assert not status, status.details
    assert endpoint in status.details


@pytest.mark.parametrize("endpoint", ["no-such-host.invalid", "no-such-host.invalid:9000", "[::1]:1"])
def test_an_endpoint_without_a_server_raises_nothing(endpoint: str) -> None:
    status = MinioBackend(**made_up(MINIO_ENDPOINT=endpoint)).is_minio_available()
    assert not status
    assert endpoint in status.details


def test_https_spoken_to_a_plain_port_is_no_exception(server: Server) -> None:
    status = MinioBackend(**options_of(server, MINIO_USE_HTTPS=True)).is_minio_available()
    assert not status
    assert f"https://{server.endpoint}" in status.details


def test_settings_without_a_minio_storage_fail_the_command(run: Run) -> None:
    with (
        storages_set(default={"BACKEND": "django.core.files.storage.InMemoryStorage"}),
        pytest.raises(CommandError, match="No storage in STORAGES is a MinIO storage"),
    ):
        run(COMMAND)


@pytest.mark.parametrize("command", [[COMMAND], [COMMAND, "--deep"], ["initialize_buckets"]])
def test_an_endpoint_that_the_sdk_rejects_is_reported_with_its_alias(run: Run, command: list[str]) -> None:
    endpoint = "files.amazonaws.com"  # no request is made to it
    with (
        storages_set(default=entry(made_up(MINIO_ENDPOINT=endpoint))),
        pytest.raises(CommandError, match=rf"STORAGES\['default'\]: the SDK does not take the endpoint '{endpoint}'"),
    ):
        run(*command)
