"""Each option takes what it should and refuses the rest, saying what is wanted."""

from __future__ import annotations

import enum
from datetime import timedelta
from math import inf, nan
from typing import Any

import pytest
import urllib3
from hypothesis import example, given
from hypothesis import strategies as st
from minio import Minio
from minio.credentials.providers import StaticProvider

from django_minio_backend.errors import ConfigurationError
from django_minio_backend.options import endpoints, validators
from django_minio_backend.options.endpoints import WrongValueError
from tests.support.settings import read, value_of

MEBIBYTE = 1024 * 1024
GIBIBYTE = 1024 * MEBIBYTE
WEEK = timedelta(days=7)

BUCKETS = "a list of bucket names"
A_BUCKET = "a bucket name: 3 to 63"
A_TEXT = "a string that is not empty"
A_FLAG = "True or False"
A_HOST = "host[:port], such as"
NO_SCHEME = "without scheme and path: write"
A_REGION = "a region name such as"
AN_EXPIRY = "a timedelta (or a number of hours) of at least 1 second and at most 7 days"
SECONDS = "a number of seconds above 0"
SIZE = "a number of bytes above 0 and at most 5 GiB"
PART_SIZE = "a number of bytes from 5 MiB"
COUNT = "a whole number above 0"
HOOKS = "a list of (bucket name, policy dictionary)"
HEADERS = "a mapping of headers, a function"
BASE_URL = "a URL such as"
A_PREFIX = "a key prefix"

MISTAKES: list[tuple[str, Any, str]] = [
    *(("MINIO_ENDPOINT", value, A_HOST) for value in ("", 9000, b"minio.test", ["minio.test"], True, "minio test")),
    *(("MINIO_ENDPOINT", f"minio.test{port}", A_HOST) for port in (":", ":0", ":65536", ":-1", ":http", ":9000\n")),
    *(("MINIO_ENDPOINT", value, A_HOST) for value in ("minio.test:\uff19000", "minio.test\n", "minio.test:\n")),
    *(("MINIO_ENDPOINT", host, A_HOST) for host in ("-minio.test", "minio..test", ".test", "a@b", "[::g]", "::1", "ä")),
    *(("MINIO_ENDPOINT", url, NO_SCHEME) for url in ("https://minio.test", "minio.test/", "minio.test:9000/media")),
    *(("MINIO_ENDPOINT", url, "host[:port]") for url in ("https://", "//", "/", "[/", "https://[minio/")),
    ("MINIO_EXTERNAL_ENDPOINT", "https://files.test/", NO_SCHEME),
    *(("MINIO_ACCESS_KEY", value, A_TEXT) for value in ("", 5, b"key")),
    *(("MINIO_USE_HTTPS", value, A_FLAG) for value in ("False", "true", 1, 0, "")),
    ("MINIO_EXTERNAL_ENDPOINT_USE_HTTPS", "yes", A_FLAG),
    ("MINIO_VIRTUAL_HOST_STYLE", 1, A_FLAG),
    ("MINIO_CONSISTENCY_CHECK_ON_START", "yes", A_FLAG),
    ("MINIO_BUCKET_CHECK_ON_SAVE", 1, A_FLAG),
    ("MINIO_MULTIPART_UPLOAD", "on", A_FLAG),
    ("MINIO_URL_CACHING_ENABLED", 0, A_FLAG),
    ("replace_existing", "no", A_FLAG),
    ("legal_hold", 1, A_FLAG),
    *(("MINIO_REGION", value, A_REGION) for value in ("", "us east", 1, "eu/west", "x" * 64, "eu-", "eu_")),
    *(("MINIO_PRIVATE_BUCKETS", value, BUCKETS) for value in ("photos", 5, {"photos": 1}, object())),
    *(("MINIO_PUBLIC_BUCKETS", [value], A_BUCKET) for value in ("", "Photos", None, 5, ["photos"])),
    *(("MINIO_DEFAULT_BUCKET", value, A_BUCKET) for value in ("", "ab", "a" * 64, "Photos", "ph_otos", "photos/2026")),
    *(("MINIO_DEFAULT_BUCKET", value, A_BUCKET) for value in ("-photos", "photos-", ".photos", "a..b", "a.-b", "a-.b")),
    *(("MINIO_DEFAULT_BUCKET", value, A_BUCKET) for value in ("10.0.0.1", "photos\n", "fotografías", 5, True)),
    ("MINIO_STATIC_FILES_BUCKET", "Static", A_BUCKET),
    ("bucket_name", "My Bucket", A_BUCKET),
    *(("MINIO_LOCATION", value, A_PREFIX) for value in (5, "a//b", "../a", "a/./b", "a/..")),
    *(("MINIO_URL_EXPIRY_HOURS", hours, AN_EXPIRY) for hours in (0, -1, 169, float("nan"), float("inf"), 1e300)),
    *(("MINIO_URL_EXPIRY_HOURS", value, AN_EXPIRY) for value in ("24", True, [1], timedelta(0), timedelta(days=-1))),
    ("MINIO_URL_EXPIRY_HOURS", WEEK + timedelta(seconds=1), AN_EXPIRY),
    *(("MINIO_URL_CACHE_TIMEOUT", value, SECONDS) for value in (0, -5, "60", 1.5, True, timedelta(0))),
    *(("MINIO_SLOW_REQUEST_SECONDS", value, SECONDS) for value in (0, -0.5, "1", True, timedelta(0), inf, nan)),
    ("MINIO_URL_CACHE_PREFIX", 5, A_TEXT),
    *(("MINIO_MULTIPART_THRESHOLD", value, SIZE) for value in (0, -1, "10MB", 1.5, True, 5 * GIBIBYTE + 1)),
    *(("MINIO_MULTIPART_PART_SIZE", value, PART_SIZE) for value in (0, 5 * MEBIBYTE - 1, 5 * GIBIBYTE + 1, "5M", True)),
    *(("num_parallel_uploads", value, COUNT) for value in (0, -1, "3", 2.0, True)),
    *(("MINIO_POLICY_HOOKS", hooks, HOOKS) for hooks in (dict[str, Any](), "photos", 5)),
    *(("MINIO_POLICY_HOOKS", [hook], HOOKS) for hook in (dict[str, Any](), ("photos",), ("photos", "{}"), 5)),
    ("MINIO_POLICY_HOOKS", [("Photos", {})], A_BUCKET),
    *(("MINIO_CONDITIONAL_WRITES", value, '"auto", True or False') for value in ("yes", 1, 0, "", "AUTO")),
    ("MINIO_OBJECT_HEADERS", "nodots", HEADERS),
    *(("MINIO_PUBLIC_BASE_URL", value, BASE_URL) for value in ("cdn.test", "ftp://cdn.test", "https://", 5, "")),
    *(("MINIO_PUBLIC_BASE_URL", value, BASE_URL) for value in ("https://[cdn", {"photos": "cdn.test"})),
    ("MINIO_PUBLIC_BASE_URL", {"Photos": "https://cdn.test"}, A_BUCKET),
    *(("checksum", value, "one of CRC32, SHA1, SHA256") for value in ("MD5", "", 5, "CRC64")),
]
SECRET_MISTAKES: list[tuple[str, Any, str]] = [
    *(("MINIO_SECRET_KEY", value, A_TEXT) for value in (b"top secret", ["top secret"], 5550123)),
    ("MINIO_SESSION_TOKEN", ["top secret"], A_TEXT),
    *(("MINIO_CREDENTIALS", value, "a minio.credentials Provider") for value in ("topsecret", ["top secret"])),
    ("MINIO_HTTP_CLIENT", "http://user:top secret@proxy.test", "a urllib3.PoolManager"),
    ("http_client", "http://user:top secret@proxy.test", "a urllib3.PoolManager"),
]
# Whatever stands in these, an error shows its type or the names of headers at most.
MAPPING_MISTAKES: list[tuple[str, Any]] = [
    (name, value)
    for name in ("metadata", "user_metadata", "headers", "tags", "MINIO_OBJECT_HEADERS")
    for value in ([("a", "top secret")], {1: "top secret"}, 5550123, {"top secret"})
]


def ids(case: object) -> str | None:
    return case if isinstance(case, str) and case.startswith(("MINIO_", "http_")) else None


def headers_of(name: str) -> dict[str, str]:
    return {"Cache-Control": name}


class Algorithm(enum.Enum):
    CRC32 = 1


@pytest.mark.parametrize(("name", "value", "wanted"), MISTAKES, ids=ids)
def test_a_mistake_is_reported_with_alias_option_value_and_what_is_expected(
    name: str, value: object, wanted: str
) -> None:
    with pytest.raises(ConfigurationError) as told:
        read(**{name: value})
    problems = [problem for problem in told.value.problems if problem.startswith("STORAGES['default']: ")]
    about = [problem for problem in problems if wanted in problem]
    assert len(about) == 1, told.value
    shown = repr(value)
    assert f"{name.removeprefix('user_')} is {shown}, but must be " in about[0]


@pytest.mark.parametrize(("name", "value", "wanted"), SECRET_MISTAKES, ids=ids)
def test_a_mistake_with_a_secret_is_reported_without_its_value(name: str, value: object, wanted: str) -> None:
    with pytest.raises(ConfigurationError) as told:
        read(**{name: value})
    assert wanted in str(told.value)
    assert "STORAGES['default']" in str(told.value)
    assert name.upper().removeprefix("MINIO_") in str(told.value)
    for secret in ("top", "5550123"):
        assert secret not in str(told.value) + repr(told.value)


@pytest.mark.parametrize(("name", "value"), MAPPING_MISTAKES, ids=ids)
def test_a_mistake_with_headers_is_reported_without_their_values(name: str, value: object) -> None:
    with pytest.raises(ConfigurationError) as told:
        read(**{name: value})
    (about,) = (problem for problem in told.value.problems if problem.startswith("STORAGES['default']: "))
    assert about.startswith(f"STORAGES['default']: {name.removeprefix('user_')} is ")
    assert ", but must be a mapping " in about
    for secret in ("top secret", "5550123"):
        assert secret not in about


@pytest.mark.parametrize("value", ["memory", "Memory"])
def test_a_server_in_memory_is_no_endpoint_but_for_tests(value: str) -> None:
    with pytest.raises(WrongValueError, match=r"memory_minio\(\) of django_minio_backend.testing.*FileSystemStorage"):
        endpoints.endpoint(value)
    assert endpoints.endpoint(f"{value}:9000") == "memory:9000"  # a host of that name


def test_a_password_inside_an_endpoint_is_not_shown() -> None:
    with pytest.raises(ConfigurationError, match="MINIO_ENDPOINT") as told:
        read(MINIO_ENDPOINT="https://someone:top-secret@minio.test:9000")
    assert "'minio.test:9000'" in str(told.value)
    assert "top-secret" not in str(told.value)


@pytest.mark.parametrize("name", ["MINIO_ENDPOINT", "MINIO_PUBLIC_BASE_URL"])
@pytest.mark.parametrize(
    "value",
    [
        "ftp://someone:top/secret@minio.test",
        "someone:top/secret@minio.test:9000",
        "//someone:top@secret@minio.test",
        "someone:top@secret@minio.test",
        "ftp://someone:top'secret@minio.test",
        "someone:top secret@minio.test",
    ],
)
def test_no_part_of_a_password_in_a_url_is_shown_whatever_is_in_it(name: str, value: str) -> None:
    with pytest.raises(ConfigurationError, match=name) as told:
        read(**{name: value})
    assert "minio.test" in str(told.value)
    for part in ("top", "secret"):
        assert part not in str(told.value)


@pytest.mark.parametrize(
    ("url", "written"),
    [
        ("https://minio.test", "minio.test"),
        ("http://minio.test:9000/", "minio.test:9000"),
        ("minio.test:9000/media/", "minio.test:9000"),
        ("https://user:key@minio.test/x", "minio.test"),
        ("https://user:k/ey@minio.test/x", "minio.test"),
    ],
)
def test_the_error_for_a_url_as_an_endpoint_says_what_to_write_instead(url: str, written: str) -> None:
    with pytest.raises(WrongValueError, match=f"write '{written}' and set MINIO_USE_HTTPS"):
        endpoints.endpoint(url)


@pytest.mark.parametrize(
    ("name", "value", "taken"),
    [
        ("MINIO_ENDPOINT", "localhost", "localhost"),
        ("MINIO_ENDPOINT", "play.min.io:9000", "play.min.io:9000"),
        ("MINIO_ENDPOINT", "minio_1:65535", "minio_1:65535"),  # names of Compose services have underscores
        ("MINIO_ENDPOINT", "10.0.0.1:1", "10.0.0.1:1"),
        ("MINIO_ENDPOINT", "[::1]:9000", "[::1]:9000"),
        ("MINIO_ENDPOINT", "[2001:db8::1]", "[2001:db8::1]"),
        ("MINIO_PRIVATE_BUCKETS", ["one", "two", "one"], ("one", "two")),
        ("MINIO_PUBLIC_BUCKETS", ("one",), ("one",)),
        ("MINIO_PUBLIC_BUCKETS", {"one"}, ("one",)),
        ("MINIO_DEFAULT_BUCKET", "abc", "abc"),
        ("MINIO_DEFAULT_BUCKET", "1.a-b.c", "1.a-b.c"),
        ("bucket_name", "", ""),
        ("MINIO_LOCATION", "/media/2026/", "media/2026"),
        ("MINIO_LOCATION", "", ""),
        ("MINIO_LOCATION", "/", ""),
        ("MINIO_URL_EXPIRY_HOURS", 24, timedelta(days=1)),
        ("MINIO_URL_EXPIRY_HOURS", 0.5, timedelta(minutes=30)),
        ("MINIO_URL_EXPIRY_HOURS", timedelta(seconds=1), timedelta(seconds=1)),
        ("MINIO_URL_EXPIRY_HOURS", WEEK, WEEK),
        ("MINIO_URL_EXPIRY_HOURS", 168, WEEK),
        ("MINIO_URL_CACHE_TIMEOUT", 60, 60),
        ("MINIO_URL_CACHE_TIMEOUT", timedelta(minutes=1), 60),
        ("MINIO_SLOW_REQUEST_SECONDS", 2, 2.0),
        ("MINIO_SLOW_REQUEST_SECONDS", 0.25, 0.25),
        ("MINIO_SLOW_REQUEST_SECONDS", timedelta(milliseconds=500), 0.5),
        ("MINIO_MULTIPART_THRESHOLD", 1, 1),
        ("MINIO_MULTIPART_PART_SIZE", 5 * MEBIBYTE, 5 * MEBIBYTE),
        ("MINIO_MULTIPART_PART_SIZE", 5 * GIBIBYTE, 5 * GIBIBYTE),
        ("MINIO_POLICY_HOOKS", [("photos", {"Version": "x"})], (("photos", {"Version": "x"}),)),
        ("MINIO_POLICY_HOOKS", [["photos", {}]], (("photos", {}),)),
        ("MINIO_CONDITIONAL_WRITES", "auto", "auto"),
        ("MINIO_CONDITIONAL_WRITES", False, False),
        ("MINIO_OBJECT_HEADERS", {"Cache-Control": "no-store"}, {"Cache-Control": "no-store"}),
        ("MINIO_OBJECT_HEADERS", headers_of, headers_of),
        ("MINIO_OBJECT_HEADERS", "site.headers.of", "site.headers.of"),
        ("MINIO_PUBLIC_BASE_URL", "https://cdn.test/files/", "https://cdn.test/files"),
        ("MINIO_PUBLIC_BASE_URL", {"photos": "https://cdn.test/"}, {"photos": "https://cdn.test"}),
        ("checksum", "crc32", "CRC32"),
        ("checksum", Algorithm.CRC32, "CRC32"),
        ("num_parallel_uploads", 1, 1),
        ("metadata", {"a": "b"}, {"a": "b"}),
    ],
    ids=ids,
)
def test_a_right_value_is_accepted(name: str, value: object, taken: object) -> None:
    assert value_of(read(**{name: value}), name) == taken


def test_user_metadata_is_another_name_of_metadata() -> None:
    assert read(user_metadata={"a": "b"}).metadata == {"a": "b"}


def test_a_pool_is_accepted_under_both_of_its_names() -> None:
    pool = urllib3.PoolManager()
    assert read(MINIO_HTTP_CLIENT=pool).http_client is pool
    assert read(http_client=pool).http_client is pool


def test_a_provider_is_accepted_instead_of_the_two_keys() -> None:
    provider = StaticProvider("someone", "hush")
    options = read(MINIO_ACCESS_KEY=None, MINIO_SECRET_KEY=None, MINIO_CREDENTIALS=provider)
    assert options.credentials is provider


def test_defaults_are_as_promised() -> None:
    options = read()
    assert options.region == "us-east-1"
    assert options.url_expiry == WEEK
    assert options.default_bucket == "auto-generated-bucket-media-files"
    assert (options.multipart_upload, options.multipart_threshold) == (False, 10 * MEBIBYTE)
    assert options.multipart_part_size == 10 * MEBIBYTE
    assert (options.url_caching_enabled, options.url_cache_prefix) == (False, "minio_url_")
    assert (options.bucket_check_on_save, options.consistency_check_on_start) == (False, False)
    assert options.conditional_writes == "auto"
    assert not options.replace_existing


@given(st.integers(min_value=2, max_value=7 * 24 * 3600))
def test_the_cache_timeout_is_four_fifths_of_the_expiry_unless_given(expiry: int) -> None:
    options = read(MINIO_URL_EXPIRY_HOURS=timedelta(seconds=expiry))
    assert options.effective_cache_timeout == expiry * 4 // 5
    given = read(MINIO_URL_EXPIRY_HOURS=timedelta(seconds=expiry), MINIO_URL_CACHE_TIMEOUT=7)
    assert given.effective_cache_timeout == 7


LABEL = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?", fullmatch=True)


@given(name=st.lists(LABEL, min_size=1, max_size=4).map(".".join))
def test_names_made_of_labels_of_the_right_length_are_buckets(name: str) -> None:
    looks_like_an_address = name.count(".") == 3 and name.replace(".", "").isdigit()
    fits = 3 <= len(name) <= 63 and not looks_like_an_address
    if fits:
        assert validators.bucket(name) == name
    else:
        with pytest.raises(WrongValueError):
            validators.bucket(name)


@given(name=st.text(st.sampled_from("aZ9.-_/ ä\n"), max_size=66))
def test_every_accepted_bucket_name_keeps_the_rules_of_s3(name: str) -> None:
    try:
        validators.bucket(name)
    except WrongValueError:
        return
    assert 3 <= len(name) <= 63
    assert set(name) <= set("a9.-")
    assert name[0].isalnum()
    assert name[-1].isalnum()
    assert not any(pair in name for pair in ("..", ".-", "-."))


@given(name=st.text(st.sampled_from("aZ9-_"), max_size=66))
def test_the_sdk_takes_every_accepted_region(name: str) -> None:
    try:
        accepted = validators.region(name)
    except WrongValueError:
        return
    Minio("minio.test", region=accepted)


ENDPOINTS = st.one_of(st.text(max_size=30), st.text(st.sampled_from("aB9.:-_[]/@%ä\uff19"), max_size=30))


@given(value=ENDPOINTS)
@example("[/")
@example("a:\uff19")
@example("a:9000\n")
@example(":\n")
def test_the_sdk_takes_every_accepted_endpoint(value: str) -> None:
    try:
        accepted = endpoints.endpoint(value)
    except WrongValueError:
        return
    assert "/" not in value
    assert endpoints.endpoint(accepted) == accepted == accepted.lower()
    Minio(endpoint=accepted, access_key="someone", secret_key="hush", secure=False)


@given(host=st.lists(LABEL, min_size=1, max_size=4).map(".".join), port=st.none() | st.integers(-5, 70_000))
def test_a_port_has_its_range(host: str, port: int | None) -> None:
    value = host if port is None else f"{host}:{port}"
    if port is None or 0 < port < 65536:
        assert endpoints.endpoint(value) == value
    else:
        with pytest.raises(WrongValueError):
            endpoints.endpoint(value)


@given(hours=st.floats(allow_nan=True, allow_infinity=True) | st.integers())
def test_an_accepted_number_of_hours_is_at_most_seven_days(hours: float) -> None:
    if 1 / 3600 <= hours <= 168:
        assert validators.url_expiry(hours) == timedelta(hours=hours)
    else:
        with pytest.raises(WrongValueError):
            validators.url_expiry(hours)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.timedeltas(),
    lambda inner: st.lists(inner) | st.tuples(inner) | st.dictionaries(st.text(), inner),
    max_leaves=4,
)


@given(name=st.sampled_from(sorted({name for name, _, _ in MISTAKES + SECRET_MISTAKES})), value=ANYTHING)
@example("MINIO_PUBLIC_BASE_URL", "https://[cdn")
def test_nothing_but_a_configuration_error_comes_of_any_value(name: str, value: object) -> None:
    try:
        read(**{name: value})
    except ConfigurationError as error:
        assert name.removeprefix("user_").upper().removeprefix("MINIO_") in str(error).upper()  # noqa: PT017 - or none
