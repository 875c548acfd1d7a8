from __future__ import annotations

import io
import re
from email.utils import format_datetime
from html import escape, unescape
from typing import TYPE_CHECKING, Any

import pytest
from django.apps import apps
from django.core.files.storage import default_storage
from django.db import connection, connections
from django.db.models import FileField
from django.utils.functional import LazyObject

from django_minio_backend.models import MinioBackend
from tests import settings as site
from tests.app.models import Document
from tests.support.buckets import remove_bucket
from tests.support.rewriting_proxy import Response, rewriting_proxy

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path
    from types import ModuleType

    from minio import Minio
    from pytest_django import Settings

    from tests.support.rewriting_proxy import Received, RewritingProxy
    from tools.servers import Server

    Put = Callable[..., None]
    Keys = Callable[[str], list[str]]
    Late = list[Callable[[], object]]

COMMAND = "clean_orphaned_minio_files"
NOW = ("--min-age", "0")
KEPT = "kept.txt"


class Terminal(io.StringIO):
    """A standard stream of somebody who sits at a terminal."""

    def isatty(self) -> bool:
        return True


def saved(model: Any, **values: Any) -> Any:
    """Save a row past the model's managers."""
    row = model(**values)
    row.save()
    return row


@pytest.fixture
def put(sdk: Minio) -> Put:
    """Store objects past the library."""

    def stored(bucket: str, *keys: str) -> None:
        for key in keys:
            sdk.put_object(bucket_name=bucket, object_name=key, data=io.BytesIO(b"content"), length=7)

    return stored


@pytest.fixture
def keys(sdk: Minio) -> Keys:
    def listed(bucket: str) -> list[str]:
        return sorted(str(entry.object_name) for entry in sdk.list_objects(bucket_name=bucket, recursive=True))

    return listed


@pytest.fixture
def kept(site_buckets: None, put: Put, transactional_db: None) -> None:  # noqa: ARG001 - order
    """One row with its files, since no table is empty where cleaning makes sense."""
    Document.objects.create(plain=KEPT, public=KEPT)
    put(site.PRIVATE_BUCKET, KEPT)
    put(site.PUBLIC_BUCKET, KEPT)


@pytest.fixture
def archive(settings: Settings, sdk: Minio, site_buckets: None, transactional_db: None) -> Iterator[ModuleType]:  # noqa: ARG001 - order
    """The app with all kinds of models, its tables, and its bucket."""
    settings.INSTALLED_APPS = [*site.INSTALLED_APPS, "tests.commands.cleaning.archive"]
    settings.ARCHIVE_REPLACED_MODEL = "archive.Letter"
    from tests.commands.cleaning.archive import models as archive

    with connection.schema_editor() as editor:
        for model in archive.TABLES:
            editor.create_model(model)
    sdk.make_bucket(bucket_name=archive.LOCATED_BUCKET)
    yield archive
    remove_bucket(sdk, archive.LOCATED_BUCKET)
    with connection.schema_editor() as editor:
        for model in reversed(archive.TABLES):
            editor.delete_model(model)


@pytest.fixture
def choice(settings: Settings, transactional_db: None) -> Iterator[ModuleType]:  # noqa: ARG001 - order
    """The app whose rows choose their storage, and its tables."""
    settings.INSTALLED_APPS = [*site.INSTALLED_APPS, "tests.commands.cleaning.choice"]
    from tests.commands.cleaning.choice import models as choice

    with connection.schema_editor() as editor:
        for model in choice.TABLES:
            editor.create_model(model)
    yield choice
    with connection.schema_editor() as editor:
        for model in reversed(choice.TABLES):
            editor.delete_model(model)


@pytest.fixture
def second_database(tmp_path: Path, transactional_db: None) -> Iterator[str]:  # noqa: ARG001 - order
    """Another database, with a table of documents of its own."""
    made = {"ENGINE": "django.db.backends.sqlite3", "NAME": tmp_path / "second.sqlite3", "CONN_MAX_AGE": None}
    connections.settings["second"] = connections.configure_settings({"default": {}, "second": made})["second"]
    try:
        connections["second"].connect()  # Django's test case refuses to open it by itself: it came too late
        with connections["second"].schema_editor() as editor:
            editor.create_model(Document)
        yield "second"
        connections["second"].close()
    finally:
        del connections["second"]
        del connections.settings["second"]


# A server that fails, or whose data change while a run goes on


@pytest.fixture
def rewriter(
    request: pytest.FixtureRequest, server: Server, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> Iterator[RewritingProxy]:
    """The proxy through which the storage of every field, and the default alias, reach the server."""
    for app in {"archive", "choice"}.intersection(request.fixturenames):
        request.getfixturevalue(app)
    with rewriting_proxy(server) as rewriter:
        default = site.STORAGES["default"]
        options = {**default["OPTIONS"], "MINIO_ENDPOINT": rewriter.endpoint}
        settings.STORAGES = {**site.STORAGES, "default": {**default, "OPTIONS": options}}
        for model in apps.get_models():
            for field in model._meta.local_concrete_fields:
                if isinstance(field, FileField) and isinstance(field.storage, MinioBackend):
                    monkeypatch.setattr(field, "storage", created_again(field.storage))
        yield rewriter


def created_again(storage: MinioBackend) -> Any:
    """The same storage, by the settings as they are now."""
    if storage is default_storage or issubclass(type(storage), LazyObject):
        return storage if storage is default_storage else type(storage)()
    arguments, keywords = storage._constructor_args
    return type(storage)(*arguments, **keywords)


@pytest.fixture
def late(rewriter: RewritingProxy, transactional_db: None) -> Iterator[Late]:  # noqa: ARG001 - order
    """Functions that are called when the references have been read and the first bucket has been listed.

    They run in the proxy's thread, with the connection of the test's own thread, which waits for the listing.
    """
    calls: Late = []
    shared = connections["default"]

    def call(request: Received) -> None:
        if is_listing(request):
            connections["default"] = shared
            while calls:
                calls.pop(0)()

    shared.inc_thread_sharing()
    rewriter.afterwards = call
    yield calls
    shared.dec_thread_sharing()
    assert not calls


def is_listing(request: Received) -> bool:
    return request.method == "GET" and "list-type" in request.query


def deleted_keys(request: Received) -> list[str]:
    """The keys in a DeleteObjects request; none in another one."""
    if request.method != "POST":
        return []
    return [unescape(key) for key in re.findall("<Key>(.*?)</Key>", request.body.decode())]


def deletion_response(deleted: Iterable[str], *, locked: Iterable[str] = ()) -> Response:
    """A response to DeleteObjects."""
    entries = [f"<Deleted><Key>{escape(key)}</Key></Deleted>" for key in deleted]
    entries += [
        f"<Error><Key>{escape(key)}</Key><Code>AccessDenied</Code><Message>It is locked</Message></Error>"
        for key in locked
    ]
    return Response(200, f"<DeleteResult>{''.join(entries)}</DeleteResult>".encode())


def listing_page(entries: Iterable[tuple[str, dt.datetime]], served_at: dt.datetime, token: str = "") -> Response:
    """A page of a listing with these keys and times; with a token it is not the last one."""
    contents = "".join(
        f"<Contents><Key>{escape(key)}</Key><Size>7</Size><LastModified>{time.isoformat()}</LastModified></Contents>"
        for key, time in entries
    )
    more = (
        f"<IsTruncated>{str(bool(token)).lower()}</IsTruncated><NextContinuationToken>{token}</NextContinuationToken>"
    )
    body = f"<ListBucketResult>{more}{contents}</ListBucketResult>"
    return Response(200, body.encode(), date=format_datetime(served_at, usegmt=True))


@pytest.fixture
def lock(rewriter: RewritingProxy, sdk: Minio) -> Callable[[str], None]:
    """Let the server refuse to delete one key, which no server at hand does for an administrator."""

    def locked(key: str) -> None:
        def rule(request: Received) -> Response | None:
            names = deleted_keys(request)
            if key not in names:
                return None
            names.remove(key)
            for name in names:
                sdk.remove_object(bucket_name=request.path.strip("/"), object_name=name)
            return deletion_response(names, locked=[key])

        rewriter.rule = rule

    return locked
