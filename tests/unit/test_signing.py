"""Signatures: the same bytes as the SDK's, for whatever is signed."""

from __future__ import annotations

import datetime as dt
import threading
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import minio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from minio import Minio
from minio.credentials.credentials import Credentials
from minio.credentials.providers import StaticProvider
from minio.signer import sign_v4_s3

from django_minio_backend.object_urls import signing
from django_minio_backend.object_urls.response_headers import RESPONSE_HEADERS
from django_minio_backend.object_urls.signing import Presigner, SigningContext, effective_expiry
from django_minio_backend.object_urls.urls import bucket_url
from django_minio_backend.signing.key import signing_key
from django_minio_backend.signing.request import authorization
from tests.support.settings import read

if TYPE_CHECKING:
    from collections.abc import Callable

LABELS = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?", fullmatch=True)
HOSTS = st.one_of(
    st.lists(LABELS, min_size=1, max_size=3).map(".".join),
    st.sampled_from(["Minio.Example.COM", "127.0.0.1", "localhost", "s3.amazonaws.com", "oss-eu.aliyuncs.com"]),
    st.sampled_from(["s3.eu-west-1.amazonaws.com", "s3.dualstack.eu-central-1.amazonaws.com"]),
)
PORTS = st.one_of(st.none(), st.sampled_from([80, 443, 9000]), st.integers(1, 65535))
BUCKETS = st.sampled_from(["bucket", "my-bucket", "b.with.dots", "a1b"])
TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60)
KEYS = TEXT.filter(lambda key: key.strip() and not {".", ".."} & set(key.split("/")))  # others the SDK refuses
SECRETS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=40)
QUERIES = st.dictionaries(
    st.one_of(st.sampled_from(sorted(RESPONSE_HEADERS)), st.sampled_from(["versionId", "x-note", "Zz", "X-Amz-B"])),
    TEXT,
    max_size=4,
)
TIMES = st.integers(946_684_800, 4_070_908_800)  # the years 2000 to 2098


@settings(max_examples=400, deadline=None)
@given(
    method=st.sampled_from(["GET", "HEAD", "PUT"]),
    host=HOSTS,
    port=PORTS,
    secure=st.booleans(),
    virtual=st.booleans(),
    region=st.sampled_from(["us-east-1", "eu-west-1", "garage"]),
    bucket=BUCKETS,
    key=KEYS,
    keys=st.tuples(SECRETS, SECRETS, st.one_of(st.none(), TEXT)),
    expires=st.integers(1, 7 * 24 * 3600),
    query=QUERIES,
    second=TIMES,
)
def test_a_url_is_the_sdks_byte_for_byte(  # noqa: PLR0913 - everything that a signature covers
    *,
    method: str,
    host: str,
    port: int | None,
    secure: bool,
    virtual: bool,
    region: str,
    bucket: str,
    key: str,
    keys: tuple[str, str, str | None],
    expires: int,
    query: dict[str, str],
    second: int,
) -> None:
    endpoint = host if port is None else f"{host}:{port}"
    options = read(
        MINIO_ENDPOINT=endpoint, MINIO_USE_HTTPS=secure, MINIO_VIRTUAL_HOST_STYLE=virtual, MINIO_REGION=region
    )
    sdk = Minio(options.endpoint, *keys, secure=secure, region=region)  # in the spelling that browsers send
    if virtual:
        sdk.enable_virtual_style_endpoint()  # type: ignore[no-untyped-call]
    theirs = sdk.get_presigned_url(
        method,
        bucket,
        key,
        dt.timedelta(seconds=expires),
        request_date=dt.datetime.fromtimestamp(second, dt.UTC),
        extra_query_params=dict(query),
    )
    ours = Presigner(bucket_url(options, bucket), region).url(
        method,
        key,
        StaticProvider(*keys).retrieve(),
        second=second,
        expires=expires,
        query=query,
    )
    assert ours == theirs


def test_what_is_remembered_never_reaches_another_url() -> None:
    """One presigner, asked for many things in turn, gives what fresh ones give."""
    presigner = Presigner("http://host/bucket", "us-east-1")
    people = [Credentials("one", "secret"), Credentials("one", "changed"), Credentials("two", "secret", "token")]
    for second in (0, 1, 86_400, 86_399, 0):
        for expires in (60, 3600):
            for person in people:
                for query in ({}, {"response-expires": "0"}):
                    for method in ("GET", "PUT"):
                        arguments: dict[str, Any] = {"second": second, "expires": expires, "query": query}
                        fresh = Presigner("http://host/bucket", "us-east-1").url(method, "key", person, **arguments)
                        assert presigner.url(method, "key", person, **arguments) == fresh


def test_threads_that_share_a_presigner_sign_right() -> None:
    presigner = Presigner("http://host/bucket", "us-east-1")
    wanted = [(second, person) for second in range(40) for person in (Credentials("a", "1"), Credentials("b", "2"))]

    def sign(by: Presigner, second: int, person: Credentials) -> str:
        return by.url("GET", "key", person, second=second, expires=60)

    expected = {
        (second, person): sign(Presigner("http://host/bucket", "us-east-1"), second, person)
        for second, person in wanted
    }
    wrong: list[object] = []

    def work(start: int) -> None:
        for turn in range(2000):
            second, person = wanted[(start + turn) % len(wanted)]
            if sign(presigner, second, person) != expected[second, person]:
                wrong.append((second, person))

    threads = [threading.Thread(target=work, args=(start,)) for start in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_key_is_derived_once_a_day_and_region() -> None:
    signing_key.cache_clear()
    presigner = Presigner("http://host/bucket", "us-east-1")
    person = Credentials("one", "secret")
    for second in range(100):
        presigner.url("GET", "key", person, second=second, expires=60)
    assert signing_key.cache_info().misses == 1
    presigner.url("GET", "key", person, second=86_400, expires=60)
    assert signing_key.cache_info().misses == 2


def test_signed_headers_are_named_in_the_query() -> None:
    url = Presigner("http://host/bucket", "us-east-1").url(
        "PUT", "key", Credentials("a", "b"), second=0, expires=60, headers={"If-None-Match": "*", "Content-Type": "a/b"}
    )
    assert "&X-Amz-SignedHeaders=content-type%3Bhost%3Bif-none-match&" in url


def naive(when: dt.datetime) -> dt.datetime:
    return when.replace(tzinfo=None)


@pytest.mark.skipif(minio.__version__ == "7.2.17", reason="its Credentials refuse to be made with an expiration")
@pytest.mark.parametrize(
    "make", [lambda end: Credentials("a", "b", "c", end), lambda end: Credentials("a", "b", "c", naive(end))]
)
def test_nothing_outlives_temporary_credentials(make: Callable[[dt.datetime], Credentials]) -> None:
    end = dt.datetime(2030, 1, 1, 12, tzinfo=dt.UTC)
    second = int(end.timestamp()) - 100
    assert effective_expiry(make(end), second, 60) == 60
    assert effective_expiry(make(end), second, 3600) == 100
    assert effective_expiry(make(end), second + 200, 3600) == 1


def test_keys_without_an_end_limit_nothing() -> None:
    assert effective_expiry(Credentials("a", "b"), 0, 604_800) == 604_800


def test_a_policy_is_signed_as_the_sdk_signs_it() -> None:
    from minio.signer import post_presign_v4

    when = dt.datetime(2026, 1, 31, 12, 0, 0, tzinfo=dt.UTC)
    moment = SigningContext.of(Credentials("a", "secret"), int(when.timestamp()), "eu-west-1")
    assert moment.sign("text") == post_presign_v4(data="text", secret_key="secret", date=when, region="eu-west-1")


def test_a_secret_is_in_no_repr() -> None:
    presigner = Presigner("http://host/bucket", "us-east-1")
    presigner.url("GET", "key", Credentials("a", "top-secret"), second=0, expires=60)
    assert "top-secret" not in repr(presigner)
    assert "top-secret" not in repr(signing.SigningContext.of(Credentials("a", "top-secret"), 0, "us-east-1"))


SENT_QUERIES = st.sampled_from(
    [
        {"uploads": ""},
        {"partNumber": "1", "uploadId": "a=b&c"},
        {"prefix": "", "list-type": "2"},
        {"x": "3", "x-y": "1", "x.y": "2", "x0": "4"},  # as text, "x-y=" comes before "x="
    ]
)
SENT_HEADERS = st.dictionaries(
    st.sampled_from(["Content-Type", "x-amz-meta-a", "X-Amz-Meta-B", "If-None-Match", "Authorization", "User-Agent"]),
    # Stripped, as older SDKs sign the spaces around a value, which servers do not.
    (st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=12) | st.just("a  b   c")).map(str.strip),
)


@settings(deadline=None)
@given(
    method=st.sampled_from(["GET", "HEAD", "PUT", "POST", "DELETE"]),
    key=KEYS,
    region=st.sampled_from(["us-east-1", "eu-west-1", "garage"]),
    keys=st.tuples(SECRETS, SECRETS),
    query=QUERIES | SENT_QUERIES,
    headers=SENT_HEADERS,
    second=TIMES,
)
def test_an_authorization_is_the_sdks(
    method: str,
    key: str,
    region: str,
    keys: tuple[str, str],
    query: dict[str, str],
    headers: dict[str, str],
    second: int,
) -> None:
    client = Minio("minio:9000", *keys, secure=False, region=region)
    url = client._base_url.build(method=method, region=region, bucket_name="b", object_name=key, query_params={**query})
    when = dt.datetime.fromtimestamp(second, dt.UTC)
    moment = {"x-amz-date": when.strftime("%Y%m%dT%H%M%SZ"), "x-amz-content-sha256": "0" * 64, "Host": url.netloc}
    sent = {**headers, **moment}
    expected = sign_v4_s3(
        method=method,
        url=url,
        region=region,
        headers={**sent},
        credentials=Credentials(*keys),
        content_sha256="0" * 64,
        date=when,
    )
    assert authorization(method, url, region, sent, Credentials(*keys)) == expected["Authorization"]


def test_spaces_around_a_value_are_not_signed() -> None:
    url, keys = urlsplit("http://minio:9000/b/a.txt"), Credentials("someone", "something")
    moment = {"x-amz-date": "20260101T000000Z", "x-amz-content-sha256": "0" * 64}
    plain, spaced = (
        authorization("PUT", url, "us-east-1", {**moment, "x-amz-meta-a": value}, keys) for value in ("a b", "  a  b ")
    )
    assert plain == spaced
