"""An endpoint has one spelling, however the settings spell it: in signatures, in URLs and in every comparison."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.core.cache import caches
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.test.utils import override_settings
from hypothesis import given
from hypothesis import strategies as st

from django_minio_backend.aliases import minio_storages
from django_minio_backend.buckets.initialize import specs_by_client
from django_minio_backend.errors import ConfigurationError, PrivatePublicMixedError
from django_minio_backend.models import MinioBackend
from tests.support.settings import STATIC_BACKEND, entry, made_up, read, storages_set

if TYPE_CHECKING:
    import urllib3

    from tools.servers import Server

LABEL = st.from_regex(r"[a-z]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True)
SPELLINGS = [
    ({"MINIO_ENDPOINT": "MinIO.Test:9000"}, "http://minio.test:9000"),
    ({"MINIO_ENDPOINT": "minio.test.:9000"}, "http://minio.test:9000"),
    ({"MINIO_ENDPOINT": "minio.test:09000"}, "http://minio.test:9000"),
    ({"MINIO_ENDPOINT": "minio.test:80"}, "http://minio.test"),
    ({"MINIO_ENDPOINT": "MINIO.TEST.:443", "MINIO_USE_HTTPS": True}, "https://minio.test"),
    ({"MINIO_ENDPOINT": "minio.test:80", "MINIO_USE_HTTPS": True}, "https://minio.test:80"),
    ({"MINIO_ENDPOINT": "[2001:DB8:0:0::1]:80"}, "http://[2001:db8::1]"),
    ({"MINIO_ENDPOINT": "[::FFFF:127.0.0.1]:9000"}, "http://[::ffff:7f00:1]:9000"),
]


@pytest.mark.parametrize(("options", "spelled"), SPELLINGS, ids=[spelled for _, spelled in SPELLINGS])
def test_an_endpoint_is_spelled_as_browsers_spell_it(options: dict[str, Any], spelled: str) -> None:
    storage = MinioBackend(**made_up(**options))
    assert storage.base_url == storage.base_url_external == spelled
    assert storage.url("a.txt").startswith(f"{spelled}/{storage.bucket}/a.txt?")


@pytest.mark.parametrize(("options", "spelled"), SPELLINGS, ids=[spelled for _, spelled in SPELLINGS])
def test_so_is_an_external_endpoint(options: dict[str, Any], spelled: str) -> None:
    external = {
        "MINIO_EXTERNAL_ENDPOINT": options["MINIO_ENDPOINT"],
        "MINIO_EXTERNAL_ENDPOINT_USE_HTTPS": options.get("MINIO_USE_HTTPS", False),
    }
    storage = MinioBackend(**made_up(MINIO_ENDPOINT="inside.test", **external))
    assert storage.base_url_external == spelled
    assert not storage.same_endpoints
    assert storage.url("a.txt").startswith(f"{spelled}/{storage.bucket}/a.txt?")
    assert MinioBackend(**made_up(**options, **external)).same_endpoints


@given(
    host=st.lists(LABEL, min_size=1, max_size=3).map(".".join),
    port=st.none() | st.sampled_from([80, 443]) | st.integers(1, 65535),
    https=st.booleans(),
    capitals=st.lists(st.booleans(), min_size=32, max_size=32),
    dot=st.sampled_from(["", "."]),
)
def test_no_spelling_of_an_endpoint_differs_from_another(
    *, host: str, port: int | None, https: bool, capitals: list[bool], dot: str
) -> None:
    spelled = "".join(letter.upper() if upper else letter for letter, upper in zip(host, capitals, strict=False)) + dot
    default = port is None or port == (443 if https else 80)
    ports = ["", ":443" if https else ":80"] if default else [f":{port}"]
    found = {
        read(MINIO_ENDPOINT=f"{name}{end}", MINIO_USE_HTTPS=https).endpoint for name in (host, spelled) for end in ports
    }
    assert found == {host + ("" if default else f":{port}")}


def test_a_host_in_brackets_has_no_zone_of_this_machine() -> None:
    with pytest.raises(ConfigurationError, match="zone"):
        read(MINIO_ENDPOINT='[fe80::1%"><script>]:9000')


@pytest.mark.needs("signatures")
def test_a_browser_opens_what_is_signed_for_a_host_in_capitals(
    minio_options: dict[str, Any], server: Server, http: urllib3.PoolManager
) -> None:
    port = server.endpoint.rpartition(":")[2]
    storage = MinioBackend(**{**minio_options, "MINIO_ENDPOINT": f"LocalHost:{port}"})
    name = storage.save("a b.txt", ContentFile(b"private"))
    url = storage.url(name)
    assert http.request("GET", url.partition("?")[0]).status == 403
    response = http.request("GET", url)
    assert (response.status, response.data) == (200, b"private")
    upload = storage.presigned_upload("b.txt", max_size=10, size=5, method="PUT")
    assert http.request("PUT", upload.url, body=b"there", headers=upload.headers).status == 200
    assert storage.open(upload.name).read() == b"there"


def test_no_bucket_is_public_and_private_by_two_spellings_of_its_server() -> None:
    public = made_up(MINIO_ENDPOINT="minio.test:80", MINIO_PUBLIC_BUCKETS=["photos"], MINIO_DEFAULT_BUCKET="photos")
    private = made_up(MINIO_ENDPOINT="MinIO.Test.", MINIO_PRIVATE_BUCKETS=["photos"])
    with (
        storages_set(default=entry(public), media=entry(private)),
        pytest.raises(PrivatePublicMixedError, match=r"Bucket .photos. of http://minio\.test is public"),
    ):
        minio_storages()


def test_spellings_of_one_server_share_its_client_and_its_buckets() -> None:
    with storages_set(
        default=entry(made_up(MINIO_ENDPOINT="minio.test:80")),
        media=entry(made_up(MINIO_ENDPOINT="MinIO.Test.")),
        staticfiles=entry(made_up(MINIO_ENDPOINT="MINIO.TEST", MINIO_STATIC_FILES_BUCKET="assets"), STATIC_BACKEND),
    ):
        found = minio_storages()
        assert len({storage.s3 for storage in found.values()}) == 1
        [(_, specs)] = specs_by_client(found.values(), [])
    assert sorted(spec.name for spec in specs) == ["assets", "auto-generated-bucket-media-files"]


def test_a_save_by_one_spelling_renews_what_the_other_has_cached(
    minio_options: dict[str, Any], server: Server, bucket: str
) -> None:
    port = server.endpoint.rpartition(":")[2]
    cached = {**minio_options, "MINIO_URL_CACHING_ENABLED": True, "replace_existing": True}
    locmem = {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": bucket}
    with (
        override_settings(CACHES={"default": locmem}),
        storages_set(
            default=entry({**cached, "MINIO_ENDPOINT": f"localhost:{port}"}),
            media=entry({**cached, "MINIO_ENDPOINT": f"LOCALHOST:{port}"}),
        ),
    ):
        storages["default"].save("a.txt", ContentFile(b"old"))
        before = storages["default"].url("a.txt")
        storages["media"].save("a.txt", ContentFile(b"new"))
        assert storages["default"].url("a.txt") != before
        caches["default"].clear()
