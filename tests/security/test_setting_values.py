"""No value of a setting can break out of the URLs and keys that are made of it, and no error shows what is secret."""

from __future__ import annotations

from typing import Any

import pytest

from django_minio_backend.errors import ConfigurationError
from tests.support.settings import read

SECRET = "s3cr3t-of-the-cdn"
WRONG_URLS = {
    "user": "https://someone@cdn.test",
    "password": f"https://someone:{SECRET}@cdn.test/files",
    "password-with-a-slash": f"https://someone:{SECRET}/x@cdn.test",
    "no-user": "https://@cdn.test",
    "query": f"https://cdn.test/?token={SECRET}",
    "empty-query": "https://cdn.test?",
    "fragment": f"https://cdn.test/#{SECRET}",
    "double-quote": 'https://cdn.test/"onload="x',
    "single-quote": "https://cdn.test/'",
    "tag": "https://cdn.test/<script>",
    "backslash": "https://cdn.test\\@evil.test",
    "backtick": "https://cdn.test/`",
    "blank": "https://cdn.test/a b",
    "blank-at-the-end": "https://cdn.test ",
    "wide-blank": "https://cdn.test/\u00a0",
    "tab": "https://cdn.test/\ta",
    "line-break": "https://cdn.test/\r\nX-Evil: 1",
    "line-break-in-front": "\nhttps://cdn.test",
    "delete": "https://cdn.test/\x7f",
    "c1-control": "https://cdn.test/\x9b",
    "line-separator": "https://cdn.test/\u2028",
    "right-to-left": "https://cdn.test/\u202e",
    "wide-slash": "https://cdn.test\uff0fevil.test",
    "surrogate": "https://cdn.test/\ud800",
    "no-host": "https://:8080",
    "no-port": "https://cdn.test:http",
}


@pytest.mark.parametrize("value", WRONG_URLS.values(), ids=WRONG_URLS)
@pytest.mark.parametrize("kind", ["url", "mapping"])
def test_a_public_base_url_is_a_plain_one(value: str, kind: str) -> None:
    given: Any = value if kind == "url" else {"photos": value}
    with pytest.raises(ConfigurationError, match="MINIO_PUBLIC_BASE_URL is ") as caught:
        read(MINIO_PUBLIC_BASE_URL=given, MINIO_PUBLIC_BUCKETS=["photos"])
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("value", "taken"),
    [
        ("https://cdn.test", "https://cdn.test"),
        ("https://cdn.test:8443/files/v1/", "https://cdn.test:8443/files/v1"),
        ("HTTPS://CDN.Test/Files", "https://cdn.test/Files"),
        ("http://[::1]:8080", "http://[::1]:8080"),
        ("https://cdn.test/a%20b/@v/~x/(1);p=1,2!$&*+", "https://cdn.test/a%20b/@v/~x/(1);p=1,2!$&*+"),
        ("https://bücher.test/straße", "https://bücher.test/straße"),
    ],
)
def test_a_plain_value_is_accepted(value: str, taken: str) -> None:
    assert read(MINIO_PUBLIC_BASE_URL=value).public_base_url == taken


@pytest.mark.parametrize("value", ["https://cdn.test?sig=s3cr3t", "//cdn.test#s3cr3t", "https://a:s3cr3t@cdn.test"])
def test_an_endpoint_given_as_a_url_is_reported_without_its_secrets(value: str) -> None:
    with pytest.raises(ConfigurationError, match=r"cdn\.test") as caught:
        read(MINIO_ENDPOINT=value)
    assert "s3cr3t" not in str(caught.value)


@pytest.mark.parametrize("control", ["\0", "\n", "\r", "\t", "\x1b", "\x7f", "\x85", "\u2028", "\u2029"])
@pytest.mark.parametrize("value", ["{}", "{}media", "media{}", "media/{}/2026"])
def test_a_location_has_no_control_characters(value: str, control: str) -> None:
    with pytest.raises(ConfigurationError, match=r"MINIO_LOCATION is .* without control characters"):
        read(MINIO_LOCATION=value.format(control))
