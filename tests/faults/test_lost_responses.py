"""The request succeeds, but its response is lost."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
import urllib3
from django.core.files.base import ContentFile

from django_minio_backend.models import MinioBackend
from tests.storage.contents import IN_PARTS, MIB, Pipe, contents_of, some_bytes
from tests.support.buckets import unfinished_uploads
from tests.support.wire import requests_made

if TYPE_CHECKING:
    from collections.abc import Callable

    from minio import Minio

    from tests.support.proxy import Proxy


@pytest.mark.parametrize("condition", ["auto", True])
@pytest.mark.parametrize("make", [ContentFile, Pipe])
@pytest.mark.needs("conditional-writes")
def test_a_save_whose_response_is_lost_makes_one_object(
    storage: MinioBackend,
    faulty_options: dict[str, Any],
    proxy: Proxy,
    condition: object,
    make: Callable[[bytes], Any],
) -> None:
    faulty = MinioBackend(**faulty_options, MINIO_CONDITIONAL_WRITES=condition)
    proxy.drop_answer(rb"PUT /\S+/a\.txt")
    with requests_made() as made:
        assert faulty.save("a.txt", make(b"content")) == "a.txt"
    puts = [request for request in made if request == "PUT"]
    assert [request.status for request in puts] == [None, 412]  # lost, then refused by one's own object
    assert contents_of(storage) == {"a.txt": b"content"}


@pytest.mark.parametrize("condition", ["auto", True])
@pytest.mark.needs("conditional-writes")
def test_an_existing_object_of_another_writer_is_not_mistaken_for_the_upload(
    storage: MinioBackend, faulty_options: dict[str, Any], proxy: Proxy, condition: object
) -> None:
    """The response to the first attempt is lost; the retry finds an existing object."""

    class Late(MinioBackend):
        def _save(self, name: str, content: Any) -> str:
            if not storage.exists("a.txt"):
                storage.save("a.txt", ContentFile(b"content"))  # another machine saves the very same bytes
                proxy.drop_answer(rb"PUT /\S+/a\.txt")
            return super()._save(name, content)

    faulty = Late(**faulty_options, MINIO_CONDITIONAL_WRITES=condition)
    name = faulty.save("a.txt", ContentFile(b"content"))
    assert name != "a.txt"
    assert contents_of(storage) == {"a.txt": b"content", name: b"content"}


@pytest.mark.needs("conditional-writes")
def test_mode_x_succeeds_although_the_response_is_lost(
    storage: MinioBackend, faulty: MinioBackend, proxy: Proxy
) -> None:
    with faulty.open("a.txt", "xb") as file:
        file.write(b"content")
        proxy.drop_answer(rb"PUT /\S+/a\.txt")
    assert contents_of(storage) == {"a.txt": b"content"}


def test_a_replacement_whose_response_is_lost_is_sent_again(
    storage: MinioBackend, faulty_options: dict[str, Any], proxy: Proxy
) -> None:
    faulty = MinioBackend(**faulty_options, replace_existing=True)
    proxy.drop_answer(rb"PUT /\S+/a\.txt")
    with requests_made() as made:
        faulty.save("a.txt", ContentFile(b"content"))
    assert [request.status for request in made] == [None, 200]
    assert contents_of(storage) == {"a.txt": b"content"}


@pytest.mark.parametrize("request_line", [rb"POST /\S+\?uploads", rb"PUT /\S+partNumber=2", rb"POST /\S+\?uploadId="])
def test_an_upload_in_parts_that_loses_a_response_is_an_error_or_a_complete_object(
    storage: MinioBackend, faulty_options: dict[str, Any], proxy: Proxy, request_line: bytes
) -> None:
    faulty = MinioBackend(**faulty_options, **IN_PARTS)
    data = some_bytes(11 * MIB)
    proxy.drop_answer(request_line)
    try:
        name = faulty.save("a.bin", ContentFile(data))
    except (urllib3.exceptions.HTTPError, OSError):
        assert contents_of(storage) in ({}, {"a.bin": data})
    else:
        assert contents_of(storage) == {name: data}


@pytest.mark.parametrize("request_line", [rb"PUT /\S+partNumber=2", rb"POST /\S+\?uploadId="])
def test_an_upload_in_parts_that_loses_a_response_leaves_nothing_unfinished(
    faulty_options: dict[str, Any], proxy: Proxy, sdk: Minio, bucket: str, request_line: bytes
) -> None:
    faulty = MinioBackend(**faulty_options, **IN_PARTS)
    proxy.drop_answer(request_line)
    with suppress(urllib3.exceptions.HTTPError, OSError):
        faulty.save("a.bin", ContentFile(some_bytes(11 * MIB)))
    assert unfinished_uploads(sdk, bucket, "a.bin") == []


def test_a_delete_whose_response_is_lost_is_done(storage: MinioBackend, faulty: MinioBackend, proxy: Proxy) -> None:
    storage.save("a.txt", ContentFile(b"content"))
    proxy.drop_answer(rb"DELETE /\S+/a\.txt")
    faulty.delete("a.txt")
    assert not storage.exists("a.txt")


def test_connections_that_the_server_has_closed_meanwhile_do_no_harm(faulty: MinioBackend, proxy: Proxy) -> None:
    for number in range(3):
        name = faulty.save(f"{number}.txt", ContentFile(b"content"))
        proxy.break_connections()
        assert faulty.exists(name)
        proxy.break_connections()
        with faulty.open(name) as file:
            assert file.read() == b"content"
        proxy.break_connections()
        assert len(faulty.listdir("")[1]) == number + 1
        proxy.break_connections()
