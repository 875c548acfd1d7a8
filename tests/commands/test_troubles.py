"""What initialize_buckets, its --check and is_minio_available --deep say of each trouble, on every kind of server.

What servers tell differs: `tools.servers` names it as capabilities.
"""

from __future__ import annotations

import io
import secrets
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

import pytest
import urllib3
from django.core.management import call_command
from django.core.management.base import CommandError
from minio import MinioAdmin
from minio import time as signing_time
from minio.credentials.providers import StaticProvider

from django_minio_backend.health import diagnosis
from django_minio_backend.s3.client import S3Client
from tests.support.rewriting_proxy import rewriting_proxy, s3_error
from tests.support.settings import STATIC_BACKEND, entry, options_of, storages_set
from tools.servers import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from minio import Minio

    from tests.support.rewriting_proxy import Received, Response
    from tools.servers import Server

WRONG_SECRET = "0123456789abcdef" * 4  # as long as Garage's are
INITIALIZE, CHECK, DEEP = ("initialize_buckets",), ("initialize_buckets", "--check"), ("is_minio_available", "--deep")
COMMANDS = [INITIALIZE, CHECK, DEEP]
WITHIN = 10.0  # seconds


@dataclass(frozen=True)
class Ended:
    """How a command ended: what it printed, its error, its exit code."""

    output: str
    error: str
    code: int


def tried(command: tuple[str, ...]) -> Ended:
    """Run a command as manage.py does, within seconds."""
    output, errors = io.StringIO(), io.StringIO()
    begun, code, error = time.monotonic(), 0, ""
    try:
        call_command(*command, stdout=output, stderr=errors)
    except CommandError as failure:
        error, code = str(failure), failure.returncode
    except SystemExit as ended:
        code = int(ended.code or 0)
    assert time.monotonic() - begun < WITHIN
    for hidden in (WRONG_SECRET, "X-Amz-Signature"):
        assert hidden not in output.getvalue() + errors.getvalue() + error
    return Ended(output.getvalue(), error, code)


@pytest.fixture
def names(bucket_name: Callable[[], str], server: Server) -> dict[str, str]:
    """Buckets to be, of the kinds that the server can have."""
    kinds = (
        ("default", "private", "public", "static")
        if "stored-policies" in server.capabilities
        else ("default", "private")
    )
    return {kind: bucket_name() for kind in kinds}


@contextmanager
def site(server: Server, names: dict[str, str], **more: Any) -> Iterator[None]:
    """A media alias and, where there can be public buckets, a static one."""
    options = {**options_of(server), **more}
    listed = {
        "MINIO_DEFAULT_BUCKET": names["default"],
        "MINIO_PRIVATE_BUCKETS": [names["private"]],
        "MINIO_PUBLIC_BUCKETS": [names[kind] for kind in names if kind == "public"],
    }
    static = {}
    if "static" in names:
        static = {"staticfiles": entry({**options, "MINIO_STATIC_FILES_BUCKET": names["static"]}, STATIC_BACKEND)}
    with storages_set({"default": entry({**options, **listed}), **static}):
        yield


@pytest.fixture
def made(server: Server, names: dict[str, str]) -> dict[str, str]:
    """The same buckets, made by the command."""
    with site(server, names):
        assert tried(INITIALIZE).code == 0
    return names


# All is right


def test_the_buckets_of_right_settings_are_checked_made_and_checked_again(
    server: Server, names: dict[str, str]
) -> None:
    with site(server, names):
        before = tried(CHECK)
        assert before.code == 1
        assert all(f"Bucket '{name}'" in before.output for name in names.values())
        made = tried(INITIALIZE)
        assert (made.code, made.error) == (0, "")
        assert all(f"Bucket '{name}'" in made.output for name in names.values())
        assert tried(CHECK) == Ended("All buckets match the settings.\n", "", 0)


def test_every_check_is_reported_where_all_is_right(server: Server, made: dict[str, str]) -> None:
    with site(server, made):
        ended = tried(DEEP)
    assert (ended.code, ended.error) == (0, "")
    for line in (
        f"'default': server: GET http://{server.endpoint}/",
        "'default': clock: right",
        f"'default': region: '{server.region}' is accepted",
        "'default': credentials: accepted",
    ):
        assert line in ended.output
    for name in made.values():
        assert f"bucket '{name}': the account may list, read and write" in ended.output


def test_looking_leaves_nothing_behind(server: Server, made: dict[str, str], sdk: Minio) -> None:
    from tests.support.buckets import unfinished_uploads

    with site(server, made):
        for command in COMMANDS:
            assert tried(command).code == 0
    for name in made.values():
        assert list(sdk.list_objects(bucket_name=name, recursive=True)) == []
        assert unfinished_uploads(sdk, name) == []


def test_silenced_prints_nothing(server: Server, made: dict[str, str]) -> None:
    with site(server, made):
        for command in COMMANDS:
            assert tried((*command, "--silenced")) == Ended("", "", 0)


# Keys, region, clock


@pytest.mark.needs("signatures")
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        ({"MINIO_SECRET_KEY": WRONG_SECRET}, "MINIO_SECRET_KEY does not match the access key"),
        ({"MINIO_ACCESS_KEY": "GK0123456789abcdef01234567"}, "correct MINIO_ACCESS_KEY"),
    ],
    ids=["secret", "access key"],
)
def test_wrong_keys_are_reported(
    server: Server, made: dict[str, str], command: tuple[str, ...], wrong: dict[str, str], problem: str
) -> None:
    with site(server, made, **wrong):
        ended = tried(command)
    assert ended.code == 1
    assert problem in ended.error
    if command == DEEP:
        assert "'default': server: " in ended.output
        assert "'default': clock: right" in ended.output
        assert "'default': credentials: " in ended.error
        assert "bucket '" not in ended.error


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_wrong_region_is_reported_if_the_server_rejects_it(
    server: Server, made: dict[str, str], command: tuple[str, ...]
) -> None:
    with site(server, made, MINIO_REGION="eu-west-7"):
        ended = tried(command)
    if "regions" not in server.capabilities:
        assert (ended.code, ended.error) == (0, "")
        return
    assert ended.code == 1
    assert (
        f"signed for region 'eu-west-7', which is not the server's; set MINIO_REGION to '{server.region}'"
        in ended.error
    )
    if command == DEEP:
        assert "'default': region: " in ended.error


def test_a_date_without_a_zone_is_that_of_utc(
    server: Server, made: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    date = format_datetime(signing_time.utcnow().replace(tzinfo=None))
    assert date.endswith("-0000")
    monkeypatch.setattr(S3Client, "identify", lambda _: urllib3.HTTPResponse(headers={"date": date}))
    with site(server, made):
        ended = tried(DEEP)
    assert ended.code == 0
    assert "'default': clock: " in ended.output


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_clock_that_is_an_hour_off_is_reported(
    server: Server, made: dict[str, str], hours: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = signing_time.utcnow
    with site(server, made), monkeypatch.context() as patched:
        patched.setattr(signing_time, "utcnow", lambda: now() + timedelta(hours=hours))
        deep, check = tried(DEEP), tried(CHECK)
    side = "ahead of" if hours > 0 else "behind"
    assert deep.code == 1
    assert "'default': clock: 3" in deep.error
    assert f" s {side} the server's; set this machine's clock" in deep.error
    assert "credentials: " not in deep.error
    if "clocks" in server.capabilities:
        assert "the clocks of this machine and of the server are too far apart" in check.error
    else:  # the server goes on, and so do we
        assert "bucket '" in deep.output
        assert check.code == 0


# Buckets


def test_a_missing_bucket_is_reported_with_what_to_do(server: Server, made: dict[str, str], sdk: Minio) -> None:
    sdk.remove_bucket(bucket_name=made["private"])
    with site(server, made):
        deep, check = tried(DEEP), tried(CHECK)
    assert (deep.code, check.code) == (1, 1)
    _, line, page = deep.error.splitlines()
    assert page == "docs: how-to/troubleshoot#nosuchbucket"
    assert f"'default': bucket '{made['private']}': the bucket does not exist; run manage.py initialize_buckets" in line
    assert f"bucket '{made['default']}': the account may list, read and write" in deep.output
    assert f"Bucket '{made['private']}'" in check.output
    assert made["default"] not in check.output
    assert not sdk.bucket_exists(bucket_name=made["private"])


@pytest.mark.parametrize(
    ("forbidden", "problem"),
    [
        (
            {"GET", "POST", "PUT"},
            "the account may not list, read or write; allow it s3:ListBucket, s3:GetObject and s3:PutObject",
        ),
        ({"POST", "PUT"}, "the account may list and read but not write; allow it s3:PutObject"),
        (
            {"DELETE"},
            "the account may list, read and write but not abort uploads; allow it s3:AbortMultipartUpload",
        ),
    ],
    ids=["everything", "writing", "giving up"],
)
def test_a_bucket_that_the_account_may_not_use_is_reported_with_the_permissions_needed(
    server: Server, made: dict[str, str], forbidden: set[str], problem: str
) -> None:
    """By a proxy, as accounts are made differently on each server."""

    def refuse(request: Received) -> Response | None:
        mine = request.path.startswith(f"/{made['private']}")
        return s3_error(403, "AccessDenied") if mine and request.method in forbidden else None

    with rewriting_proxy(server) as rewriter:
        rewriter.rule = refuse
        with site(server, made, MINIO_ENDPOINT=rewriter.endpoint):
            deep = tried(DEEP)
    assert deep.code == 1
    assert deep.error.splitlines()[1:] == [f"'default': bucket '{made['private']}': {problem}"]
    assert f"bucket '{made['default']}': the account may list, read and write" in deep.output


def test_the_permissions_of_an_account_are_reported(server: Server, made: dict[str, str]) -> None:
    if server.kind != "minio":
        pytest.skip(f"{server.kind} has no users to make by MinIO's administration")
    user, password = secrets.token_hex(8), secrets.token_hex(16)
    root = StaticProvider(server.access_key, server.secret_key)
    admin = MinioAdmin(endpoint=server.endpoint, credentials=root, secure=server.secure)
    admin.user_add(user, password)
    try:
        with site(server, made, MINIO_ACCESS_KEY=user, MINIO_SECRET_KEY=password):
            nothing, check = tried(DEEP), tried(CHECK)
            admin.policy_set("readonly", user=user)
            reading = tried(DEEP)
    finally:
        admin.user_remove(user)
    name = made["private"]
    assert f"bucket '{name}': the account may not list, read or write" in nothing.error
    assert "credentials: accepted" in nothing.output
    assert "allow its user s3:CreateBucket, s3:GetBucketPolicy" in check.error
    assert f"bucket '{name}': the account may read but not list or write; allow it s3:ListBucket" in reading.error


def test_the_http_client_of_the_settings_is_used(server: Server, made: dict[str, str]) -> None:
    class Counting(urllib3.PoolManager):
        retrievals = 0

        def urlopen(self, method: str, url: str, redirect: bool = True, **more: Any) -> urllib3.BaseHTTPResponse:  # type: ignore[override]  # noqa: FBT001, FBT002 - urllib3's signature
            self.retrievals += 1
            assert more["retries"] is False
            return super().urlopen(method, url, redirect, **more)

    pool = Counting(retries=7)
    with site(server, made, MINIO_HTTP_CLIENT=pool):
        assert tried(DEEP).code == 0
    # health check and account by each alias, four questions by each bucket
    assert pool.retrievals >= len(made) * 4
    pool.clear()


# Servers that are not there


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_server_that_is_down_is_reported(server: Server, names: dict[str, str], command: tuple[str, ...]) -> None:
    endpoint = f"127.0.0.1:{free_port()}"
    with site(server, names, MINIO_ENDPOINT=endpoint):
        ended = tried(command)
    assert ended.code == 1
    assert f"http://{endpoint}" in ended.error
    assert "Connection refused" in ended.error


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_server_that_accepts_connections_and_never_responds_is_reported(
    server: Server, names: dict[str, str], command: tuple[str, ...], silent_endpoint: str
) -> None:
    with site(server, names, MINIO_ENDPOINT=silent_endpoint):
        ended = tried(command)
    assert ended.code == 1
    assert f"http://{silent_endpoint}" in ended.error


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_twelve_silent_servers_take_no_longer_than_one(command: tuple[str, ...], silent_endpoint: str) -> None:
    from tests.support.settings import made_up

    several = {
        "default": entry(made_up(MINIO_ENDPOINT=silent_endpoint)),
        **{
            f"media{number}": entry(made_up(MINIO_ENDPOINT=silent_endpoint, MINIO_ACCESS_KEY=f"user{number}"))
            for number in range(11)
        },
    }
    with storages_set(several):
        ended = tried(command)
    assert ended.code == 1
    assert ended.error.count(f"GET http://{silent_endpoint}") == 12


def test_a_server_that_falls_silent_after_its_health_check_is_reported_in_time(
    server: Server, made: dict[str, str]
) -> None:
    def silence(request: Received) -> Response | None:
        if "Authorization" in request.headers:
            time.sleep(WITHIN)
        return None

    with rewriting_proxy(server) as rewriter:
        rewriter.rule = silence
        with site(server, made, MINIO_ENDPOINT=rewriter.endpoint):
            ended = tried(DEEP)
    assert ended.code == 1
    assert "'default': server: " in ended.output
    assert "'default': credentials: could not be checked: " in ended.error


def test_a_response_to_a_signed_request_that_does_not_end_is_reported_as_such(
    server: Server, made: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(diagnosis, "DEADLINE", 1.0)
    monkeypatch.setattr(S3Client, "identify", lambda _: time.sleep(3))
    with site(server, made):
        ended = tried(DEEP)
    assert ended.code == 1
    assert "'default': credentials: could not be checked: no complete response within 1 seconds" in ended.error


def test_credentials_that_take_forever_are_reported_in_time(server: Server, made: dict[str, str]) -> None:
    def hang() -> None:
        over.wait(60)

    over = threading.Event()
    keys = {"MINIO_ACCESS_KEY": None, "MINIO_SECRET_KEY": None}
    try:
        with site(server, made, **keys, MINIO_CREDENTIALS=hang):
            ended = tried(DEEP)
    finally:
        over.set()
    assert ended.code == 1
    assert "'default': credentials: MINIO_CREDENTIALS takes too long" in ended.error


def test_a_web_page_on_that_port_is_no_s3_server(
    server: Server, names: dict[str, str], web_server: Callable[[int], str]
) -> None:
    endpoint = web_server(200)
    with site(server, names, MINIO_ENDPOINT=endpoint):
        for command in COMMANDS:
            ended = tried(command)
            assert ended.code == 1
            assert "not the response of an S3 server; is this the right port?" in ended.error
