"""MINIO_CORS_ORIGINS: which pages may upload straight to a bucket."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.core.management.base import CommandError

from django_minio_backend.errors import ConfigurationError
from django_minio_backend.health.preflight import preflight_problem
from django_minio_backend.models import MinioBackend
from tests.support.settings import entry, storages_set

if TYPE_CHECKING:
    from collections.abc import Iterator

    import urllib3

    from tests.commands.conftest import Run
    from tools.servers import Server

PAGE, OTHER = "https://www.example.com", "http://localhost:8000"
OWN_RULE = """<CORSConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><CORSRule>
<AllowedOrigin>https://theirs.example.com</AllowedOrigin><AllowedMethod>GET</AllowedMethod>
<AllowedHeader>range</AllowedHeader><MaxAgeSeconds>60</MaxAgeSeconds></CORSRule></CORSConfiguration>"""


@pytest.fixture
def options(minio_options: dict[str, Any]) -> dict[str, Any]:
    return {**minio_options, "MINIO_CORS_ORIGINS": [PAGE, OTHER]}


@pytest.fixture
def site(options: dict[str, Any]) -> Iterator[MinioBackend]:
    """One storage whose pages upload to its bucket."""
    with storages_set(default=entry(options)):
        yield MinioBackend(**options)


def preflight(http: urllib3.PoolManager, server: Server, bucket: str, origin: str) -> str:
    return preflight_problem(http, f"http://{server.endpoint}/{bucket}/.direct-uploads/x", origin)


@pytest.mark.needs("cors")
class TestRulesOfBuckets:
    def test_the_rule_is_set_once(
        self, run: Run, site: MinioBackend, server: Server, http: urllib3.PoolManager
    ) -> None:
        if server.kind == "versity":  # the others allow every origin where a bucket has no rule
            with pytest.raises(SystemExit):
                run("initialize_buckets", "--check")
        assert f"CORS rule set ({PAGE}, {OTHER})" in run("initialize_buckets")
        assert "CORS" not in run("initialize_buckets")
        assert run("initialize_buckets", "--check").endswith("All buckets match the settings.\n")
        for origin in (PAGE, OTHER):
            assert preflight(http, server, site.bucket, origin) == ""

    def test_other_origins_are_not_allowed(
        self, run: Run, site: MinioBackend, server: Server, http: urllib3.PoolManager
    ) -> None:
        run("initialize_buckets")
        if server.kind != "garage":  # which names the first origin
            assert preflight(http, server, site.bucket, "https://evil.example.com")

    def test_the_rules_of_others_stay_and_its_own_is_replaced(
        self, run: Run, site: MinioBackend, options: dict[str, Any]
    ) -> None:
        site.s3.request("PUT", site.bucket, {"cors": ""}, body=OWN_RULE.encode())
        run("initialize_buckets")
        with storages_set(default=entry({**options, "MINIO_CORS_ORIGINS": ["https://new.example.com"]})):
            run("initialize_buckets")
        text = site.s3.request("GET", site.bucket, {"cors": ""}).data.decode()
        assert "https://theirs.example.com" in text
        assert "https://new.example.com" in text
        assert PAGE not in text
        assert text.count("<CORSRule>") == 2


@pytest.mark.needs("minio-health")
@pytest.mark.usefixtures("site")
def test_minio_has_one_setting_for_all_buckets(run: Run) -> None:
    output = run("initialize_buckets")
    assert f"MINIO_API_CORS_ALLOW_ORIGIN to {PAGE},{OTHER}" in output
    assert "All buckets match the settings" in run("initialize_buckets", "--check")


@pytest.mark.usefixtures("site")
def test_without_origins_nothing_is_asked(run: Run, minio_options: dict[str, Any]) -> None:
    with storages_set(default=entry(minio_options)):
        assert "CORS" not in run("initialize_buckets")


@pytest.mark.needs("signatures")
@pytest.mark.usefixtures("site")
def test_deep_sends_a_preflight(run: Run, server: Server) -> None:
    if server.kind == "versity":  # the others allow every origin where a bucket has no rule
        with pytest.raises(CommandError, match=f"uploads from {PAGE} to bucket"):
            run("is_minio_available", "--deep")
    run("initialize_buckets")
    output = run("is_minio_available", "--deep")
    for origin in (PAGE, OTHER):
        assert f"uploads from {origin} to bucket" in output
    assert output.count(": allowed") == 2


@pytest.mark.parametrize(
    "origins",
    ["https://a.example", ["*"], ["https://a.example/"], ["HTTPS://A.example"], ["a.example"], [None], ["https://a:x"]],
    ids=["text", "star", "slash", "upper-case", "no-scheme", "none", "no-port"],
)
def test_what_is_no_origin_is_refused(minio_options: dict[str, Any], origins: object) -> None:
    with pytest.raises(ConfigurationError, match="MINIO_CORS_ORIGINS"):
        MinioBackend(**minio_options, MINIO_CORS_ORIGINS=origins)
