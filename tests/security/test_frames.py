"""No report of an error shows a secret: no debug page, no error mail, no traceback or tracker that captures locals."""

from __future__ import annotations

import base64
import io
import json
import os
import subprocess
import sys
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
import urllib3
from django.core.files.base import ContentFile
from django.core.management import call_command
from minio.credentials.credentials import Credentials
from minio.credentials.providers import AssumeRoleProvider, LdapIdentityProvider, Provider, WebIdentityProvider

from django_minio_backend.errors import ConfigurationError
from django_minio_backend.models import MinioBackend, MinioBackendStatic
from django_minio_backend.staticfiles.manifest import MinioManifestStaticStorage
from tests.support.certificates import Certificates
from tests.support.fixed_responses import responding
from tests.support.hostile import OBJECT, head, hostile, response
from tests.support.reports import error_of, reports
from tests.support.secret_options import KEY, PASSWORD, SECRET, TOKEN, assert_hides_all, forms, given
from tests.support.settings import STATIC_BACKEND, entry, storages_set
from tools.processes import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tests.support.hostile import Received
    from tools.servers import Server

    Operation = Callable[[MinioBackend], object]

SIX_MEBIBYTES = b"x" * (6 * 1024**2)


def put_by_sdk(storage: MinioBackend) -> None:
    storage.client.put_object("papers", "x", io.BytesIO(b"content"), 7, sse=storage.ssec)


OPERATIONS: dict[str, Operation] = {
    "open": lambda storage: storage.open("x").read(),
    "open as text": lambda storage: storage.open("x", "r").read(),
    "write": lambda storage: storage.open("x", "xb").close(),
    "save": lambda storage: storage.save("x", ContentFile(b"content")),
    "delete": lambda storage: storage.delete("x"),
    "exists": lambda storage: storage.exists("x"),
    "size": lambda storage: storage.size("x"),
    "modified": lambda storage: storage.get_modified_time("x"),
    "stat": lambda storage: storage.stat("x"),
    "listdir": lambda storage: storage.listdir("x"),
    "accept_upload": lambda storage: storage.accept_upload("x"),
    "available": lambda storage: storage.is_minio_available(),
    "buckets": lambda storage: storage.check_bucket_existences(),
    "policy": lambda storage: storage.set_bucket_to_public(),
    "sdk: list": lambda storage: list(storage.client.list_objects("papers")),
    "sdk: get": lambda storage: storage.client.get_object("papers", "x", ssec=storage.ssec),
    "sdk: put": put_by_sdk,
    "sdk: a form without its key": lambda storage: storage.client.presigned_post_policy(wrong_policy()),
}


def wrong_policy() -> Any:
    from datetime import UTC, datetime

    from minio.datatypes import PostPolicy

    return PostPolicy("papers", datetime(2040, 1, 1, tzinfo=UTC))


def echo(headers: Mapping[str, str]) -> tuple[int, str, bytes]:
    return 400, "text/plain", "\n".join(f"{name}: {value}" for name, value in headers.items()).encode()


def echo_as_s3(headers: Mapping[str, str]) -> tuple[int, str, bytes]:
    message = " ".join(headers.values()).replace("&", "").replace("<", "")
    return 403, "application/xml", f"<Error><Code>AccessDenied</Code><Message>{message}</Message></Error>".encode()


ANSWERS: dict[str, Callable[[Mapping[str, str]], tuple[int, str, bytes] | None]] = {
    "hangs up": lambda _: None,
    "nonsense": lambda _: (200, "text/html", b"<p>welcome</p>"),
    "cut xml": lambda _: (200, "application/xml", b"<ListBucketResult><Contents><Key>"),
    "403": lambda _: (403, "application/xml", b"<Error><Code>AccessDenied</Code></Error>"),
    "404": lambda _: (404, "application/xml", b"<Error><Code>NoSuchBucket</Code></Error>"),
    "500": lambda _: (500, "text/html", b"<p>sorry</p>"),
    "echo": echo,
    "echo as S3": echo_as_s3,
}


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


def pool(certificates: Certificates) -> urllib3.PoolManager:
    """Retries, as the default pool does, but does not wait for long."""
    retries = urllib3.Retry(1, backoff_factor=0, status_forcelist=[500], raise_on_status=False, allowed_methods=None)
    return urllib3.PoolManager(retries=retries, timeout=20, ca_certs=str(certificates.authority))


@contextmanager
def server_that(name: str, certificates: Certificates | None) -> Iterator[str]:
    if name == "dead":
        yield f"127.0.0.1:{free_port()}"
        return
    with responding(ANSWERS[name], certificates) as endpoint:
        yield endpoint


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("answer", ["dead", *ANSWERS])
def test_errors_of_operations_hide_secrets(answer: str, scheme: str, certificates: Certificates) -> None:
    https = scheme == "https"
    with server_that(answer, certificates if https else None) as endpoint:
        storage = MinioBackend(**given(endpoint, https=https, MINIO_HTTP_CLIENT=pool(certificates)))
        errors = {name: error_of(partial(operation, storage)) for name, operation in OPERATIONS.items()}
        raised = {name: error for name, error in errors.items() if error is not None}
        assert len(raised) >= {"nonsense": 8, "cut xml": 8, "404": 8}.get(answer, 16), raised
        for error in raised.values():
            assert_hides_all(error)


XML = {"Content-Type": "application/xml"}


def in_listing(token: str) -> bytes:
    prefix = f"<CommonPrefixes><Prefix>{token}</Prefix></CommonPrefixes>"
    return f"<ListBucketResult><IsTruncated>false</IsTruncated>{prefix}</ListBucketResult>".encode()


ECHOES: dict[str, Callable[[str], bytes]] = {
    "status line": lambda token: f"{token}\r\n\r\n".encode(),
    "host of a redirect": lambda token: response(302, b"", {"Location": f"https://{token}.example/"}),
    "region in a header": lambda token: response(301, b"", {"x-amz-bucket-region": token}),
    "region in XML": lambda token: response(301, f"<Error><Region>{token[:60]}</Region></Error>".encode(), XML),
    "Content-Encoding": lambda token: response(403, b"x", {"Content-Encoding": token}),
    "Content-Range": lambda token: response(206, b"x", {**OBJECT, "Content-Range": token}),
    "Content-Length": lambda token: head(200, {"Content-Length": f"{token}, 5"}),
    "ETag": lambda token: response(200, b"", {**OBJECT, "ETag": token}),
    "size of a chunk": lambda token: head(200, {**XML, "Transfer-Encoding": "chunked"}) + f"{token}\r\n".encode(),
    "error of status 200": lambda token: response(200, f"<Error><Message>{token}</Message></Error>".encode(), XML),
    "keys": lambda token: response(200, in_listing(token), XML),
    "no XML": lambda token: response(200, token.encode(), XML),
    "percent-encoding": lambda token: response(403, quote(token, safe="").encode(), {"Content-Type": "text/html"}),
    "code in a header": lambda token: response(403, b"", {"x-minio-error-code": token}),
    "reason in a header": lambda token: response(
        403, b"", {"x-minio-error-code": "AccessDenied", "x-minio-error-desc": f'"{token}"'}
    ),
    "code": lambda token: response(403, f"<Error><Code>{token}</Code></Error>".encode(), XML),
}


@pytest.mark.parametrize("place", ECHOES)
def test_errors_hide_a_token_that_the_server_repeats_anywhere(place: str, certificates: Certificates) -> None:
    with hostile(lambda asked: [ECHOES[place](asked.headers.get("x-amz-security-token", "none"))]) as running:
        storage = MinioBackend(**given(running.endpoint, MINIO_HTTP_CLIENT=pool(certificates)))
        errors = [error_of(partial(operation, storage)) for operation in OPERATIONS.values()]
        raised = [error for error in errors if error is not None]
        assert raised
        for error in raised:
            assert_hides_all(error)


def test_the_token_by_which_a_listing_goes_on_is_no_secret() -> None:
    """S3 repeats it in the next page."""
    following = "b" * 40
    first = f"<IsTruncated>true</IsTruncated><NextContinuationToken>{following}</NextContinuationToken>"
    last = f"<IsTruncated>false</IsTruncated><ContinuationToken>{following}</ContinuationToken>"

    def reply(asked: Received) -> list[bytes]:
        page = last if following in asked.target else first
        return [response(200, f"<ListBucketResult>{page}</ListBucketResult>".encode(), XML)]

    with hostile(reply) as running:
        assert MinioBackend(**given(running.endpoint)).listdir("") == ([], [])
        assert len(running.received) == 2


def test_a_wrong_signature_is_reported_although_a_hidden_part_of_the_response_repeats_the_token() -> None:
    """AWS does so, in the CanonicalRequest of its response."""

    def reply(asked: Received) -> list[bytes]:
        canonical = f"<CanonicalRequest>{asked.headers['x-amz-security-token']}</CanonicalRequest>"
        return [response(403, f"<Error><Code>SignatureDoesNotMatch</Code>{canonical}</Error>".encode(), XML)]

    with hostile(reply) as running:
        error = error_of(partial(MinioBackend(**given(running.endpoint)).listdir, ""))
        assert error is not None
        assert getattr(error, "code", None) == "SignatureDoesNotMatch"
        assert_hides_all(error)


@pytest.mark.parametrize("answer", ["dead", "403"])
def test_errors_of_uploads_in_parts_hide_secrets(answer: str, certificates: Certificates) -> None:
    def write(storage: MinioBackend) -> None:
        with storage.open("written.bin", "wb") as file:
            file.write(SIX_MEBIBYTES)

    with server_that(answer, certificates) as endpoint:
        storage = MinioBackend(**given(endpoint, https=True, MINIO_HTTP_CLIENT=pool(certificates)))
        uploads: list[Operation] = [write, lambda of: of.save("x", ContentFile(SIX_MEBIBYTES))]
        for upload in uploads:
            error = error_of(partial(upload, storage))
            assert error is not None
            assert_hides_all(error, pages=False)


def test_errors_of_the_default_connections_hide_secrets() -> None:
    storage = MinioBackend(**given(f"127.0.0.1:{free_port()}"))
    error = error_of(lambda: storage.exists("x"))
    assert isinstance(error, urllib3.exceptions.HTTPError)
    assert_hides_all(error)


@pytest.mark.needs("signatures")
def test_errors_of_wrong_keys_hide_secrets(server: Server) -> None:
    storage = MinioBackend(**given(server.endpoint, https=False, MINIO_SESSION_TOKEN=None))
    with_token = MinioBackend(**given(server.endpoint, https=False))
    for wrong in (storage, with_token):
        for operation in OPERATIONS.values():
            error = error_of(partial(operation, wrong))
            if error is not None:
                assert_hides_all(error)


def test_errors_of_wrong_arguments_hide_secrets(certificates: Certificates) -> None:
    storage = MinioBackend(**given("127.0.0.1:1", https=True, MINIO_HTTP_CLIENT=pool(certificates)))
    wrong: list[Operation] = [
        lambda of: of.url("\ud800"),
        lambda of: of.url("x", response_headers={"Content-Type": "\ud800"}),
        lambda of: of.url("x", expires=0),
        lambda of: of.save("\ud800", ContentFile(b"")),
        lambda of: of.save("../x", ContentFile(b"")),
        lambda of: of.open("x", "a"),
        lambda of: of.presigned_upload("x", max_size=0),
        lambda of: of.presigned_upload("x", max_size=1),
        lambda of: of.presigned_upload("x", max_size=1, content_type="\n"),
        lambda of: of.listdir("\ud800"),
        lambda of: of.client.get_object("papers", ""),
        lambda of: of.client.get_object("no", "x"),
    ]
    for number, operation in enumerate(wrong):
        error = error_of(partial(operation, storage))
        assert error is not None, number
        assert_hides_all(error)


def test_a_traceback_still_names_the_lines_of_the_sdk() -> None:
    storage = MinioBackend(**given(f"127.0.0.1:{free_port()}", MINIO_HTTP_CLIENT=urllib3.PoolManager(retries=False)))
    error = error_of(lambda: storage.exists("x"))
    assert error is not None
    text = reports(error)["traceback with locals"]
    assert "_url_open" in text
    assert "connectionpool.py" in text


class Refusing(Provider):
    """Fails with secrets in its frame."""

    def retrieve(self) -> Credentials:
        secret = f"{SECRET}"
        raise KeyError(len(secret))


class Unsendable(Provider):
    """Gives a token that cannot be a header."""

    def retrieve(self) -> Credentials:
        return Credentials("someone", SECRET, f"{TOKEN}\r\n")


def failing_function() -> Provider:
    key, token = f"{SECRET}", f"{TOKEN}"
    raise LookupError(len(key + token))


def loud_function() -> Provider:
    return "not a provider"  # type: ignore[return-value]


def assumed(endpoint: str) -> Provider:
    return AssumeRoleProvider(
        sts_endpoint=f"http://{endpoint}", access_key="someone", secret_key=SECRET, http_client=quick()
    )


def by_password(endpoint: str) -> Provider:
    return LdapIdentityProvider(
        sts_endpoint=f"http://{endpoint}", ldap_username="someone", ldap_password=PASSWORD, http_client=quick()
    )


def by_token(endpoint: str) -> Provider:
    return WebIdentityProvider(
        jwt_provider_func=lambda: {"access_token": TOKEN, "expires_in": "3600"},
        sts_endpoint=f"http://{endpoint}",
        http_client=quick(),
    )


def quick() -> urllib3.PoolManager:
    return urllib3.PoolManager(retries=urllib3.Retry(1, backoff_factor=0))


SOURCES: dict[str, Callable[[str], object]] = {
    "a provider that fails": lambda _: Refusing(),
    "a token that cannot be sent": lambda _: Unsendable(),
    "a function that fails": lambda _: failing_function,
    "a function of something else": lambda _: loud_function,
    "no such path": lambda _: "no.such.path",
    "an assumed role": assumed,
    "a password": by_password,
    "an identity": by_token,
}


@pytest.mark.parametrize("answer", ["dead", "403", "nonsense"])
@pytest.mark.parametrize("source", SOURCES)
def test_errors_of_credentials_hide_secrets(source: str, answer: str) -> None:
    with server_that(answer, None) as endpoint:
        options = given(endpoint, MINIO_CREDENTIALS=SOURCES[source](endpoint))
        without = ("MINIO_ACCESS_KEY", "MINIO_SECRET_KEY", "MINIO_SESSION_TOKEN")
        storage = MinioBackend(**{name: value for name, value in options.items() if name not in without})
        del options
        uses: list[Operation] = [
            lambda of: of.url("x"),
            lambda of: of.exists("x"),
            lambda of: of.save("x", ContentFile(b"content")),
            lambda of: of.presigned_upload("x", max_size=1),
        ]
        for number, use in enumerate(uses):
            error = error_of(partial(use, storage))
            assert error is not None, number
            assert_hides_all(error)


PROVIDER_ECHOES: dict[str, Callable[[Received], bytes]] = {
    "status line": lambda asked: f"{asked.method} {asked.target} HTTP/1.1\r\n\r\n".encode(),
    "Content-Encoding": lambda asked: response(200, b"x", {"Content-Encoding": asked.target}),
    "size of a chunk": lambda asked: (
        head(200, {**XML, "Transfer-Encoding": "chunked"}) + f"{asked.target}\r\n".encode()
    ),
}


@pytest.mark.parametrize("place", PROVIDER_ECHOES)
@pytest.mark.parametrize("source", ["a password", "an identity"])
def test_errors_of_credentials_hide_what_the_server_repeats(source: str, place: str) -> None:
    with hostile(lambda asked: [PROVIDER_ECHOES[place](asked)]) as running:
        options = given(running.endpoint, MINIO_CREDENTIALS=SOURCES[source](running.endpoint))
        without = ("MINIO_ACCESS_KEY", "MINIO_SECRET_KEY", "MINIO_SESSION_TOKEN")
        storage = MinioBackend(**{name: value for name, value in options.items() if name not in without})
        del options
        error = error_of(partial(storage.url, "x"))
        assert error is not None
        assert_hides_all(error)


def test_a_user_of_the_storage_keeps_the_locals_of_frames_that_led_to_it() -> None:
    """Only what the block of a request called is forgotten."""
    storage = MinioBackend(**given(f"127.0.0.1:{free_port()}", MINIO_HTTP_CLIENT=urllib3.PoolManager(retries=False)))

    def helper() -> None:
        kept = "a local of the user's"
        raise LookupError(len(kept))

    def use() -> None:
        try:
            helper()
        except LookupError:
            storage.exists("x")

    error = error_of(use)
    assert error is not None
    assert "a local of the user's" in reports(error)["traceback with locals"]


COMMANDS: dict[str, tuple[str, dict[str, Any]]] = {
    "initialize_buckets": ("initialize_buckets", {}),
    "is_minio_available": ("is_minio_available", {"alias": "default"}),
    "is_minio_available --deep": ("is_minio_available", {"alias": "default", "deep": True}),
    "clean_orphaned_minio_files": ("clean_orphaned_minio_files", {"interactive": False, "bucket": ["papers"]}),
    "collectstatic": ("collectstatic", {"interactive": False, "verbosity": 0}),
}


@pytest.mark.django_db
@pytest.mark.parametrize("answer", ["dead", "403", "echo"])
@pytest.mark.parametrize("command", COMMANDS)
def test_errors_of_commands_hide_secrets(command: str, answer: str, certificates: Certificates) -> None:
    name, arguments = COMMANDS[command]
    with server_that(answer, certificates) as endpoint:
        options = partial(given, endpoint, https=True)
        http = pool(certificates)
        with storages_set(
            default=entry(options(MINIO_HTTP_CLIENT=http)),
            staticfiles=entry(options(MINIO_HTTP_CLIENT=http), STATIC_BACKEND),
        ):
            error = error_of(lambda: call_command(name, **arguments))
    assert error is not None
    assert_hides_all(error)


# Storages that cannot be made, pickled or shown


def mistakes() -> dict[str, dict[str, Any]]:
    return {
        "a wrong region": {"MINIO_REGION": ""},
        "a list for a token": {"MINIO_SESSION_TOKEN": [TOKEN]},
        "bytes for a secret": {"MINIO_SECRET_KEY": SECRET.encode()},
        "a misspelt name": {"MINIO_SECRETKEY": SECRET},
        "a key that is no object": {"sse": KEY},
        "a key in headers": {"headers": {"X-Amz-Server-Side-Encryption-Customer-Key": base64.b64encode(KEY).decode()}},
        "a token that cannot be sent": {"MINIO_SESSION_TOKEN": f"{TOKEN}\n"},
        "a secret of no characters": {"MINIO_SECRET_KEY": f"{SECRET}\ud800"},
        "a password in the endpoint": {"MINIO_ENDPOINT": f"https://someone:{PASSWORD}@minio.test"},
    }


@pytest.mark.parametrize("kind", [MinioBackend, MinioBackendStatic, MinioManifestStaticStorage])
@pytest.mark.parametrize("mistake", mistakes())
def test_errors_of_wrong_options_hide_secrets(mistake: str, kind: type[MinioBackend]) -> None:
    error = error_of(lambda: kind(**given("minio.test", **mistakes()[mistake])))
    assert isinstance(error, ConfigurationError)
    assert_hides_all(error)


STARTED = """
import json, os, sys, traceback
import django
from django.apps import AppConfig
from django.core.files.storage import storages
try:
    {start}
except Exception as error:
    print("".join(traceback.TracebackException.from_exception(error, capture_locals=True).format()))
else:
    sys.exit("no error")
"""


@pytest.mark.parametrize(
    "start",
    ["django.setup()", "AppConfig.create('django_minio_backend.apps.DjangoMinioBackendConfig'); storages['default']"],
    ids=["the start of Django", "models of an app that make a storage"],
)
def test_errors_of_wrong_settings_hide_secrets(start: str) -> None:
    """Django's own frames, too, which hold the settings' dictionaries."""
    wrong = {"default": entry(given("minio.test", MINIO_REGION="", MINIO_SECRETKEY=SECRET))}
    output = subprocess.run(
        [sys.executable, "-c", STARTED.format(start=start)],
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "tests.support.site_settings",
            "TEST_STORAGES": json.dumps(wrong),
        },
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "MINIO_REGION" in output
    assert "ConfigurationError" in output
    for name, form in forms().items():
        assert form not in output, (name, output)


def test_a_storage_that_was_not_made_has_a_repr() -> None:
    assert repr(MinioBackend.__new__(MinioBackend)) == "<MinioBackend: not made>"
