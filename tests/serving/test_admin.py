"""The admin's links to private files lead to the view, in forms, inlines, read-only fields and lists."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.auth import get_user_model
from django.core.files.base import ContentFile
from django.db import connection
from django.test import Client

from tests import settings as site_settings
from tests.support.settings import entry, storages_set

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.site.films.models import Film


@pytest.fixture
def film(
    transactional_db: None,  # noqa: ARG001 - order
    site_buckets: None,  # noqa: ARG001 - order
    settings: Any,
) -> Iterator[Film]:
    settings.INSTALLED_APPS = [*site_settings.INSTALLED_APPS, "tests.site.films"]
    settings.ROOT_URLCONF = "tests.serving.admin_site"
    settings.ALLOWED_HOSTS = ["*"]
    options = site_settings.STORAGES["default"]["OPTIONS"]
    from tests.site.films.models import TABLES, Film, Subtitle

    with storages_set(default=entry(options)):
        with connection.schema_editor() as editor:
            for model in TABLES:
                editor.create_model(model)
        film = Film(title="Holiday")
        film.file.save("holiday.mp4", ContentFile(b"film"))
        film.poster.save("poster.png", ContentFile(b"poster"))
        subtitle = Subtitle(film=film)
        subtitle.file.save("de.vtt", ContentFile(b"WEBVTT"))
        yield film
        with connection.schema_editor() as editor:
            for model in reversed(TABLES):
                editor.delete_model(model)


@pytest.fixture
def staff(film: Film) -> Client:
    assert film.file
    browser = Client()
    browser.force_login(get_user_model().objects.create_superuser("admin"))
    return browser


@pytest.mark.parametrize("path", ["admin", "read-only"])
def test_files_of_a_form_and_its_inlines_are_linked_to_their_views(staff: Client, film: Film, path: str) -> None:
    page = staff.get(f"/{path}/films/film/{film.pk}/change/").content.decode()
    assert f'<a href="/film/{film.pk}/">films/holiday.mp4</a>' in page
    assert re.search(r'<a href="/subtitle/\d+/">subtitles/de.vtt</a>', page)
    assert "/subtitles/de.vtt?" not in page
    assert staff.get(f"/film/{film.pk}/").getvalue() == b"film"


def test_a_field_without_a_view_keeps_its_link(staff: Client, film: Film) -> None:
    page = staff.get(f"/admin/films/film/{film.pk}/change/").content.decode()
    assert f'<a href="{film.poster.url.partition("?")[0]}' in page


def test_files_in_lists_are_linked_to_their_views(staff: Client, film: Film) -> None:
    page = staff.get("/admin/films/film/").content.decode()
    assert f'<a href="/film/{film.pk}/">films/holiday.mp4</a>' in page


def test_forms_are_saved_as_ever(staff: Client, film: Film) -> None:
    management = {f"subtitle_set-{name}": "0" for name in ("TOTAL_FORMS", "INITIAL_FORMS")}
    url = f"/admin/films/film/{film.pk}/change/"
    saved = staff.post(url, {"title": "Renamed", **management})
    assert saved.status_code == 302
    film.refresh_from_db()
    assert (film.title, film.file.name) == ("Renamed", "films/holiday.mp4")
    refused = staff.post(url, {"title": "", **management})
    assert f'<a href="/film/{film.pk}/">' in refused.content.decode()
    new = ContentFile(b"new", "new.mp4")
    assert staff.post(url, {"title": "Replaced", "file": new, **management}).status_code == 302
    film.refresh_from_db()
    assert film.file.read() == b"new"


def test_an_add_form_is_shown(staff: Client) -> None:
    assert staff.get("/admin/films/film/add/").status_code == 200
