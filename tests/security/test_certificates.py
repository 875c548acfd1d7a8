"""Certificates: one that is not trusted is final, and the error says what to do."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import trustme
import urllib3
from django.core.files.base import ContentFile
from django.core.management import CommandError, call_command

from django_minio_backend.errors import CertificateError, ConfigurationError
from tests.support.hostile import OBJECT, response
from tests.support.settings import entry, storages_set

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from django_minio_backend.models import MinioBackend
    from tests.support.hostile import HostileServer, Received

    Start = Callable[..., HostileServer]
    StorageAt = Callable[..., MinioBackend]


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def trusted(authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """SSL_CERT_FILE names the authority's certificate."""
    path = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(str(path))
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    return path


def tls(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


def alive(_: Received) -> list[bytes]:
    return [response(200, b"", OBJECT)]


@pytest.fixture
def no_longer_trusted(authority: trustme.CA) -> dict[str, tuple[trustme.LeafCert, str, str]]:
    """Certificates by what is wrong with them, with the reason and the advice in the error."""
    yesterday = datetime.now(UTC) - timedelta(days=1)
    return {
        "another host's": (authority.issue_cert("elsewhere.test"), "is not valid for", "Set MINIO_ENDPOINT to a host"),
        "another authority's": (trustme.CA().issue_cert("127.0.0.1"), "certificate", "SSL_CERT_FILE"),
        "expired": (authority.issue_cert("127.0.0.1", not_after=yesterday), "expired", "Renew it on the server"),
    }


WRONG = ["another host's", "another authority's", "expired"]
OPERATIONS: dict[str, Callable[[MinioBackend], object]] = {
    "save": lambda storage: storage.save("name.txt", ContentFile(b"content")),
    "read": lambda storage: storage.open("name.txt").read(),
    "delete": lambda storage: storage.delete("name.txt"),
    "listdir": lambda storage: storage.listdir(""),
}


@pytest.mark.usefixtures("trusted")
class TestCertificatesThatAreNotTrusted:
    @pytest.mark.parametrize("operation", OPERATIONS)
    @pytest.mark.parametrize("wrong", WRONG)
    def test_requests_fail_at_once_with_the_reason(
        self,
        hostile_server: Start,
        storage_at: StorageAt,
        no_longer_trusted: dict[str, tuple[trustme.LeafCert, str, str]],
        wrong: str,
        operation: str,
    ) -> None:
        certificate, reason, advice = no_longer_trusted[wrong]
        running = hostile_server(alive, tls=tls(certificate))
        with pytest.raises(CertificateError) as caught:
            OPERATIONS[operation](storage_at(running.endpoint, MINIO_USE_HTTPS=True))
        assert isinstance(caught.value, urllib3.exceptions.SSLError)
        assert f"The certificate of https://{running.endpoint} is not trusted" in str(caught.value)
        assert reason in str(caught.value)
        assert advice in str(caught.value)
        assert running.connections == 1, "it is not tried again"
        assert running.received == [], "nothing was sent"

    @pytest.mark.parametrize("arguments", [[], ["--deep"]], ids=["plain", "deep"])
    @pytest.mark.parametrize("wrong", WRONG)
    def test_health_checks_name_the_certificate(
        self,
        hostile_server: Start,
        minio_options: dict[str, Any],
        no_longer_trusted: dict[str, tuple[trustme.LeafCert, str, str]],
        wrong: str,
        arguments: list[str],
    ) -> None:
        certificate, reason, advice = no_longer_trusted[wrong]
        running = hostile_server(alive, tls=tls(certificate))
        options = {**minio_options, "MINIO_ENDPOINT": running.endpoint, "MINIO_USE_HTTPS": True}
        with storages_set(default=entry(options)), pytest.raises(CommandError) as caught:
            call_command("is_minio_available", *arguments)
        assert f"The certificate of https://{running.endpoint} is not trusted" in str(caught.value)
        assert reason in str(caught.value)
        assert advice in str(caught.value)

    def test_a_pool_of_the_project_reports_it_too(self, hostile_server: Start, storage_at: StorageAt) -> None:
        running = hostile_server(alive, tls=tls(trustme.CA().issue_cert("127.0.0.1")))
        for retries in (False, 1):
            pool = urllib3.PoolManager(retries=retries, cert_reqs="CERT_REQUIRED")
            storage = storage_at(running.endpoint, MINIO_USE_HTTPS=True, MINIO_HTTP_CLIENT=pool)
            with pytest.raises(CertificateError, match=r"MINIO_HTTP_CLIENT"):
                storage.exists("name.txt")
            pool.clear()

    def test_a_trusted_one_is_accepted(
        self, hostile_server: Start, storage_at: StorageAt, authority: trustme.CA
    ) -> None:
        running = hostile_server(alive, tls=tls(authority.issue_cert("127.0.0.1")))
        storage = storage_at(running.endpoint, MINIO_USE_HTTPS=True)
        assert storage.is_minio_available(), storage.is_minio_available().details
        assert storage.exists("name.txt")


class TestFilesOfCertificatesThatCannotBeRead:
    @pytest.fixture(params=["missing", "a folder", "no certificates"])
    def unreadable(self, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        path = tmp_path / "authorities.pem"
        if request.param == "a folder":
            path.mkdir()
        elif request.param == "no certificates":
            path.write_text("nothing")
        monkeypatch.setenv("SSL_CERT_FILE", str(path))
        return path

    def test_the_file_and_the_variable_are_named(self, storage_at: StorageAt, unreadable: Path) -> None:
        storage = storage_at("127.0.0.1:1", MINIO_USE_HTTPS=True)
        with pytest.raises(ConfigurationError, match="environment variable SSL_CERT_FILE") as caught:
            storage.exists("name.txt")
        assert f"'{unreadable}'" in str(caught.value)

    @pytest.mark.parametrize(
        "command", [["is_minio_available"], ["is_minio_available", "--deep"], ["initialize_buckets"]], ids=" ".join
    )
    def test_commands_name_them(self, minio_options: dict[str, Any], unreadable: Path, command: list[str]) -> None:
        options = {**minio_options, "MINIO_ENDPOINT": "127.0.0.1:1", "MINIO_USE_HTTPS": True}
        with storages_set(default=entry(options)), pytest.raises(CommandError, match="SSL_CERT_FILE") as caught:
            call_command(*command)
        assert f"'{unreadable}'" in str(caught.value)

    @pytest.mark.usefixtures("unreadable")
    def test_they_do_not_matter_without_https(self, hostile_server: Start, storage_at: StorageAt) -> None:
        assert storage_at(hostile_server(alive).endpoint).exists("name.txt")

    def test_the_file_of_a_pool_of_ones_own_is_named_too(
        self, hostile_server: Start, storage_at: StorageAt, authority: trustme.CA, tmp_path: Path
    ) -> None:
        running = hostile_server(alive, tls=tls(authority.issue_cert("127.0.0.1")))
        pool = urllib3.PoolManager(retries=False, ca_certs=str(tmp_path / "missing.pem"))
        storage = storage_at(running.endpoint, MINIO_USE_HTTPS=True, MINIO_HTTP_CLIENT=pool)
        with pytest.raises(CertificateError, match=r"missing\.pem"):
            storage.exists("name.txt")
        pool.clear()
