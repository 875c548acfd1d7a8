"""Who gets a file: by default those who may view the model; a refusal need not reveal that the row exists."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.test import Client, RequestFactory

from django_minio_backend.serving import ServeFileView
from tests.app.models import Document
from tests.support.wire import requests_made

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.contrib.auth.models import User
    from django.http import HttpResponse


@pytest.fixture
def user(db: None) -> User:  # noqa: ARG001 - for its tables
    return get_user_model().objects.create_user("reader")


@pytest.fixture
def viewer(user: User) -> User:
    user.user_permissions.add(Permission.objects.get(codename="view_document"))
    return user


def test_users_who_may_view_the_model_get_the_file(browser: Client, document: Document, viewer: User) -> None:
    browser.force_login(viewer)
    assert browser.get(f"/viewers/{document.pk}/").getvalue() == b"0123456789"


def test_superusers_get_the_file(browser: Client, document: Document, user: User) -> None:
    user.is_superuser = True
    user.save()
    browser.force_login(user)
    assert browser.get(f"/viewers/{document.pk}/").getvalue() == b"0123456789"


def test_a_permission_for_one_row_is_enough(
    browser: Client, make_document: Callable[..., Document], user: User, settings: object
) -> None:
    settings.AUTHENTICATION_BACKENDS = [f"{__name__}.FirstRowBackend"]  # type: ignore[attr-defined]
    first, second = make_document(), make_document()
    browser.force_login(user, backend=f"{__name__}.FirstRowBackend")
    FirstRowBackend.row = first.pk
    statuses = [browser.head(f"/viewers/{document.pk}/").status_code for document in (first, second)]
    assert statuses == [200, 403]


class FirstRowBackend:
    row = 0

    def get_user(self, pk: int) -> User | None:
        return get_user_model().objects.filter(pk=pk).first()

    def has_perm(self, _user: User, permission: str, obj: Document | None = None) -> bool:
        return permission == "app.view_document" and obj is not None and obj.pk == self.row


@pytest.mark.parametrize("who", ["nobody", "user", "inactive viewer"])
def test_all_others_are_refused_without_a_request_to_the_server(
    browser: Client, document: Document, user: User, who: str
) -> None:
    if who != "nobody":
        browser.force_login(user)
    if who == "inactive viewer":
        user.user_permissions.add(Permission.objects.get(codename="view_document"))
        user.is_active = False
        user.save()
    with requests_made() as made:
        response = browser.get(f"/viewers/{document.pk}/")
    assert (response.status_code, made) == (403, [])


def test_a_request_without_authentication_is_refused(document: Document) -> None:
    """As where the middleware is missing."""
    view = ServeFileView()
    assert not view.has_permission(RequestFactory().get("/"), document)


def everything(response: HttpResponse) -> tuple[int, dict[str, str], bytes]:
    return response.status_code, dict(response.headers), response.content


@pytest.mark.parametrize("method", ["get", "head"])
def test_a_hidden_refusal_is_the_same_as_a_missing_row(
    browser: Client, document: Document, user: User, settings: object, method: str
) -> None:
    settings.TEMPLATES = TEMPLATES  # type: ignore[attr-defined]
    browser.force_login(user)
    with requests_made() as made:
        refused, missing = (getattr(browser, method)(f"/hidden/{pk}/") for pk in (document.pk, document.pk + 1))
    assert everything(refused) == everything(missing)
    assert refused.status_code == 404
    assert method == "head" or b"There is no such file." in refused.content
    assert made == []


# The error page of a project may show the message of a 404.
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "OPTIONS": {"loaders": [("django.template.loaders.locmem.Loader", {"404.html": "{{ exception }}"})]},
    }
]


def test_without_hide_a_missing_row_is_404_and_a_refusal_403(browser: Client, document: Document, user: User) -> None:
    browser.force_login(user)
    assert browser.get(f"/viewers/{document.pk}/").status_code == 403
    assert browser.get(f"/viewers/{document.pk + 1}/").status_code == 404


@pytest.mark.parametrize("method", ["get", "head"])
def test_a_missing_object_is_404(browser: Client, document: Document, method: str) -> None:
    document.plain.storage.delete(str(document.plain.name))
    assert getattr(browser, method)(f"/open/{document.pk}/").status_code == 404


@pytest.mark.parametrize("mode", ["stream", "redirect", "accel"])
def test_a_row_without_a_file_is_404(browser: Client, document: Document, mode: str) -> None:
    Document.objects.update(plain="")
    assert browser.get(f"/open/{document.pk}/?mode={mode}").status_code == 404


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
@pytest.mark.parametrize("path", ["open", "function"])
def test_other_methods_are_not_allowed(browser: Client, document: Document, method: str, path: str) -> None:
    response = getattr(browser, method)(f"/{path}/{document.pk}/")
    assert response.status_code == 405
    assert {"GET", "HEAD"} <= set(response["Allow"].split(", "))


def test_an_unknown_mode_is_an_error(document: Document) -> None:
    from django_minio_backend.serving import serve

    with pytest.raises(ValueError, match="mode is 'proxy', but must be one of redirect, stream, accel"):
        serve(RequestFactory().get("/"), document.plain, mode="proxy")  # type: ignore[arg-type]
