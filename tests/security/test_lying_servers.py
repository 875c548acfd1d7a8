"""A server that lists what nobody has asked for, or without an end, is refused before anything follows from it."""

from __future__ import annotations

import io
import itertools
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

import pytest
from django.core.files.base import ContentFile
from django.core.management import call_command
from django.core.management.base import CommandError
from urllib3.exceptions import ProtocolError

from django_minio_backend.errors import NoAvailableNameError
from django_minio_backend.models import MinioBackend
from django_minio_backend.s3 import listing
from tests.support.rewriting_proxy import Response, rewriting_proxy, s3_error
from tests.support.settings import STATIC_BACKEND, entry, storages_set

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from minio import Minio
    from pytest_django import Settings

    from tests.support.rewriting_proxy import Received, RewritingProxy
    from tools.servers import Server

    Query = dict[str, str]
    Lie = Callable[[Query], bytes]

CLEAN = "clean_orphaned_minio_files"
LONG_AGO = "2020-11-01T12:00:00.000Z"
MANY_REQUESTS = 350  # more than any test needs; without an end to them a test would have none either


def page(*keys: str, folders: tuple[str, ...] = (), token: str = "") -> bytes:
    """A page of a listing (ListObjectsV2)."""
    contents = "".join(
        f"<Contents><Key>{escape(key)}</Key><Size>7</Size><LastModified>{LONG_AGO}</LastModified></Contents>"
        for key in keys
    )
    prefixes = "".join(f"<CommonPrefixes><Prefix>{escape(one)}</Prefix></CommonPrefixes>" for one in folders)
    more = f"<IsTruncated>true</IsTruncated><NextContinuationToken>{token}</NextContinuationToken>"
    truncated = more if token else "<IsTruncated>false</IsTruncated>"
    return f"<ListBucketResult>{truncated}{contents}{prefixes}</ListBucketResult>".encode()


def uploads_page(*uploads: tuple[str, str], marker: str = "") -> bytes:
    """A page of a listing of unfinished uploads (ListMultipartUploads)."""
    listed = "".join(
        f"<Upload><Key>{key}</Key><UploadId>{upload_id}</UploadId><Initiated>{LONG_AGO}</Initiated></Upload>"
        for key, upload_id in uploads
    )
    more = f"<IsTruncated>true</IsTruncated><NextKeyMarker>a</NextKeyMarker><NextUploadIdMarker>{marker}"
    truncated = f"{more}</NextUploadIdMarker>" if marker else "<IsTruncated>false</IsTruncated>"
    return f"<ListMultipartUploadsResult>{truncated}{listed}</ListMultipartUploadsResult>".encode()


def ever_new_tokens() -> Lie:
    """The same page again and again, with another token each time."""
    tokens = itertools.count(1)
    return lambda query: page(f"{query.get('prefix', '')}a.txt", token=str(next(tokens)))


def alternating_tokens() -> Lie:
    def lie(query: Query) -> bytes:
        first = query.get("continuation-token") != "1"
        return page(f"{query.get('prefix', '')}{'a' if first else 'b'}.txt", token="1" if first else "2")

    return lie


def empty_pages() -> Lie:
    tokens = itertools.count(1)
    return lambda _: page(token=str(next(tokens)))


def characters_without_a_place() -> Lie:
    """What Versity writes for control characters has no order, and cannot be used to go on for ever either."""
    tokens = itertools.count(1)
    return lambda query: page(f"{query.get('prefix', '')}\ufffd", token=str(next(tokens)))


def back_and_forth_between_two_orders() -> Lie:
    """By bytes "a-" comes before "a/b", and folder by folder after it."""
    tokens = itertools.count(1)

    def lie(query: Query) -> bytes:
        token = next(tokens)
        name = "a-" if token % 2 else ("a" if "delimiter" in query else "a/b")
        return page(f"{query.get('prefix', '')}{name}", token=str(token))

    return lie


def falling_keys() -> Lie:
    return lambda query: page(f"{query.get('prefix', '')}b.txt", f"{query.get('prefix', '')}a.txt")


ENDLESS = [
    ever_new_tokens,
    alternating_tokens,
    empty_pages,
    characters_without_a_place,
    back_and_forth_between_two_orders,
    falling_keys,
]


def another_prefix() -> Lie:
    return lambda _: page("elsewhere/a.txt")


def another_folder() -> Lie:
    return lambda query: page(folders=("elsewhere/",)) if "delimiter" in query else page()


def prefix_ignored_with_a_delimiter() -> Lie:
    """Without a delimiter it is honest, so that only what is listed by folders is a lie."""
    return lambda query: page(folders=("elsewhere/", "media/")) if "delimiter" in query else page()


def an_empty_folder_name() -> Lie:
    return lambda _: page(folders=("",))


STRAY = [another_prefix, another_folder, prefix_ignored_with_a_delimiter, an_empty_folder_name]


@pytest.fixture
def liar(server: Server) -> Iterator[RewritingProxy]:
    """A server whose listings are lies; deletions are counted, and reach no bucket."""
    with rewriting_proxy(server) as rewriter:
        yield rewriter


def set_rule(liar: RewritingProxy, rule: Callable[[Received], Response | None]) -> None:
    """Set a rule that holds for so many requests; all further ones are refused."""
    liar.rule = lambda asked: rule(asked) if len(liar.requests) < MANY_REQUESTS else s3_error(400, "EnoughIsEnough")


def query_of(asked: Received) -> Query:
    return {name: values[0] for name, values in parse_qs(asked.query, keep_blank_values=True).items()}


def lie_with(liar: RewritingProxy, lie: Lie) -> None:
    def rule(asked: Received) -> Response | None:
        query = query_of(asked)
        if asked.method == "GET" and "list-type" in query:
            return Response(200, lie(query), date="Thu, 26 Nov 2026 12:00:00 GMT")
        if asked.method == "POST" and "delete" in query:
            return Response(200, b"<DeleteResult/>")
        return None

    set_rule(liar, rule)


def deletions(liar: RewritingProxy) -> list[Received]:
    return [asked for asked in liar.requests if asked.method == "DELETE" or "delete" in asked.query]


@pytest.fixture
def lying_options(minio_options: dict[str, Any], liar: RewritingProxy) -> dict[str, Any]:
    return {**minio_options, "MINIO_ENDPOINT": liar.endpoint, "MINIO_LOCATION": "media"}


@pytest.fixture
def lied_to(lying_options: dict[str, Any]) -> MinioBackend:
    return MinioBackend(**lying_options)


@pytest.fixture
def clean(lying_options: dict[str, Any], transactional_db: None) -> Iterator[Callable[..., str]]:  # noqa: ARG001
    """Run the cleaning of the bucket that the server lies about."""
    bucket = lying_options["MINIO_DEFAULT_BUCKET"]
    with storages_set(default=entry(lying_options), private=entry(lying_options), public=entry(lying_options)):

        def run(*arguments: str) -> str:
            output = io.StringIO()
            call_command(CLEAN, "--bucket", bucket, "--min-age", "0", "--force", *arguments, stdout=output)
            return output.getvalue()

        yield run


WAYS = [[], ["--prefix", "media/photos/"]]
IDS = ["whole location", "below a prefix"]


class TestListingsEnd:
    """A listing whose keys do not ascend is an error."""

    @pytest.mark.parametrize("lie", ENDLESS)
    def test_listdir(self, liar: RewritingProxy, lied_to: MinioBackend, lie: Callable[[], Lie]) -> None:
        lie_with(liar, lie())
        with pytest.raises(ProtocolError, match=r"do not ascend|had no new key"):
            lied_to.listdir("")
        assert len(liar.requests) <= listing.MAX_PAGES_WITHOUT_PROGRESS

    @pytest.mark.parametrize("lie", ENDLESS)
    def test_collectstatic(
        self,
        liar: RewritingProxy,
        lying_options: dict[str, Any],
        settings: Settings,
        tmp_path: Path,
        lie: Callable[[], Lie],
    ) -> None:
        lie_with(liar, lie())
        (tmp_path / "a.css").write_bytes(b"body {}")
        settings.STATICFILES_DIRS = [tmp_path]
        options = {name: value for name, value in lying_options.items() if not name.endswith("_BUCKETS")}
        options["MINIO_STATIC_FILES_BUCKET"] = options.pop("MINIO_DEFAULT_BUCKET")
        with (
            storages_set(staticfiles=entry(options, STATIC_BACKEND)),
            pytest.raises(CommandError, match=r"cannot be listed.*(do not ascend|had no new key)"),
        ):
            call_command("collectstatic", "--noinput", "--clear", stdout=io.StringIO())
        assert {asked.method for asked in liar.requests} == {"GET"}

    @pytest.mark.parametrize("lie", ENDLESS)
    @pytest.mark.parametrize("arguments", WAYS, ids=IDS)
    def test_cleaning(
        self, liar: RewritingProxy, clean: Callable[..., str], lie: Callable[[], Lie], arguments: list[str]
    ) -> None:
        lie_with(liar, lie())
        with pytest.raises(
            CommandError, match=r"cannot be listed.*(do not ascend|had no new key).* Nothing was deleted"
        ):
            clean(*arguments)
        assert deletions(liar) == []

    def test_honest_pages_may_be_empty(self, liar: RewritingProxy, lied_to: MinioBackend) -> None:
        pages = iter([page(token="1"), page("media/a", token="2"), page(token="3"), page(token="4"), page("media/b")])
        lie_with(liar, lambda _: next(pages))
        assert lied_to.listdir("") == ([], ["a", "b"])

    def test_honest_listings_go_folder_by_folder_on_some_servers(
        self, liar: RewritingProxy, lied_to: MinioBackend
    ) -> None:
        """As SeaweedFS does."""
        pages = iter([page("media/a/b", token="1"), page("media/a/c", "media/a-", token="2"), page("media/b")])
        lie_with(liar, lambda _: next(pages))
        keys = [found.key for one in listing.list_pages(lied_to.s3, lied_to.bucket, "media/") for found in one.objects]
        assert keys == ["media/a/b", "media/a/c", "media/a-", "media/b"]

    def test_honest_listings_have_characters_without_a_place_on_some_servers(
        self, liar: RewritingProxy, lied_to: MinioBackend
    ) -> None:
        """As Versity has."""
        pages = iter([page("media/\ufffd", "media/a", "media/\ufffd", token="1"), page("media/\ufffd", "media/b")])
        lie_with(liar, lambda _: next(pages))
        assert lied_to.listdir("") == ([], ["\ufffd", "a", "\ufffd", "\ufffd", "b"])


class TestListingsKeepToTheirPrefix:
    """What lies outside of MINIO_LOCATION or --prefix is never taken for the storage's own."""

    @pytest.mark.parametrize("lie", STRAY)
    def test_listdir(self, liar: RewritingProxy, lied_to: MinioBackend, lie: Callable[[], Lie]) -> None:
        lie_with(liar, lie())
        with pytest.raises(ProtocolError, match=r"for prefix 'media/' in bucket|without a key"):
            lied_to.listdir("")

    @pytest.mark.parametrize("name", ["media/a/b.txt", "media/a/"])
    def test_listdir_of_a_server_without_delimiters(
        self, liar: RewritingProxy, lied_to: MinioBackend, name: str
    ) -> None:
        lie_with(liar, lambda _: page(name))
        with pytest.raises(ProtocolError, match="did not group"):
            lied_to.listdir("")

    def test_whether_a_static_folder_exists(self, liar: RewritingProxy, lying_options: dict[str, Any]) -> None:
        from django_minio_backend.models import MinioBackendStatic

        options = {name: value for name, value in lying_options.items() if not name.endswith("_BUCKETS")}
        options["MINIO_STATIC_FILES_BUCKET"] = options.pop("MINIO_DEFAULT_BUCKET")
        lie_with(liar, another_prefix())
        with pytest.raises(ProtocolError, match="for prefix 'media/css/' in bucket"):
            MinioBackendStatic(**options).exists("css")

    def test_cleaning(self, liar: RewritingProxy, clean: Callable[..., str]) -> None:
        lie_with(liar, another_prefix())
        with pytest.raises(CommandError, match=r"for prefix '.*/' in bucket.*Nothing was deleted"):
            clean()
        assert deletions(liar) == []


class TestNamesThatLeadElsewhere:
    """listdir() gives only names by which the storage finds those very objects."""

    @pytest.mark.parametrize("name", ["..", ".", "..\\..\\b", "a\\b"])
    def test_listdir_leaves_them_out(self, liar: RewritingProxy, lied_to: MinioBackend, name: str) -> None:
        lie_with(
            liar, lambda _: page(*sorted([f"media/{name}", "media/ok"]), folders=tuple(sorted([f"media/{name}/"])))
        )
        assert lied_to.listdir("") == ([], ["ok"])


class TestUnfinishedUploads:
    """A listing of unfinished uploads that brings nothing new, or no ids, is an error."""

    @staticmethod
    def lies() -> dict[str, Lie]:
        tokens, empty = itertools.count(1), itertools.count(1)

        def alternating(query: Query) -> bytes:
            other = query.get("upload-id-marker") == "1"
            return uploads_page(("media/b", "2"), marker="2") if other else uploads_page(("media/a", "1"), marker="1")

        return {
            "ever new markers": lambda _: uploads_page(("media/a", "1"), marker=str(next(tokens))),
            "alternating markers": alternating,
            "empty pages": lambda _: uploads_page(marker=str(next(empty))),
            "no id": lambda _: uploads_page(("media/a", "")),
            "one upload twice": lambda _: uploads_page(("media/a", "1"), ("media/a", "1")),
        }

    @pytest.mark.parametrize(
        "name", ["ever new markers", "alternating markers", "empty pages", "no id", "one upload twice"]
    )
    def test_cleaning(self, liar: RewritingProxy, clean: Callable[..., str], name: str) -> None:
        lie = self.lies()[name]

        def rule(asked: Received) -> Response | None:
            query = query_of(asked)
            date = "Thu, 26 Nov 2026 12:00:00 GMT"
            if asked.method == "GET" and ("uploads" in query or "list-type" in query):
                return Response(200, lie(query) if "uploads" in query else page(), date=date)
            return None

        set_rule(liar, rule)
        with pytest.raises(CommandError, match=r"cannot be listed: .*unfinished uploads.*Nothing was deleted"):
            clean("--unfinished-uploads", "0")
        assert deletions(liar) == []

    def test_uploads_outside_of_the_location_stay(self, liar: RewritingProxy, clean: Callable[..., str]) -> None:
        def rule(asked: Received) -> Response | None:
            is_of_uploads = "uploads" in parse_qs(asked.query, keep_blank_values=True)
            body = uploads_page(("elsewhere/a", "1"), ("media/a", "2")) if is_of_uploads else page()
            return Response(200, body, date="Thu, 26 Nov 2026 12:00:00 GMT") if asked.method == "GET" else Response(204)

        set_rule(liar, rule)
        assert "media/a" in clean("--unfinished-uploads", "0")
        assert [asked.path.partition("/media")[1] for asked in deletions(liar)] == ["/media"]


class TestSaving:
    """A save ends where the server takes every name for one in use."""

    @staticmethod
    def lie_about_names(liar: RewritingProxy, method: str) -> None:
        def rule(asked: Received) -> Response | None:
            if asked.method != method:
                return s3_error(404, "NoSuchKey") if asked.method == "HEAD" else None
            return Response(200, etag='"0"') if method == "HEAD" else s3_error(412, "PreconditionFailed")

        set_rule(liar, rule)

    @pytest.mark.parametrize(
        ("method", "condition"), [("HEAD", "auto"), ("HEAD", False), ("PUT", "auto"), ("PUT", True)]
    )
    def test_save(
        self, liar: RewritingProxy, lying_options: dict[str, Any], method: str, condition: object, sdk: Minio
    ) -> None:
        storage = MinioBackend(**lying_options, MINIO_CONDITIONAL_WRITES=condition)
        self.lie_about_names(liar, method)
        with pytest.raises(NoAvailableNameError) as failed:
            storage.save("photo.png", ContentFile(b"content"))
        output = str(failed.value)
        assert all(part in output for part in (storage.bucket, "media/photo.png", f"http://{liar.endpoint}"))
        assert len(liar.requests) <= 300
        assert list(sdk.list_objects(bucket_name=storage.bucket, recursive=True)) == []

    def test_get_available_name_alone(self, liar: RewritingProxy, lied_to: MinioBackend) -> None:
        self.lie_about_names(liar, "HEAD")
        with pytest.raises(NoAvailableNameError, match=r"100 names were already in use"):
            lied_to.get_available_name("photo.png")
        assert len(liar.requests) == 100

    def test_a_subclass_that_gives_one_alternative_only(self, storage: MinioBackend) -> None:
        storage.save("photo.png", ContentFile(b"first"))
        storage.get_alternative_name = partial(lambda root, extension: f"{root}{extension}")  # type: ignore[method-assign]
        with pytest.raises(NoAvailableNameError):
            storage.save("photo.png", ContentFile(b"second"))
