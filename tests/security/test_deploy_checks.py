"""``manage.py check --deploy`` warns of connections that verify nobody, and of keys that everybody knows."""

from __future__ import annotations

import re
import ssl
from pathlib import Path
from typing import Any

import pytest
import urllib3
from django.core import checks as django_checks
from minio.credentials.providers import ChainedProvider, EnvMinioProvider, IamAwsProvider

from django_minio_backend.checks import WELL_KNOWN_KEYS, WELL_KNOWN_SECRETS
from tests.support.settings import SECRET_KEY, entry, made_up, storages_set

ROOT = Path(__file__).parents[2]
TLS = {"MINIO_USE_HTTPS": True}


def deployed(**options: Any) -> list[str]:
    """What ``check --deploy`` says of these options: each message, with its id in front."""
    with storages_set(default=entry(made_up(**options))):
        found = django_checks.run_checks(tags=["minio"], include_deployment_checks=True)
    assert all(SECRET_KEY not in f"{message.msg} {message.hint}" for message in found)
    return [f"{message.id}: {message.msg}" for message in found]


def context(*, verified: bool, hosts: bool) -> ssl.SSLContext:
    made = ssl.create_default_context()
    made.check_hostname = hosts
    made.verify_mode = ssl.CERT_REQUIRED if verified else ssl.CERT_NONE
    return made


UNVERIFIED: dict[str, tuple[dict[str, Any], str]] = {
    "name": ({"cert_reqs": "CERT_NONE"}, "any certificate"),
    "short-name": ({"cert_reqs": "NONE"}, "any certificate"),
    "number": ({"cert_reqs": 0}, "any certificate"),
    "member": ({"cert_reqs": ssl.CERT_NONE}, "any certificate"),
    "context": ({"ssl_context": context(verified=False, hosts=False)}, "any certificate"),
    "neither": ({"cert_reqs": "CERT_NONE", "assert_hostname": False}, "any certificate"),
    "host": ({"assert_hostname": False}, "any host"),
    "host-with-authorities": ({"cert_reqs": "CERT_REQUIRED", "assert_hostname": False, "ca_certs": "x"}, "any host"),
    "host-by-context": ({"ssl_context": context(verified=True, hosts=False)}, "host names"),
}
VERIFIED: dict[str, dict[str, Any]] = {
    "default": {},
    "required": {"cert_reqs": "CERT_REQUIRED", "ca_certs": "/etc/ssl/own.pem"},
    "context": {"ssl_context": context(verified=True, hosts=True)},
    "other-host": {"assert_hostname": "files.test"},
    "fingerprint": {"cert_reqs": "CERT_NONE", "assert_fingerprint": "AA" * 32},
}


@pytest.mark.parametrize(("given", "reason"), UNVERIFIED.values(), ids=UNVERIFIED)
def test_a_pool_that_does_not_verify_the_server_is_reported(given: dict[str, Any], reason: str) -> None:
    for pool in (urllib3.PoolManager(**given), urllib3.ProxyManager("http://proxy.test:3128", **given)):
        (message,) = deployed(MINIO_HTTP_CLIENT=pool, **TLS)
        assert message.startswith("minio.W009: STORAGES['default']: the connections of MINIO_HTTP_CLIENT")
        assert reason in message


@pytest.mark.parametrize("given", VERIFIED.values(), ids=VERIFIED)
def test_a_pool_that_does_is_not(given: dict[str, Any]) -> None:
    assert deployed(MINIO_HTTP_CLIENT=urllib3.PoolManager(**given), **TLS) == []
    assert deployed(**TLS) == []


def test_a_pool_that_speaks_http_has_nothing_to_verify() -> None:
    assert not any(
        "W009" in message for message in deployed(MINIO_HTTP_CLIENT=urllib3.PoolManager(cert_reqs="CERT_NONE"))
    )


def test_pools_of_credentials_count() -> None:
    provider = ChainedProvider([EnvMinioProvider(), IamAwsProvider(http_client=urllib3.PoolManager(cert_reqs="NONE"))])
    options: dict[str, Any] = {"MINIO_ACCESS_KEY": None, "MINIO_SECRET_KEY": None, "MINIO_CREDENTIALS": provider}
    (message,) = deployed(**TLS, **options)
    assert message.startswith("minio.W009: STORAGES['default']: the connections of MINIO_CREDENTIALS")


def test_it_is_a_matter_of_production() -> None:
    pool = urllib3.PoolManager(cert_reqs="CERT_NONE")
    with storages_set(default=entry(made_up(MINIO_HTTP_CLIENT=pool, **TLS))):
        assert django_checks.run_checks(tags=["minio"]) == []


KEYS = {
    "this-package-4": ("ACCESS-KEY", "SECRET-KEY"),
    "minio": ("minioadmin", "minioadmin"),
    "minio-of-old": ("minio", "minio123"),
    "minio-playground": ("Q3AM3UQ867SPQQA43P2F", "zuf+tfteSlswRu7BJ86wekitnifILbZam1KYY3TG"),
    "aws": ("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
    "seaweedfs": ("some_access_key1", "some_secret_key1"),
    "seaweedfs-any": ("any", "any"),
    "garage": ("GK31c2f218a2e44f485b94239e", "b892c0665f0ada8a4755dae98baa3b133590e11dae3bcc1f9d769d67f16c3835"),
    "versity": ("testuser", "secret"),
    "versity-manual": ("myaccess", "mysecret"),
    "rustfs": ("rustfsadmin", "rustfsadmin"),
    "ceph": ("0555b35654ad1656d804", "h7GhxuBLTrlhVUyxSPUKUV8r/2EI4ngqJxD7iBdBYLhwluN30JaT3Q=="),
    "localstack": ("test", "test"),
    "cloudserver": ("accessKey1", "verySecretKey1"),
    "moto": ("testing", "testing"),
}


@pytest.mark.parametrize(("access_key", "secret_key"), KEYS.values(), ids=KEYS)
def test_well_known_keys_are_reported(access_key: str, secret_key: str) -> None:
    (message,) = deployed(MINIO_ACCESS_KEY=access_key, MINIO_SECRET_KEY=secret_key, **TLS)
    assert message.startswith("minio.W003")
    assert deployed(MINIO_ACCESS_KEY="mine", MINIO_SECRET_KEY=secret_key, **TLS) == [message]


def test_so_are_those_of_this_repository() -> None:
    compose = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    access_keys = re.findall(r"\$\{MINIO_ACCESS_KEY:-([^}]*)\}", compose)
    secret_keys = re.findall(r"\$\{MINIO_SECRET_KEY:-([^}]*)\}", compose)
    assert access_keys
    assert secret_keys
    assert WELL_KNOWN_KEYS.issuperset(access_keys)
    assert WELL_KNOWN_SECRETS.issuperset(secret_keys)


def test_a_key_in_other_letters_is_another() -> None:
    assert deployed(MINIO_ACCESS_KEY="MinioAdmin", MINIO_SECRET_KEY="SECRET-key", **TLS) == []
