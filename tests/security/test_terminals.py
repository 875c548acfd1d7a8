"""What a server, a row or an uploader has written steers no terminal and forges no line of a log."""

from __future__ import annotations

import io
import json
import logging
import unicodedata
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from django.core.files.base import ContentFile
from django.core.management import call_command
from django.core.management.base import CommandError
from hypothesis import given
from hypothesis import strategies as st

from django_minio_backend.buckets.initialize import initialize
from django_minio_backend.errors import BucketsNotReadyError
from django_minio_backend.models import MinioBackend
from django_minio_backend.redaction.escaping import escape_control_characters
from tests.app.models import Document
from tests.support.rewriting_proxy import Response, rewriting_proxy
from tests.support.settings import STATIC_BACKEND, entry, storages_set

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from minio import Minio
    from pytest_django import Settings

    from tests.support.rewriting_proxy import Received, RewritingProxy
    from tools.servers import Server

    Clean = Callable[..., str]

EVIL = "x\x1b[2J\r\nFORGED \x7f\x9b2J\u202e\u2028\u2066\ufeff\u200e.txt"
SHOWN = r"x\x1b[2J\r\nFORGED \x7f\x9b2J\u202e\u2028\u2066\ufeff\u200e.txt"
NOW = "Thu, 26 Nov 2026 12:00:00 GMT"
LONG_AGO = "2020-11-01T12:00:00.000Z"
REFUSED = Response(403, f"No {EVIL}".encode(), "text/plain; charset=utf-8")  # the SDK's error quotes the body
HARMFUL = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def harmful(text: str) -> list[str]:
    """Control characters, and lines that the attacker has made."""
    controls = [letter for letter in text if unicodedata.category(letter) in HARMFUL and letter != "\n"]
    return controls + [line for line in text.split("\n") if line.startswith("FORGED")]


def listing(*keys: str) -> Response:
    contents = "".join(
        f"<Contents><Key>{quote(key)}</Key><Size>7</Size><LastModified>{LONG_AGO}</LastModified></Contents>"
        for key in keys
    )
    output = "<EncodingType>url</EncodingType><IsTruncated>false</IsTruncated>"
    return Response(200, f"<ListBucketResult>{output}{contents}</ListBucketResult>".encode(), date=NOW)


def of_listings(response: Response, otherwise: Response | None = None) -> Callable[[Received], Response | None]:
    return lambda request: response if request.method == "GET" and "list-type" in request.query else otherwise


@pytest.fixture
def hostile(server: Server) -> Iterator[RewritingProxy]:
    with rewriting_proxy(server) as rewriter:
        yield rewriter


@pytest.fixture
def hostile_options(minio_options: dict[str, Any], hostile: RewritingProxy) -> dict[str, Any]:
    return {**minio_options, "MINIO_ENDPOINT": hostile.endpoint}


@pytest.fixture
def clean(hostile_options: dict[str, Any], transactional_db: None) -> Iterator[Clean]:  # noqa: ARG001 - order
    with storages_set(default=entry(hostile_options), private=entry(hostile_options), public=entry(hostile_options)):

        def run(*arguments: str) -> str:
            output = io.StringIO()
            bucket = hostile_options["MINIO_DEFAULT_BUCKET"]
            try:
                call_command(
                    "clean_orphaned_minio_files",
                    "--bucket",
                    bucket,
                    "--min-age",
                    "0",
                    "--force",
                    *arguments,
                    stdout=output,
                )
            except CommandError as error:
                return f"{output.getvalue()}\n{error}"
            return output.getvalue()

        yield run


class TestEscaping:
    """Of a text by itself."""

    @given(st.text(st.characters(codec=None), max_size=20))
    def test_control_characters_are_escaped_once(self, text: str) -> None:
        escaped = escape_control_characters(text)
        left = {letter for letter in escaped if unicodedata.category(letter) in {"Cc", "Cs", "Zl", "Zp"}}
        assert not left
        assert escape_control_characters(escaped) == escaped
        if text.isprintable():
            assert escaped == text

    @pytest.mark.parametrize(
        "number", [*range(0x20), *range(0x7F, 0xA0), 0x61C, 0x200E, 0x200F, *range(0x2028, 0x202F)]
    )
    def test_each_control_character_is_escaped(self, number: int) -> None:
        assert escape_control_characters(chr(number)).startswith("\\")

    @pytest.mark.parametrize(
        "text", ["\u00e9\u65e5\U0001f4c4 a\xa0b", "\u0645\u06cc\u200c\u062e", "\U0001f468\u200d\U0001f469"]
    )
    def test_letters_of_all_scripts_stay_as_they_are(self, text: str) -> None:
        assert escape_control_characters(text) == text


class TestCleaning:
    """clean_orphaned_minio_files, with names that anybody may have uploaded."""

    @pytest.mark.needs("minio-health")  # MinIO stores and lists such a name as it is
    def test_names_of_real_objects_and_rows(self, clean: Clean, sdk: Minio, minio_options: dict[str, Any]) -> None:
        bucket = minio_options["MINIO_DEFAULT_BUCKET"]
        sdk.put_object(bucket_name=bucket, object_name=EVIL, data=io.BytesIO(b"content"), length=7)
        Document.objects.create(plain=f"missing {EVIL}")
        output = clean("--check-missing")
        assert not harmful(output)
        assert f"Deleted http://{minio_options['MINIO_ENDPOINT']}".rpartition(":")[0] in output
        assert f"{bucket}/{SHOWN}\n" in output
        assert f"missing {SHOWN}\n" in output
        assert list(sdk.list_objects(bucket_name=bucket, recursive=True)) == []

    def test_names_in_a_listing(self, clean: Clean, hostile: RewritingProxy) -> None:
        hostile.rule = of_listings(listing(EVIL))
        output = clean("--dry-run")
        assert SHOWN in output
        assert not harmful(output)

    @pytest.mark.parametrize("key", [EVIL, "plain.txt"], ids=["by a request of its own", "by the thousand"])
    def test_deletions_that_fail(
        self, clean: Clean, hostile: RewritingProxy, caplog: pytest.LogCaptureFixture, key: str
    ) -> None:
        hostile.rule = of_listings(listing(key), REFUSED)
        with caplog.at_level(logging.DEBUG, "django_minio_backend"):
            output = clean()
        assert SHOWN in output
        assert not harmful(output + caplog.text)

    def test_reasons_in_the_response_to_a_bulk_deletion(
        self, clean: Clean, hostile: RewritingProxy, caplog: pytest.LogCaptureFixture
    ) -> None:
        message = "&#13;&#10;FORGED \u009b2J\u202e\u2028!"
        error = f"<Error><Key>plain.txt</Key><Code>AccessDenied</Code><Message>{message}</Message></Error>"
        objects, deleted = listing("plain.txt"), Response(200, f"<DeleteResult>{error}</DeleteResult>".encode())
        hostile.rule = lambda request: deleted if request.method == "POST" else of_listings(objects)(request)
        with caplog.at_level(logging.DEBUG, "django_minio_backend"):
            output = clean()
        assert r"AccessDenied \r\nFORGED \x9b2J\u202e\u2028!" in output
        assert r"AccessDenied \r\nFORGED \x9b2J\u202e\u2028!" in caplog.text
        assert not harmful(output + caplog.text)

    def test_listings_that_fail(self, clean: Clean, hostile: RewritingProxy) -> None:
        hostile.rule = of_listings(REFUSED)
        output = clean()
        assert SHOWN in output
        assert not harmful(output)

    def test_unfinished_uploads(self, clean: Clean, hostile: RewritingProxy, caplog: pytest.LogCaptureFixture) -> None:
        key = "x&#13;&#10;FORGED \u009b2J\u202e\u2028"
        upload = f"<Upload><Key>{key}</Key><UploadId>1</UploadId><Initiated>{LONG_AGO}</Initiated></Upload>"
        body = f"<ListMultipartUploadsResult><IsTruncated>false</IsTruncated>{upload}</ListMultipartUploadsResult>"

        def rule(request: Received) -> Response | None:
            if "uploads=" in request.query:
                return Response(200, body.encode(), date=NOW)
            return of_listings(listing(), REFUSED)(request)

        hostile.rule = rule
        with caplog.at_level(logging.DEBUG, "django_minio_backend"):
            output = clean("--unfinished-uploads", "0")
        assert r"x\r\nFORGED \x9b2J\u202e\u2028" in output
        assert SHOWN in output
        assert "was not aborted" in caplog.text
        assert not harmful(output + caplog.text)

    def test_json_has_the_name_itself(self, clean: Clean, hostile: RewritingProxy) -> None:
        hostile.rule = of_listings(listing(EVIL))
        output = clean("--dry-run", "--json")
        assert json.loads(output.splitlines()[0])["key"] == EVIL
        assert not harmful(output)


class TestCollectstatic:
    """collectstatic, on a server that says no in its own way, and with files that are named badly."""

    @pytest.fixture
    def collect(
        self, hostile_options: dict[str, Any], settings: Settings, tmp_path: Path
    ) -> Iterator[Callable[..., str]]:
        options = {name: value for name, value in hostile_options.items() if not name.endswith("_BUCKETS")}
        options["MINIO_STATIC_FILES_BUCKET"] = options.pop("MINIO_DEFAULT_BUCKET")
        settings.STATICFILES_DIRS = [tmp_path]
        settings.STATICFILES_FINDERS = ["django.contrib.staticfiles.finders.FileSystemFinder"]
        (tmp_path / EVIL).write_bytes(b"content")

        def run(*arguments: str) -> str:
            output = io.StringIO()
            try:
                call_command("collectstatic", "--noinput", "--verbosity", "2", *arguments, stdout=output)
            except CommandError as error:
                return f"{output.getvalue()}\n{error}"
            return output.getvalue()

        with storages_set(staticfiles=entry(options, STATIC_BACKEND)):
            yield run

    def test_names(self, collect: Callable[..., str], hostile: RewritingProxy) -> None:
        hostile.rule = of_listings(listing(f"old {EVIL}"))
        output = collect("--clear", "--dry-run")
        assert f"old {SHOWN}" in output
        assert f"/{SHOWN}'" in output
        assert not harmful(output)

    def test_uploads_that_fail(self, collect: Callable[..., str], hostile: RewritingProxy) -> None:
        hostile.rule = lambda request: REFUSED if request.method == "PUT" else None
        output = collect()
        assert f"'{SHOWN}' could not be uploaded" in output
        assert f"No {SHOWN}" in output
        assert not harmful(output)

    @pytest.mark.parametrize("arguments", [[], ["--clear"]])
    def test_listings_that_fail(
        self, collect: Callable[..., str], hostile: RewritingProxy, arguments: list[str]
    ) -> None:
        hostile.rule = of_listings(REFUSED)
        output = collect(*arguments)
        assert SHOWN in output
        assert not harmful(output)


class TestOtherCommands:
    """initialize_buckets, is_minio_available and the check on start, on a server with evil messages."""

    @pytest.fixture(autouse=True)
    def refusing(self, hostile: RewritingProxy, hostile_options: dict[str, Any]) -> Iterator[None]:
        hostile.rule = lambda request: None if "health" in request.path or request.path == "/" else REFUSED
        with storages_set(default=entry(hostile_options)):
            yield

    @pytest.mark.parametrize("arguments", [[], ["--check"]])
    def test_initialize_buckets(self, arguments: list[str]) -> None:
        output = io.StringIO()
        with pytest.raises(CommandError) as failed:
            call_command("initialize_buckets", *arguments, stdout=output)
        assert SHOWN in str(failed.value)
        assert not harmful(output.getvalue() + str(failed.value))

    def test_the_check_on_start(self, hostile_options: dict[str, Any]) -> None:
        with pytest.raises(BucketsNotReadyError) as failed:
            initialize([MinioBackend(**hostile_options)])
        assert SHOWN in str(failed.value)
        assert not harmful(str(failed.value))

    def test_is_minio_available(self, hostile: RewritingProxy) -> None:
        # The health check has no Authorization.
        hostile.rule = lambda request: REFUSED if "Authorization" in request.headers else None
        output = io.StringIO()
        with pytest.raises(CommandError) as failed:
            call_command("is_minio_available", "--deep", stdout=output)
        assert SHOWN in str(failed.value)
        assert not harmful(output.getvalue() + str(failed.value))


class TestLogs:
    """Whatever a handler does with them."""

    @pytest.mark.needs("line-breaks")
    def test_an_upload_that_cannot_be_aborted(
        self, hostile: RewritingProxy, hostile_options: dict[str, Any], caplog: pytest.LogCaptureFixture
    ) -> None:
        hostile.rule = lambda request: (
            REFUSED if request.method == "DELETE" or "partNumber" in request.query or request.method == "HEAD" else None
        )
        storage = MinioBackend(**hostile_options, MINIO_CONDITIONAL_WRITES=True, MINIO_MULTIPART_UPLOAD=True)
        with pytest.raises(Exception, match="403"):
            storage.save(f"a {EVIL}", ContentFile(b"0" * (11 * 1024 * 1024)))
        (record,) = (record for record in caplog.records if record.name == "django_minio_backend.files.upload")
        assert f"a {SHOWN}" in record.getMessage()
        assert f"No {SHOWN}" in record.getMessage()
        assert not harmful(record.getMessage())
