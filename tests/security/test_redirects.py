"""Redirects are errors: what a request carries goes to the server that the settings name and to no other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import urllib3
from django.core.files.base import ContentFile
from django.core.management import CommandError, call_command
from minio.credentials.providers import AssumeRoleProvider, ChainedProvider, EnvAWSProvider, WebIdentityProvider
from minio.error import MinioException
from minio.sse import SseCustomerKey

from django_minio_backend.errors import RedirectError
from tests.support.hostile import response
from tests.support.rewriting_proxy import RewritingProxy, rewriting_proxy
from tests.support.settings import BACKEND, STATIC_BACKEND, entry, storages_set

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from django_minio_backend.models import MinioBackend
    from tests.support.hostile import HostileServer, Received
    from tools.servers import Server

    Start = Callable[..., HostileServer]

STATUSES = [300, 301, 302, 303, 307, 308]


def write(storage: MinioBackend) -> None:
    with storage.open("name.txt", "wb") as file:
        file.write(b"content")


OPERATIONS: dict[str, Callable[[MinioBackend], object]] = {
    "save": lambda storage: storage.save("name.txt", ContentFile(b"content")),
    "write": write,
    "delete": lambda storage: storage.delete("name.txt"),
    "read": lambda storage: storage.open("name.txt").read(),
    "size": lambda storage: storage.size("name.txt"),
    "exists": lambda storage: storage.exists("name.txt"),
    "listdir": lambda storage: storage.listdir(""),
    "make public": lambda storage: storage.set_bucket_to_public(),
}
SAVE = OPERATIONS["save"]


def redirecting(status: int, location: str, body: bytes = b"") -> Callable[[Received], Iterable[bytes]]:
    headers = {"Location": location} if location else {}
    return lambda _: [response(status, body, {"Content-Type": "application/xml", **headers})]


@pytest.fixture
def elsewhere(server: Server) -> Iterator[RewritingProxy]:
    """The server under test by another endpoint: what is redirected there would be carried out, and is noted."""
    with rewriting_proxy(server) as proxy:
        yield proxy


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("status", STATUSES)
def test_no_redirect_is_followed(
    hostile_server: Start,
    storage_at: Callable[..., MinioBackend],
    storage: MinioBackend,
    elsewhere: RewritingProxy,
    status: int,
    operation: str,
) -> None:
    redirect = hostile_server(lambda asked: redirecting(status, f"http://{elsewhere.endpoint}{asked.target}")(asked))
    with pytest.raises(RedirectError) as caught:
        OPERATIONS[operation](storage_at(redirect.endpoint, MINIO_SESSION_TOKEN="secret-token"))
    assert len(redirect.received) == 1, "a redirect is final"
    assert elsewhere.requests == []
    assert storage.listdir("") == ([], [])
    assert f"http://{redirect.endpoint}" in str(caught.value)
    assert f"http://{elsewhere.endpoint}" in str(caught.value)
    assert str(status) in str(caught.value)
    assert caught.value.endpoint == f"http://{redirect.endpoint}"
    assert caught.value.target == f"http://{elsewhere.endpoint}"


@pytest.mark.parametrize(
    "pool",
    [
        urllib3.PoolManager(),
        urllib3.PoolManager(retries=urllib3.Retry(5, redirect=5)),
        urllib3.PoolManager(retries=False),
        urllib3.PoolManager(retries=urllib3.Retry(2, redirect=False)),
    ],
    ids=["as it is", "that wants redirects", "without retries", "that ignores redirects"],
)
def test_no_redirect_is_followed_by_a_pool_of_ones_own(
    hostile_server: Start, storage_at: Callable[..., MinioBackend], elsewhere: RewritingProxy, pool: urllib3.PoolManager
) -> None:
    redirect = hostile_server(redirecting(307, f"http://{elsewhere.endpoint}/"))
    storage = storage_at(redirect.endpoint, MINIO_HTTP_CLIENT=pool)
    for operation in OPERATIONS.values():
        with pytest.raises(RedirectError):
            operation(storage)
    assert elsewhere.requests == []
    pool.clear()


def test_a_customers_key_is_not_sent_on(
    hostile_server: Start, storage_at: Callable[..., MinioBackend], elsewhere: RewritingProxy
) -> None:
    """From https to http, as the SDK demands https for such keys."""
    redirect = hostile_server(redirecting(308, f"http://{elsewhere.endpoint}/"))
    http = SentTo(redirect.endpoint)
    storage = storage_at("s3.test", MINIO_USE_HTTPS=True, MINIO_HTTP_CLIENT=http, sse=SseCustomerKey(b"k" * 32))
    for operation in (SAVE, OPERATIONS["read"], OPERATIONS["size"]):
        with pytest.raises(RedirectError, match=r"https://s3\.test.*redirected to http://"):
            operation(storage)
    assert any("x-amz-server-side-encryption-customer-key" in asked.headers for asked in redirect.received)
    assert elsewhere.requests == []
    http.clear()


class SentTo(urllib3.PoolManager):
    """Connects to one endpoint without TLS, whatever a URL names, as a proxy that ends TLS would."""

    def __init__(self, endpoint: str) -> None:
        super().__init__()
        self._address = endpoint.split(":")

    def connection_from_host(self, *_: object, **__: object) -> urllib3.HTTPConnectionPool:
        return super().connection_from_host(self._address[0], int(self._address[1]))


@pytest.mark.parametrize("kind", ["role", "web identity", "chained"])
def test_what_buys_temporary_credentials_is_not_sent_on(
    hostile_server: Start, storage_at: Callable[..., MinioBackend], elsewhere: RewritingProxy, kind: str
) -> None:
    redirect = hostile_server(redirecting(307, f"http://{elsewhere.endpoint}/"))
    sts = f"http://{redirect.endpoint}"
    providers: dict[str, Callable[[], Any]] = {
        "role": lambda: AssumeRoleProvider(sts_endpoint=sts, access_key="key", secret_key="secret-of-the-role"),
        "web identity": lambda: WebIdentityProvider(
            jwt_provider_func=lambda: {"access_token": "secret-token", "expires_in": "60"}, sts_endpoint=sts
        ),
    }
    provider = providers["role" if kind == "chained" else kind]()
    if kind == "chained":
        provider = ChainedProvider([EnvAWSProvider(), provider])
    storage = storage_at(elsewhere.endpoint, MINIO_CREDENTIALS=provider, MINIO_ACCESS_KEY=None, MINIO_SECRET_KEY=None)
    with pytest.raises((RedirectError, ValueError)) as caught:
        storage.save("name.txt", ContentFile(b"content"))
    assert len(redirect.received) == 1
    assert elsewhere.requests == []
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("location", "cause"),
    [
        ("https://{here}/x", "set MINIO_USE_HTTPS to True"),
        ("https://127.0.0.1/x", "set MINIO_USE_HTTPS to True"),
        ("/login?next=x", "a web server, a login page or a console"),
        ("//elsewhere.test/x", "another region's, or a web server's"),
        ("http://[elsewhere/x", "check MINIO_ENDPOINT"),
        ("", "check MINIO_ENDPOINT"),
    ],
    ids=["https", "https by default", "a path", "another host", "not an address", "none"],
)
def test_a_redirect_is_reported_with_its_likely_cause(
    hostile_server: Start, storage_at: Callable[..., MinioBackend], location: str, cause: str
) -> None:
    def reply(asked: Received) -> Iterable[bytes]:
        return redirecting(301, location.format(here=asked.headers["host"]))(asked)

    redirect = hostile_server(reply)
    with pytest.raises(RedirectError) as caught:
        SAVE(storage_at(redirect.endpoint))
    assert cause in str(caught.value)


def test_the_region_that_a_redirect_names_is_reported(
    hostile_server: Start, storage_at: Callable[..., MinioBackend]
) -> None:
    body = (
        b"<Error><Code>PermanentRedirect</Code><Message>x</Message><Region>eu-central-1</Region>"
        b"<Endpoint>bucket.s3.eu-central-1.amazonaws.com</Endpoint></Error>"
    )
    by_body = hostile_server(redirecting(301, "", body))
    with pytest.raises(RedirectError, match="'eu-central-1': set MINIO_REGION") as caught:
        storage_at(by_body.endpoint).listdir("")
    assert caught.value.target == "http://bucket.s3.eu-central-1.amazonaws.com"
    assert caught.value.region == "eu-central-1"
    by_header = hostile_server(lambda _: [response(301, b"", {"x-amz-bucket-region": "eu-central-1"})])
    with pytest.raises(RedirectError, match="'eu-central-1': set MINIO_REGION"):
        storage_at(by_header.endpoint).size("name.txt")


def test_no_secret_of_a_redirect_is_reported(hostile_server: Start, storage_at: Callable[..., MinioBackend]) -> None:
    redirect = hostile_server(
        redirecting(302, "http://user:secret@elsewhere.test/secret?X-Amz-Signature=secret\x1b[31m")
    )
    with pytest.raises(RedirectError) as caught:
        storage_at(redirect.endpoint, MINIO_SESSION_TOKEN="secret-token").exists("name.txt")
    assert "http://elsewhere.test " in str(caught.value)
    assert "secret" not in str(caught.value)
    assert "X-Amz" not in str(caught.value)
    assert str(caught.value).isprintable()


def test_not_modified_is_no_redirect(storage: MinioBackend, bucket: str) -> None:
    """304 Not Modified, which begins with a 3 as well."""
    storage.save("name.txt", ContentFile(b"content"))
    etag = storage.stat("name.txt").etag
    with pytest.raises(MinioException, match=r"304|NotModified"):
        storage.client.get_object(bucket, "name.txt", request_headers={"If-None-Match": f'"{etag}"'})


COMMANDS = [
    ["is_minio_available"],
    ["is_minio_available", "--deep"],
    ["initialize_buckets"],
    ["initialize_buckets", "--check"],
    ["clean_orphaned_minio_files", "--no-input"],
    ["collectstatic", "--no-input"],
]
EVERYTHING, SIGNED = "everything is redirected", "signed requests are redirected"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("command", "redirected"),
    [(command, EVERYTHING) for command in COMMANDS] + [(command, SIGNED) for command in COMMANDS[1:]],
    ids=lambda value: value if isinstance(value, str) else " ".join(value),
)
def test_commands_tell_of_redirects(
    hostile_server: Start, minio_options: dict[str, Any], command: list[str], redirected: str
) -> None:
    def reply(asked: Received) -> Iterable[bytes]:
        if redirected == SIGNED and asked.target == "/minio/health/live":
            return [response(200)]
        return redirecting(301, "https://elsewhere.test/")(asked)

    redirect = hostile_server(reply)
    options = {**minio_options, "MINIO_ENDPOINT": redirect.endpoint, "MINIO_USE_HTTPS": False}
    static = {**options, "MINIO_STATIC_FILES_BUCKET": "static-files"}
    with (
        storages_set(default=entry(options, BACKEND), staticfiles=entry(static, STATIC_BACKEND)),
        pytest.raises(CommandError) as caught,
    ):
        call_command(*command)
    assert f"http://{redirect.endpoint}" in str(caught.value)
    assert "https://elsewhere.test" in str(caught.value)
    assert "not followed" in str(caught.value)
