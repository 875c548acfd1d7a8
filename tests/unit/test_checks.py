"""System checks: each tells one unwise setting by its id, and nothing of a wise one."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.core import checks as django_checks
from django.test.utils import modify_settings, override_settings

from tests.support.processes import run_site
from tests.support.settings import STATIC_BACKEND, entry, made_up, storages_set

if TYPE_CHECKING:
    from django.core.checks import CheckMessage

ROOT = Path(__file__).parents[2]
TLS = {"MINIO_USE_HTTPS": True}
OURS, STATICFILES = "django_minio_backend.apps.DjangoMinioBackendConfig", "django.contrib.staticfiles"


def messages(*, deploy: bool = False) -> list[CheckMessage]:
    return django_checks.run_checks(tags=["minio"], include_deployment_checks=deploy)


def ids(*, deploy: bool = False) -> list[str | None]:
    return [message.id for message in messages(deploy=deploy)]


def deployed(**options: Any) -> list[str | None]:
    with storages_set(default=entry(made_up(**options))):
        return ids(deploy=True)


def test_wise_settings_give_no_message() -> None:
    with storages_set(
        default=entry(made_up(**TLS)),
        staticfiles=entry(made_up(MINIO_STATIC_FILES_BUCKET="assets", **TLS), STATIC_BACKEND),
    ):
        assert messages(deploy=True) == []


def test_settings_without_a_minio_storage_give_no_message() -> None:
    with storages_set(default={"BACKEND": "django.core.files.storage.InMemoryStorage"}):
        assert messages(deploy=True) == []


def test_every_message_names_its_storage_says_what_to_do_and_holds_no_secret() -> None:
    with (
        override_settings(MINIO_URL_CACHE_TIMEOUT_=1),
        storages_set(
            default=entry(
                made_up(
                    MINIO_SECRET_KEY="minioadmin",
                    MINIO_EXTERNAL_ENDPOINT="files.test",
                    MINIO_EXTERNAL_ENDPOINT_USE_HTTPS=False,
                    MINIO_DEFAULT_BUCKET="assets",
                    MINIO_URL_CACHING_ENABLED=True,
                    MINIO_URL_CACHE_TIMEOUT=timedelta(days=9),
                )
            ),
            staticfiles=entry(made_up(MINIO_STATIC_FILES_BUCKET="assets"), STATIC_BACKEND),
        ),
        modify_settings(INSTALLED_APPS={"remove": [OURS]}),
        modify_settings(INSTALLED_APPS={"append": [OURS]}),
    ):
        found = messages(deploy=True)
    assert {message.id for message in found} == {f"minio.W00{number}" for number in range(1, 9)}
    for message in found:
        assert message.level == django_checks.WARNING
        assert message.hint
        assert "minioadmin" not in f"{message}"
        if message.id not in {"minio.W005", "minio.W008"}:
            assert message.msg.startswith("STORAGES['"), message


# In production


def test_plain_http_to_browsers() -> None:
    assert deployed() == ["minio.W001"]
    assert deployed(**TLS) == []
    assert deployed(MINIO_EXTERNAL_ENDPOINT="files.test", MINIO_EXTERNAL_ENDPOINT_USE_HTTPS=False, **TLS) == [
        "minio.W001"
    ]
    assert deployed(MINIO_PUBLIC_BASE_URL="http://cdn.test", MINIO_PUBLIC_BUCKETS=["photos"], **TLS) == ["minio.W001"]
    mapped = {"photos": "https://cdn.test", "papers": "http://cdn.test"}
    assert deployed(MINIO_PUBLIC_BASE_URL=mapped, MINIO_PUBLIC_BUCKETS=list(mapped), **TLS) == ["minio.W001"]


@pytest.mark.parametrize(
    ("endpoint", "told"),
    [
        ("minio.example.com", True),
        ("203.0.113.7:9000", False),  # reserved for documentation, so nobody's
        ("8.8.8.8:9000", True),
        ("minio:9000", False),
        ("localhost:9000", False),
        ("127.0.0.1:9000", False),
        ("10.1.2.3", False),
        ("[::1]:9000", False),
        ("[2606:4700::1111]:9000", True),
    ],
)
def test_plain_http_to_a_server_that_is_not_near(endpoint: str, *, told: bool) -> None:
    found = deployed(
        MINIO_ENDPOINT=endpoint, MINIO_EXTERNAL_ENDPOINT="files.test", MINIO_EXTERNAL_ENDPOINT_USE_HTTPS=True
    )
    assert found == (["minio.W002"] if told else [])


@pytest.mark.parametrize(
    "keys",
    [
        {"MINIO_ACCESS_KEY": "minioadmin"},
        {"MINIO_SECRET_KEY": "minioadmin"},
        {"MINIO_ACCESS_KEY": "ACCESS-KEY", "MINIO_SECRET_KEY": "SECRET-KEY"},
        {"MINIO_ACCESS_KEY": "minio", "MINIO_SECRET_KEY": "minio123"},
    ],
)
def test_well_known_credentials(keys: dict[str, str]) -> None:
    assert deployed(**TLS, **keys) == ["minio.W003"]


def test_deployment_checks_run_only_with_deploy() -> None:
    with storages_set(default=entry(made_up(MINIO_SECRET_KEY="minioadmin"))):
        assert ids() == []


# Everywhere


@pytest.mark.parametrize(
    "media",
    [
        {"MINIO_PRIVATE_BUCKETS": ["assets"]},
        {"MINIO_DEFAULT_BUCKET": "assets"},
        {"bucket_name": "assets"},
        {"MINIO_STATIC_FILES_BUCKET": "assets", "MINIO_PRIVATE_BUCKETS": ["assets"]},
    ],
)
def test_a_static_bucket_that_is_private_elsewhere(media: dict[str, Any]) -> None:
    static = made_up(MINIO_STATIC_FILES_BUCKET="assets")
    with storages_set(default=entry(made_up(**media)), staticfiles=entry(static, STATIC_BACKEND)):
        (message,) = messages()
    assert message.id == "minio.W004"
    assert "STORAGES['default']" in message.msg
    assert "'assets'" in message.msg
    assert "STORAGES['staticfiles']" in message.msg


def test_a_static_bucket_that_its_own_alias_lists_private() -> None:
    static = made_up(MINIO_STATIC_FILES_BUCKET="assets", MINIO_PRIVATE_BUCKETS=["assets"])
    with storages_set(default=entry(made_up()), staticfiles=entry(static, STATIC_BACKEND)):
        assert ids() == ["minio.W004"]


def test_a_private_bucket_of_that_name_on_another_server_is_none_of_the_static_ones() -> None:
    with storages_set(
        default=entry(made_up(MINIO_PRIVATE_BUCKETS=["assets"], MINIO_ENDPOINT="else.test")),
        staticfiles=entry(made_up(MINIO_STATIC_FILES_BUCKET="assets"), STATIC_BACKEND),
    ):
        assert ids() == []


@pytest.mark.parametrize(
    ("order", "backend", "told"),
    [
        ([OURS, STATICFILES], STATIC_BACKEND, False),
        ([STATICFILES, OURS], STATIC_BACKEND, True),
        ([OURS], STATIC_BACKEND, False),
        ([STATICFILES, OURS], "django.contrib.staticfiles.storage.StaticFilesStorage", False),
    ],
)
def test_an_order_of_apps_that_disables_the_fast_collectstatic(order: list[str], backend: str, *, told: bool) -> None:
    options = made_up() if backend == STATIC_BACKEND else {}
    with (
        override_settings(INSTALLED_APPS=order),
        storages_set(default=entry(made_up()), staticfiles=entry(options, backend)),
    ):
        assert ids() == (["minio.W005"] if told else [])


@pytest.mark.parametrize(
    ("backend", "told"),
    [
        ("django.core.cache.backends.locmem.LocMemCache", True),
        ("django.core.cache.backends.dummy.DummyCache", True),
        ("django.core.cache.backends.db.DatabaseCache", False),
        ("django.core.cache.backends.redis.RedisCache", False),
    ],
)
@pytest.mark.parametrize("enabled", [True, False])
def test_a_url_cache_without_a_shared_backend(backend: str, *, told: bool, enabled: bool) -> None:
    with (
        override_settings(CACHES={"default": {"BACKEND": backend, "LOCATION": "there"}}),
        storages_set(default=entry(made_up(MINIO_URL_CACHING_ENABLED=enabled))),
    ):
        assert ids() == (["minio.W006"] if told and enabled else [])


def test_static_files_have_no_cached_urls() -> None:
    static = entry(made_up(), STATIC_BACKEND)
    with override_settings(MINIO_URL_CACHING_ENABLED=True), storages_set(default=entry(made_up()), staticfiles=static):
        (message,) = messages()
    assert message.id == "minio.W006"
    assert "STORAGES['default']" in message.msg


@pytest.mark.parametrize(("timeout", "told"), [(3599, False), (3600, True), (timedelta(hours=8), True), (None, False)])
@pytest.mark.parametrize("enabled", [True, False])
def test_an_expiry_shorter_than_the_cache_timeout(timeout: object, *, told: bool, enabled: bool) -> None:
    caches = {"default": {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "cache"}}
    options = made_up(
        MINIO_URL_CACHING_ENABLED=enabled, MINIO_URL_CACHE_TIMEOUT=timeout, MINIO_URL_EXPIRY_HOURS=timedelta(hours=1)
    )
    with override_settings(CACHES=caches), storages_set(default=entry(options)):
        assert ids() == (["minio.W007"] if told and enabled else [])


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("MINIO_URL_CACHING_ENABLE", "MINIO_URL_CACHING_ENABLED"),
        ("MINIO_CONSISTENCY_CHECK_AT_START", "MINIO_CONSISTENCY_CHECK_ON_START"),
        ("MINIO_BUCKET_PREFIX", ""),
        ("MINIO_URL_CACHE_PREFIX", ""),
        ("MINIO_ENDPOINT", ""),
    ],
)
def test_a_setting_that_is_almost_one_of_ours(name: str, meant: str) -> None:
    with override_settings(**{name: "x"}), storages_set(default=entry(made_up())):
        found = messages()
    assert [f"did you mean {meant}?" in message.msg for message in found] == ([True] if meant else [])


# As Django runs them


def test_they_can_be_silenced_by_their_ids() -> None:
    with storages_set(default=entry(made_up(MINIO_SECRET_KEY="minioadmin"))):
        with override_settings(SILENCED_SYSTEM_CHECKS=["minio.W001"]):
            assert [message.id for message in messages(deploy=True) if not message.is_silenced()] == ["minio.W003"]
        with override_settings(SILENCED_SYSTEM_CHECKS=["minio.W001", "minio.W003"]):
            assert all(message.is_silenced() for message in messages(deploy=True))


@pytest.mark.parametrize(
    ("arguments", "told", "code"),
    [
        (["check"], [], 0),
        (["check", "--deploy", "--tag", "minio"], ["minio.W001", "minio.W003"], 0),
        (["check", "--deploy", "--tag", "minio", "--fail-level", "WARNING"], ["minio.W001", "minio.W003"], 1),
    ],
)
def test_manage_py_check_shows_them_without_any_server(arguments: list[str], told: list[str], code: int) -> None:
    storages = {"default": entry(made_up(MINIO_ENDPOINT="no-such-host.invalid", MINIO_SECRET_KEY="minioadmin"))}
    done = run_site("-m", "django", *arguments, storages=storages)
    assert done.returncode == code, done.stderr
    assert [name for name in ("minio.W001", "minio.W002", "minio.W003") if name in done.stderr + done.stdout] == told
