"""No secret is shown where storages, options and errors are."""

from __future__ import annotations

import copy
import json
import logging
import pickle
import traceback
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

import pytest
import urllib3
from django.core.files.storage import storages
from django.db.migrations.writer import MigrationWriter
from hypothesis import given
from hypothesis.strategies import binary, text
from minio.credentials.credentials import Credentials
from minio.credentials.providers import Provider, StaticProvider
from minio.sse import SseCustomerKey

from django_minio_backend.aliases import minio_storages
from django_minio_backend.errors import ConfigurationError
from django_minio_backend.models import MinioBackend
from django_minio_backend.object_urls.signing import effective_expiry
from django_minio_backend.options.hiding import hidden_options
from django_minio_backend.redaction.secret_values import hidden
from django_minio_backend.s3.credentials import QuietProvider
from tests.support.fixed_responses import responding
from tests.support.settings import SECRET_KEY, entry, made_up, storages_set

if TYPE_CHECKING:
    from collections.abc import Callable

TOKEN = "hush-hush-token"
CUSTOMER_KEY = b"hush-hush-of-32-bytes-0123456789"
PROXY_PASSWORD = "hush-hush-proxy"


@pytest.fixture
def storage() -> MinioBackend:
    return MinioBackend(
        "papers",
        **made_up(
            MINIO_SESSION_TOKEN=TOKEN,
            MINIO_HTTP_CLIENT=urllib3.ProxyManager(f"http://user:{PROXY_PASSWORD}@proxy.test"),
            MINIO_USE_HTTPS=True,
            sse=SseCustomerKey(CUSTOMER_KEY),
        ),
    )


@pytest.mark.parametrize("show", [repr, str, "{}".format])
def test_nothing_shows_a_secret(storage: MinioBackend, show: Callable[[object], str]) -> None:
    provided = MinioBackend(
        **made_up(MINIO_ACCESS_KEY=None, MINIO_SECRET_KEY=None, MINIO_CREDENTIALS=StaticProvider("a", SECRET_KEY))
    )
    shown = [storage, storage.options, [storage], provided, provided.options, storage.client, storage.deconstruct()]
    for one in shown:
        assert "hush" not in show(one)


def test_the_name_of_a_storage_helps_to_find_it(storage: MinioBackend) -> None:
    assert repr(storage) == "<MinioBackend: bucket 'papers' at https://minio.test:9000>"
    with storages_set(default=entry(made_up(MINIO_DEFAULT_BUCKET="photos"))):
        shown = repr(storages["default"])
    assert shown == "<MinioBackend: bucket 'photos' of STORAGES['default'] at http://minio.test:9000>"


def test_no_error_shows_a_secret() -> None:
    with (
        storages_set(
            default=entry(
                made_up(MINIO_SESSION_TOKEN=[TOKEN], MINIO_REGION="", MINIO_HTTP_CLIENT=f"x{PROXY_PASSWORD}")
            ),
            media=entry(made_up(MINIO_CREDENTIALS=[SECRET_KEY], MINIO_TOKEN=TOKEN)),
        ),
        pytest.raises(ConfigurationError) as told,
    ):
        minio_storages()
    assert len(told.value.problems) >= 5
    assert "hush" not in str(told.value) + repr(told.value)


def test_no_traceback_shows_a_secret(storage: MinioBackend) -> None:
    """The errors of settings, of credentials and of pickling, with all that caused them."""

    def missing_key() -> None:
        path, arguments, given = storage.deconstruct()
        assert (path, arguments) == ("django_minio_backend.models.MinioBackend", [])
        _ = MinioBackend(**given).client

    attempts: list[Callable[[], object]] = [
        lambda: MinioBackend(**made_up(MINIO_SESSION_TOKEN=[TOKEN], MINIO_REGION="")),
        lambda: MinioBackend(**made_up(MINIO_SECRETKEY=SECRET_KEY)),
        lambda: MinioBackend(**made_up(sse=CUSTOMER_KEY)),
        lambda: pickle.dumps(storage),
        missing_key,
    ]
    for attempt in attempts:
        with pytest.raises((ConfigurationError, TypeError)) as told:
            attempt()
        messages = [line for line in traceback.format_exception(told.value) if not line.startswith("  File")]
        assert "hush" not in "".join(messages)


def test_no_error_of_a_request_shows_a_secret(storage: MinioBackend) -> None:
    """A proxy that is not there: urllib3's error names where it wanted to go."""
    with pytest.raises(urllib3.exceptions.HTTPError) as told:
        storage.exists("letter.txt")
    shown = "".join(traceback.format_exception(told.value))
    assert "hush" not in shown
    assert "X-Amz-Signature" not in shown


def test_no_pickle_holds_a_secret() -> None:
    with storages_set(
        default=entry(made_up(MINIO_SESSION_TOKEN=TOKEN, MINIO_USE_HTTPS=True, sse=SseCustomerKey(CUSTOMER_KEY)))
    ):
        for one in (storages["default"], MinioBackend("papers"), MinioBackend("papers", "default")):
            pickled = pickle.dumps(one)
            assert b"hush" not in pickled
            assert pickle.loads(pickled).options == one.options  # type: ignore[attr-defined]  # noqa: S301 - our own


def test_no_pickled_error_holds_a_secret() -> None:
    with pytest.raises(ConfigurationError) as told:
        MinioBackend(**made_up(MINIO_SESSION_TOKEN=[TOKEN]))
    assert b"hush" not in pickle.dumps(told.value)


def test_no_migration_shows_a_secret(storage: MinioBackend) -> None:
    written, _ = MigrationWriter.serialize(storage)
    assert "papers" in written
    assert "hush" not in written


def test_no_log_line_shows_a_secret(storage: MinioBackend, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        storage.url("letter.txt")
        storage.is_minio_available()
    assert "hush" not in caplog.text
    assert "X-Amz-Signature" not in caplog.text


@given(text())
def test_a_hidden_string_is_the_same_in_all_but_its_repr(value: str) -> None:
    secret = hidden(value)
    assert (secret, hash(secret), f"{secret}", str(secret)) == (value, hash(value), value, value)
    assert type(str(secret)) is str
    assert secret.encode("utf-8", "surrogatepass") == value.encode("utf-8", "surrogatepass")
    assert json.dumps(secret) == json.dumps(value)
    assert pickle.loads(pickle.dumps(secret)) == value  # noqa: S301 - our own
    assert repr(secret) == repr(secret[1:]) == repr(copy.deepcopy(secret)) == "'***'"


@given(binary())
def test_hidden_bytes_are_the_same_in_all_but_their_repr(value: bytes) -> None:
    secret = hidden(value)
    assert (secret, hash(secret), bytes(secret)) == (value, hash(value), value)
    assert list(secret) == list(value)
    assert pickle.loads(pickle.dumps(secret)) == value  # noqa: S301 - our own
    assert repr(secret) == repr(secret[1:]) == repr(copy.deepcopy(secret)) == "b'***'"


def test_what_is_not_a_secret_stays_as_it_is() -> None:
    options = made_up(MINIO_REGION="eu-central-1", headers={"Cache-Control": "no-store"}, MINIO_PUBLIC_BUCKETS=["a-b"])
    shown = repr(hidden_options(options))
    assert hidden_options(options) == options
    assert "eu-central-1" in shown
    assert "no-store" in shown
    assert "a-b" in shown


def test_what_a_subclass_calls_its_own_stays_as_it_is() -> None:
    assert (
        repr(hidden_options({"storage_name": "papers", "folder": "x"})) == "{'storage_name': 'papers', 'folder': 'x'}"
    )


@pytest.mark.parametrize(
    "options",
    [
        {"MINIO_SECRET_KEY": "hush"},
        {"MINIO_SECRETKEY": "hush"},
        {"MINIO_SESSION_TOKEN": ["hush"]},
        {"MINIO_SESSION_TOKEN": {"of": ("hush", b"hush")}},
        {"sse": b"hush"},
        {"MINIO_ENDPOINT": "https://someone:hush@minio.test"},
        {"headers": {"x-amz-server-side-encryption-customer-key": "hush"}},
        {"MINIO_OBJECT_HEADERS": {"Authorization": "hush"}},
    ],
    ids=["a key", "a misspelt name", "a list", "a mapping", "bytes", "a password", "a header", "a login"],
)
def test_what_may_be_a_secret_is_hidden(options: dict[str, Any]) -> None:
    assert hidden_options(options) == options
    assert "hush" not in repr(hidden_options(options))


def test_hidden_headers_are_sent_byte_by_byte() -> None:
    token = "token+/=" * 30
    with responding(lambda headers: (200, "text/plain", headers["x-amz-security-token"].encode())) as endpoint:
        response = urllib3.request("GET", f"http://{endpoint}", headers={"X-Amz-Security-Token": hidden(token)})
    assert response.data.decode() == token


def test_credentials_that_change_within_one_object_count_at_once() -> None:
    """Some providers renew what they gave before, as botocore's do."""

    class Renewed:
        access_key, secret_key, session_token = "someone", "hush", "first"

    class Renewing(Provider):
        given = Renewed()

        def retrieve(self) -> Credentials:
            return cast("Credentials", self.given)

    provider = Renewing()
    quiet = QuietProvider(provider, "here")
    assert quiet.retrieve().session_token == "first"
    provider.given.session_token = "second"
    assert quiet.retrieve().session_token == "second"


def test_the_same_credentials_stay_the_same_object() -> None:
    """So that what is derived of them is derived once."""
    quiet = QuietProvider(StaticProvider("someone", "hush"), "here")
    assert quiet.retrieve() is quiet.retrieve()


def test_credentials_keep_when_they_expire() -> None:
    end = datetime(2040, 1, 1, tzinfo=UTC)

    class Temporary(Provider):
        def retrieve(self) -> Credentials:
            return Credentials("someone", "hush", "token", end)

    assert effective_expiry(QuietProvider(Temporary(), "here").retrieve(), int(end.timestamp()) - 10, 3600) == 10
