"""A customer's key (SSE-C) is never sent over http."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING, Any

import pytest
from django.core.files.base import ContentFile
from minio.commonconfig import CopySource
from minio.error import S3Error
from minio.sse import SseCustomerKey, SseS3

from django_minio_backend.aliases import check_settings
from django_minio_backend.errors import ConfigurationError
from django_minio_backend.models import MinioBackend
from tests.support.customer_keys import KEY, encrypted_bucket, needs_minio
from tests.support.fixed_responses import responding
from tests.support.settings import entry, made_up, storages_set

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

LARGE = bytes(range(256)) * (6 * 1024**2 // 256)
BY_HAND = {
    "X-Amz-Server-Side-Encryption-Customer-Algorithm": "AES256",
    "x-amz-server-side-encryption-customer-key": base64.b64encode(KEY).decode(),
}


class TestTheSettings:
    """Over http they are a mistake, reported before anything is sent."""

    @pytest.mark.parametrize(
        ("option", "value"),
        [
            ("sse", SseCustomerKey(KEY)),
            ("headers", BY_HAND),
            ("metadata", BY_HAND),
            ("MINIO_OBJECT_HEADERS", BY_HAND),
        ],
        ids=["sse", "headers", "metadata", "MINIO_OBJECT_HEADERS"],
    )
    def test_a_key_over_http_is_a_mistake(self, option: str, value: object) -> None:
        options = made_up(**{option: value})
        with storages_set(papers=entry(options)), pytest.raises(ConfigurationError) as caught:
            check_settings()
        with pytest.raises(ConfigurationError) as told_of_a_call:
            MinioBackend(**options)
        assert "STORAGES['papers']" in str(caught.value)
        for error in (caught.value, told_of_a_call.value):
            assert f"{option} has a customer's key (SSE-C)" in str(error)
            assert "set MINIO_USE_HTTPS to True" in str(error)
            assert base64.b64encode(KEY).decode() not in str(error)

    def test_a_key_over_https_is_none(self) -> None:
        assert MinioBackend(**made_up(MINIO_USE_HTTPS=True, sse=SseCustomerKey(KEY))).ssec is not None

    def test_a_key_of_the_server_is_none(self) -> None:
        assert MinioBackend(**made_up(sse=SseS3())).ssec is None

    def test_an_external_endpoint_over_http_is_none(self) -> None:
        """Nothing is sent there by this process, and no URL has the key in it."""
        storage = MinioBackend(
            **made_up(
                MINIO_USE_HTTPS=True,
                MINIO_EXTERNAL_ENDPOINT="files.test",
                MINIO_EXTERNAL_ENDPOINT_USE_HTTPS=False,
                sse=SseCustomerKey(KEY),
            )
        )
        assert storage.url("x").startswith("http://files.test/")
        assert "ustomer" not in storage.url("x")


class TestRequests:
    """Nothing with a key in it leaves this process over http, whatever makes it."""

    @pytest.fixture
    def received(self) -> Iterator[tuple[str, list[Mapping[str, str]]]]:
        requests: list[Mapping[str, str]] = []

        def answer(headers: Mapping[str, str]) -> tuple[int, str, bytes]:
            requests.append(headers)
            return 403, "application/xml", b"<Error><Code>AccessDenied</Code></Error>"

        with responding(answer) as endpoint:
            yield endpoint, requests

    @pytest.mark.parametrize(
        "operation",
        [
            lambda storage: storage.save("x", ContentFile(b"content")),
            lambda storage: storage.client.put_object(
                "papers", "x", io.BytesIO(b"content"), 7, sse=SseCustomerKey(KEY)
            ),
            lambda storage: storage.client.get_object("papers", "x", ssec=SseCustomerKey(KEY)),
            lambda storage: storage.client.stat_object("papers", "x", ssec=SseCustomerKey(KEY)),
            lambda storage: storage.client.copy_object(
                "papers", "y", CopySource("papers", "x", ssec=SseCustomerKey(KEY))
            ),
        ],
        ids=["a function for headers", "put", "get", "stat", "copy"],
    )
    def test_a_key_is_not_sent(
        self, operation: Callable[[MinioBackend], object], received: tuple[str, list[Mapping[str, str]]]
    ) -> None:
        endpoint, requests = received
        options = made_up(MINIO_ENDPOINT=endpoint, MINIO_DEFAULT_BUCKET="papers", MINIO_CONDITIONAL_WRITES=True)
        options["MINIO_OBJECT_HEADERS"] = lambda _: BY_HAND
        with pytest.raises((ConfigurationError, ValueError)):
            operation(MinioBackend(**options))
        assert not [name for headers in requests for name in headers if "customer" in name.lower()]


@pytest.fixture(scope="module")
def options(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    with encrypted_bucket(tmp_path_factory.mktemp("certificates")) as options:
        yield options


@needs_minio
class TestObjects:
    """Over https they are stored, read and measured as any others."""

    @pytest.mark.parametrize("content", [b"", b"short", LARGE], ids=["empty", "one request", "parts"])
    def test_objects_are_read_as_they_were_saved(self, content: bytes, options: dict[str, Any]) -> None:
        storage = MinioBackend(**options, MINIO_MULTIPART_UPLOAD=True, MINIO_MULTIPART_PART_SIZE=5 * 1024**2)
        name = storage.save("secret.bin", ContentFile(content))
        assert storage.size(name) == len(content)
        assert storage.exists(name)
        with storage.open(name) as file:
            assert file.read() == content
            file.seek(len(content) // 2)
            assert file.read() == content[len(content) // 2 :]

    def test_the_sdk_s_client_takes_the_key_of_the_storage(self, options: dict[str, Any]) -> None:
        storage = MinioBackend(**options)
        name = storage.save("secret.bin", ContentFile(b"content"))
        assert storage.client.get_object("papers", name, ssec=storage.ssec).read() == b"content"

    def test_another_key_does_not_open_them(self, options: dict[str, Any]) -> None:
        name = MinioBackend(**options).save("secret.bin", ContentFile(b"content"))
        other = MinioBackend(**{**options, "sse": SseCustomerKey(b"another key, it has 32 bytes too")})
        with pytest.raises(Exception, match=r"AccessDenied|Access denied"):
            other.open(name)

    def test_a_refused_head_request_says_why(self, options: dict[str, Any]) -> None:
        storage = MinioBackend(**{**options, "MINIO_SECRET_KEY": "wrongwrongwrong"})
        with pytest.raises(S3Error, match="SignatureDoesNotMatch"):
            storage.exists("secret.bin")
