"""memory_minio() in its forms: who works on the server in memory, from when to when."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import threading
import time
import unittest
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, cast

import pytest
import urllib3
from django.core.cache import cache
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.core.management import call_command
from django.test import SimpleTestCase
from django.test.utils import override_settings
from minio.credentials.credentials import Credentials
from minio.credentials.providers import Provider
from minio.error import S3Error

from django_minio_backend.errors import ConfigurationError
from django_minio_backend.models import MinioBackend
from django_minio_backend.testing import MemoryMinioMixin, memory_minio
from django_minio_backend.transport import pool
from tests import settings
from tests.app.models import Document
from tests.support.processes import run_python
from tests.support.settings import entry, made_up, storages_set

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def dead_server() -> Iterator[None]:
    """STORAGES whose server does not exist."""
    options = made_up(MINIO_ENDPOINT="127.0.0.1:1", MINIO_DEFAULT_BUCKET="papers", MINIO_PUBLIC_BUCKETS=["pictures"])
    with storages_set(default=entry(options)):
        yield


dead = pytest.mark.usefixtures("dead_server")


def default() -> MinioBackend:
    return cast("MinioBackend", storages["default"])


def save(name: str = "a.txt", content: bytes = b"content") -> str:
    return default().save(name, ContentFile(content))


@dead
def test_the_storages_of_aliases_of_calls_and_the_sdks_client_work_on_it() -> None:
    with memory_minio() as minio:
        assert minio.buckets() == ["papers", "pictures"]
        save()
        MinioBackend(bucket_name="pictures", storage_name="default").save("b.txt", ContentFile(b"b"))
        elsewhere = made_up(MINIO_ENDPOINT="other.test", MINIO_DEFAULT_BUCKET="letters", MINIO_ACCESS_KEY="else")
        MinioBackend(**elsewhere).save("c.txt", ContentFile(b"c"))
        found = default().client.stat_object("papers", "a.txt")
        assert found.size == 7
        assert [minio[name].names() for name in minio.buckets()] == [["c.txt"], ["a.txt"], ["b.txt"]]


def test_storages_that_fields_hold_and_clients_from_before_work_on_it() -> None:
    client = default().client
    with memory_minio() as minio:
        document = Document()
        document.private.save("a.txt", ContentFile(b"a"), save=False)
        assert minio[settings.PRIVATE_BUCKET].names() == [document.private.name]
        assert client.stat_object(settings.PRIVATE_BUCKET, str(document.private.name)).size == 1


@dead
def test_the_commands_work_on_it(capsys: pytest.CaptureFixture[str]) -> None:
    with memory_minio(create_buckets=False) as minio:
        call_command("initialize_buckets")
        assert minio.buckets() == ["papers", "pictures"]
        call_command("initialize_buckets")
        assert "All buckets match the settings." in capsys.readouterr().out
        call_command("is_minio_available", "--deep")
        save()
        minio["papers"].set_time("a.txt", time.time() - 10_000)
        assert default().is_minio_available()


@dead
def test_a_pool_of_the_projects_own_is_not_asked() -> None:
    class Refusing(urllib3.PoolManager):
        def urlopen(self, *_: Any, **__: Any) -> Any:
            raise AssertionError

    with memory_minio() as minio, Refusing() as pool:
        MinioBackend(bucket_name="papers", storage_name="default", MINIO_HTTP_CLIENT=pool).save("a", ContentFile(b""))
        assert minio["papers"].names() == ["a"]


@dead
def test_each_block_has_a_server_of_its_own_and_blocks_can_be_nested() -> None:
    with memory_minio() as outer:
        save("a.txt")
        with memory_minio() as inner:
            assert save("a.txt") == "a.txt"
            save("b.txt")
            assert inner["papers"].names() == ["a.txt", "b.txt"]
        assert outer["papers"].names() == ["a.txt"]
        assert not default().exists("b.txt")
    with memory_minio() as minio:
        assert minio["papers"].names() == []


def test_it_is_undone_at_the_end_also_after_an_error() -> None:
    before = pool.replacement
    with pytest.raises(KeyError, match="x"), memory_minio():
        raise KeyError("x")
    assert pool.replacement is before


def test_settings_with_a_mistake_are_reported_and_nothing_stays_installed() -> None:
    before = pool.replacement
    with (
        storages_set(default=entry(made_up(MINIO_ENDPOIN="x"))),
        pytest.raises(ConfigurationError, match="MINIO_ENDPOINT"),
    ):
        memory_minio().__enter__()
    assert pool.replacement is before


@dead
def test_settings_can_be_overridden_within_a_block() -> None:
    with memory_minio() as minio:
        save("a.txt")
        other = made_up(MINIO_DEFAULT_BUCKET="letters", MINIO_ACCESS_KEY="other", MINIO_SECRET_KEY="other-secret")
        with override_settings(STORAGES={"default": entry(other)}):
            save("b.txt")
            assert minio.get(default().url("b.txt")).data == b"content"
        save("c.txt")
        assert (minio["papers"].names(), minio["letters"].names()) == (["a.txt", "c.txt"], ["b.txt"])


# Decorators


@dead
def test_a_function_can_be_decorated_and_be_called_again() -> None:
    @memory_minio()
    def names(first: str, *, second: str) -> list[str]:
        return [save(first), save(second)]

    assert names("a.txt", second="b.txt") == names("a.txt", second="b.txt") == ["a.txt", "b.txt"]
    assert names.__name__ == "names"


@dead
def test_an_async_function_can_be_decorated() -> None:
    @memory_minio()
    async def names() -> list[str]:
        await asyncio.sleep(0)
        return [await asyncio.to_thread(save), await asyncio.to_thread(save, "b.txt")]

    assert asyncio.run(names()) == ["a.txt", "b.txt"]


def test_a_class_that_is_no_test_case_cannot_be_decorated() -> None:
    with pytest.raises(TypeError, match="usefixtures"):

        @memory_minio()
        class Tests:
            pass


def cases() -> dict[str, type[unittest.TestCase]]:
    """Within a function, since pytest would run them."""

    class Base(SimpleTestCase):
        seen: list[tuple[str, list[str]]]

        @classmethod
        def setUpClass(cls) -> None:
            super().setUpClass()
            cls.seen = []
            save("of the class.txt")

        def setUp(self) -> None:
            self.seen.append(("setUp", self.names()))

        def names(self) -> list[str]:
            minio: Any = vars(self)["minio"]
            names: list[str] = minio["papers"].names()
            return names

        def test_first(self) -> None:
            save("first.txt")
            assert self.names() == ["first.txt", "of the class.txt"]

        def test_second(self) -> None:
            default().delete("of the class.txt")
            assert self.names() == []

        async def test_third(self) -> None:
            assert self.names() == ["of the class.txt"]

        def test_wrong(self) -> None:
            save("wrong.txt")
            raise ValueError

    @memory_minio()
    class Decorated(Base):
        """Documented."""

    class Mixed(MemoryMinioMixin, Base):
        pass

    return {"decorated": Decorated, "mixed": Mixed}


@dead
@pytest.mark.parametrize("kind", ["decorated", "mixed"])
def test_each_test_of_a_class_starts_with_what_the_class_has_saved(kind: str) -> None:
    before, case = pool.replacement, cases()[kind]
    result = unittest.TestResult()
    unittest.defaultTestLoader.loadTestsFromTestCase(case).run(result)
    assert result.testsRun == 4
    assert not result.failures
    assert [error.splitlines()[-1] for _, error in result.errors] == ["ValueError"]
    assert getattr(case, "seen") == [("setUp", ["of the class.txt"])] * 4  # noqa: B009 - for mypy
    assert pool.replacement is before


def test_a_decorated_class_keeps_its_names() -> None:
    decorated = cases()["decorated"]
    assert (decorated.__name__, decorated.__doc__) == ("Decorated", "Documented.")
    assert decorated.__qualname__.endswith("<locals>.Decorated")
    assert decorated.__module__ == __name__


# Buckets


@dead
def test_without_buckets_a_missing_one_is_reported() -> None:
    with memory_minio(create_buckets=False) as minio:
        with pytest.raises(S3Error, match="NoSuchBucket"):
            save()
        with pytest.raises(KeyError, match="There are: none"):
            minio["papers"]
        minio.create_bucket("papers")
        save()


@dead
def test_a_deleted_bucket_stays_deleted() -> None:
    with memory_minio():
        client = default().client
        client.remove_bucket("papers")
        assert not client.bucket_exists("papers")
        with pytest.raises(S3Error, match="NoSuchBucket"):
            save()
        client.make_bucket("papers")
        save()


@dead
def test_only_uploads_make_a_bucket_that_nothing_declares() -> None:
    with memory_minio() as minio:
        client = default().client
        assert not client.bucket_exists("unheard-of")
        with pytest.raises(S3Error, match="NoSuchBucket"):
            list(client.list_objects("unheard-of"))
        assert minio.buckets() == ["papers", "pictures"]


# What a test sees


@dead
def test_a_bucket_shows_and_changes_its_objects_without_requests() -> None:
    with memory_minio() as minio:
        storage = MinioBackend(bucket_name="papers", storage_name="default", metadata={"Colour": "dark red"})
        storage.save("folder/a.txt", ContentFile(b"content"))
        bucket = minio["papers"]
        assert bucket.names() == bucket.names("folder/") == ["folder/a.txt"]
        assert bucket.names("other/") == []
        assert "folder/a.txt" in bucket
        assert bucket.read("folder/a.txt") == b"content"
        assert bucket.metadata("folder/a.txt")["colour"] == "dark red"
        assert bucket.headers("folder/a.txt")["content-type"] == "text/plain"
        bucket.put("b.bin", b"b", metadata={"Origin": "else"})
        assert storage.open("b.bin").read() == b"b"
        assert storage.stat("b.bin").metadata["x-amz-meta-origin"] == "else"  # type: ignore[index]  # there is some
        bucket.delete("b.bin")
        assert not storage.exists("b.bin")
        with pytest.raises(KeyError, match=r"no object 'b.bin'. It has: folder/a.txt"):
            bucket.read("b.bin")


@dead
def test_a_url_is_opened_as_by_a_browser() -> None:
    with memory_minio() as minio:
        name = save("ä b.txt")
        url = default().url(name)
        assert minio.get(url).data == b"content"
        assert minio.get(url, {"Range": "bytes=3-"}).data == b"tent"
        assert minio.head(url).status == 403  # signed for GET
        assert minio.get(url.partition("?")[0]).status == 403
        assert minio.get(url[:-1] + ("1" if url.endswith("0") else "0")).status == 403
        public = MinioBackend(bucket_name="pictures", storage_name="default")
        public.save("p.txt", ContentFile(b"p"))
        assert minio.get(public.url("p.txt")).data == b"p"
        assert minio.get(public.url("missing.txt")).status == 404
        expired = default().url(name, expires=1)
        threading.Event().wait(2.1)
        assert minio.get(expired).status == 403


@pytest.mark.parametrize(
    "options",
    [
        {"MINIO_EXTERNAL_ENDPOINT": "files.test", "MINIO_EXTERNAL_ENDPOINT_USE_HTTPS": True},
        {
            "MINIO_EXTERNAL_ENDPOINT": "files.test",
            "MINIO_EXTERNAL_ENDPOINT_USE_HTTPS": True,
            "MINIO_VIRTUAL_HOST_STYLE": True,
        },
        {"MINIO_PUBLIC_BASE_URL": "https://cdn.test"},
        {"MINIO_PUBLIC_BASE_URL": "https://cdn.test/pictures/of/us"},
        {"MINIO_PUBLIC_BASE_URL": {"pictures": "https://cdn.test/pictures", "papers": "https://cdn.test"}},
    ],
    ids=["external", "external, virtual host", "published", "published in a folder", "published by bucket"],
)
def test_urls_that_lead_to_the_server_by_another_host_are_opened(options: dict[str, Any]) -> None:
    public = [*options.get("MINIO_PUBLIC_BASE_URL", ())] if len(options) == 1 else []
    public = public if "papers" in public else ["pictures"]
    aliases = {
        "default": made_up(MINIO_DEFAULT_BUCKET="private"),
        "files": made_up(MINIO_DEFAULT_BUCKET="pictures", MINIO_PUBLIC_BUCKETS=public, MINIO_LOCATION="a", **options),
    }
    with storages_set(**{alias: entry(each) for alias, each in aliases.items()}), memory_minio() as minio:
        storage = storages["files"]
        name = storage.save("ä b.txt", ContentFile(b"content"))
        url = storage.url(name)
        assert url.startswith(("https://cdn.test/", "https://files.test/", "https://pictures.files.test/"))
        assert minio.get(url).data == b"content"
        assert minio.head(url).status == 200
        assert minio.get(storage.url("missing.txt")).status == 404
        private = storages["default"].url("a.txt").partition("?")[0]
        assert minio.get(private).status == 403


@dead
def test_browsers_can_upload_directly() -> None:
    with memory_minio() as minio:
        storage = default()
        form = storage.presigned_upload("a.txt", max_size=10)
        assert minio.post(form.url, form.fields, b"x" * 11).status == 400
        assert minio.post(form.url, form.fields, b"content").status == 204
        assert storage.open(storage.accept_upload(form.name)).read() == b"content"
        put = storage.presigned_upload("b.txt", max_size=10, size=2, method="PUT")
        assert minio.put(put.url, b"123", put.headers).status == 403
        assert minio.put(put.url, b"12", put.headers).status == 200


@dead
@pytest.mark.parametrize("virtual_host", [True, False])
def test_buckets_can_be_in_the_name_of_the_host(*, virtual_host: bool) -> None:
    with memory_minio() as minio:
        options = made_up(MINIO_DEFAULT_BUCKET="letters", MINIO_VIRTUAL_HOST_STYLE=virtual_host)
        storage = MinioBackend(**{**options, "MINIO_ENDPOINT": "minio.test"})
        storage.save("a/b.txt", ContentFile(b"content"))
        assert minio["letters"].names() == ["a/b.txt"]
        assert minio.get(storage.url("a/b.txt")).data == b"content"


@dead
def test_temporary_keys_of_a_provider_are_known() -> None:
    class Temporary(Provider):
        def retrieve(self) -> Credentials:
            return Credentials("temporary", "its secret", "its token")

    with memory_minio() as minio:
        storage = MinioBackend(
            MINIO_ENDPOINT="minio.test",
            MINIO_USE_HTTPS=True,
            MINIO_DEFAULT_BUCKET="letters",
            MINIO_CREDENTIALS=Temporary(),
        )
        storage.save("a.txt", ContentFile(b"content"))
        assert minio.get(storage.url("a.txt")).data == b"content"


@dead
def test_a_wrong_secret_key_is_refused_and_not_shown() -> None:
    with memory_minio():
        storage = MinioBackend(bucket_name="papers", storage_name="default", MINIO_SECRET_KEY="wrong-secret")
        with pytest.raises(S3Error, match=r"SignatureDoesNotMatch, message: \w") as raised:
            storage.save("a.txt", ContentFile(b""))
        assert "wrong-secret" not in str(raised.value)


@dead
def test_what_it_does_not_know_is_refused_by_name() -> None:
    with memory_minio():
        client = default().client
        with pytest.raises(S3Error, match=r"NotImplemented.*PUT a bucket with \?versioning is not supported"):
            client._execute("PUT", "papers", query_params={"versioning": ""})


# What is remembered


@dead
def test_cached_urls_of_one_server_are_unknown_to_another() -> None:
    options = made_up(MINIO_ENDPOINT="127.0.0.1:1", MINIO_DEFAULT_BUCKET="papers", MINIO_URL_CACHING_ENABLED=True)
    cache.clear()
    with override_settings(STORAGES={"default": entry(options)}):
        with memory_minio():
            save("a.txt", b"first")
            first = default().url("a.txt")
            default().delete("a.txt")
        with memory_minio() as minio:
            minio["papers"].put("a.txt", b"second")
            second = default().url("a.txt")
            assert "x-etag" in second
            assert second != first
            assert minio.get(second).data == b"second"


@dead
def test_a_failure_before_is_forgotten() -> None:
    options = made_up(MINIO_ENDPOINT="127.0.0.1:1", MINIO_DEFAULT_BUCKET="papers", MINIO_URL_CACHING_ENABLED=True)
    options["MINIO_HTTP_CLIENT"] = urllib3.PoolManager(retries=False, timeout=1)
    with override_settings(STORAGES={"default": entry(options)}):
        storage = default()
        replaced, pool.replacement = pool.replacement, None
        try:
            assert "x-etag" not in storage.url("a.txt")  # the server cannot be reached, and is not asked for a while
        finally:
            pool.replacement = replaced
        with memory_minio() as minio:
            minio["papers"].put("a.txt", b"a")
            assert "x-etag" in storage.url("a.txt")


# Threads and processes


@dead
def test_threads_share_it_and_only_one_wins_a_name() -> None:
    with memory_minio() as minio:
        with ThreadPoolExecutor(16) as pool:
            names = list(pool.map(lambda number: save("a.txt", str(number).encode()), range(64)))
        assert len(set(names)) == 64
        assert sorted(minio["papers"].read(name) for name in names) == sorted(str(n).encode() for n in range(64))


def _in_child(queue: Any) -> None:
    queue.put((os.getpid(), save("child.txt"), default().open("parent.txt").read()))


@dead
def test_a_forked_process_has_a_copy() -> None:
    context = multiprocessing.get_context("fork")
    with memory_minio() as minio:
        save("parent.txt")
        queue = context.Queue()
        with minio.server.lock:  # as if another thread were within a request
            process = context.Process(target=_in_child, args=(queue,))
            process.start()
        process_id, name, content = queue.get(timeout=30)
        process.join(30)
        assert process_id != os.getpid()
        assert (name, content) == ("child.txt", b"content")
        assert minio["papers"].names() == ["parent.txt"]


def test_nothing_of_it_is_loaded_by_the_package_itself() -> None:
    script = """
import django; django.setup()
from django.core.files.storage import storages
storages["default"].client
import sys; print([name for name in sys.modules if "testing" in name and "minio" in name or "memory_s3" in name])
"""
    run = run_python("-c", script, environment={"DJANGO_SETTINGS_MODULE": "tests.settings"})
    assert run.stdout == "[]\n", run.stderr
