"""DirectUploadInput as a form field's widget: what it renders, and what it makes of a form that is sent."""

from __future__ import annotations

import html
import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.core.files.storage import InMemoryStorage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.forms import ClearableFileInput, formset_factory, modelform_factory
from django.test import RequestFactory

from django_minio_backend.direct_uploads.grants import Grant
from django_minio_backend.direct_uploads.widgets import DirectUploadInput
from django_minio_backend.models import MinioBackend
from tests.app.models import Document
from tests.direct_uploads.widget_site import DocumentForm, PlainForm

if TYPE_CHECKING:
    from django.http import HttpRequest

    from tests.direct_uploads.conftest import Browser

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("site")]


@pytest.fixture(autouse=True)
def _urls(site: MinioBackend, settings: Any) -> None:  # noqa: ARG001 - order
    settings.ROOT_URLCONF = "tests.direct_uploads.widget_site"


@pytest.fixture
def request_() -> HttpRequest:
    return RequestFactory().get("/")


def grant_in(markup: str, name: str) -> Grant:
    """The grant of the input of this name."""
    tag = next(tag for tag in re.findall("<input[^>]*>", markup) if f'name="{name}"' in tag)
    found = re.search('data-direct-upload-grant="([^"]*)"', tag)
    assert found, tag
    return Grant.load(html.unescape(found[1]))


class FormPage:
    """A form's page in a browser."""

    def __init__(self, browser: Browser, name: str) -> None:
        self.browser, self.url = browser, f"/forms/{name}/"

    def open(self, field: str) -> None:
        """Open the page, to upload for a field."""
        page = self.browser.client.get(self.url).json()
        self.browser.csrf = page["csrf"]
        self.browser.grant = html.unescape(
            re.findall(f'name="{field}"[^>]*data-direct-upload-grant="([^"]*)"', page["html"])[0]
        )

    def send(self, **values: Any) -> dict[str, Any]:
        """Send the form."""
        sent: dict[str, Any] = self.browser.client.post(
            self.url, {"csrfmiddlewaretoken": self.browser.csrf, **values}
        ).json()
        return sent


@pytest.fixture
def browser(http: Any) -> Browser:
    from tests.direct_uploads.conftest import Browser

    return Browser(http)


def test_without_a_request_it_is_djangos_input() -> None:
    widget = DirectUploadInput({"class": "wide"})
    assert widget.render("file", None) == ClearableFileInput({"class": "wide"}).render("file", None)


def test_for_another_storage_it_is_djangos_input(request_: HttpRequest) -> None:
    widget = DirectUploadInput(storage=InMemoryStorage())
    widget.request = request_
    assert widget.render("file", None) == ClearableFileInput().render("file", None)
    data, file = {"file-receipt": "made up"}, SimpleUploadedFile("a.txt", b"content")
    assert widget.value_from_datadict(data, {"file": file}, "file") is file
    assert widget.value_from_datadict(data, {}, "file") is None


def test_missing_endpoints_are_explained(request_: HttpRequest, settings: Any) -> None:
    settings.ROOT_URLCONF = "tests.app.urls"
    widget = DirectUploadInput()
    widget.request = request_
    with pytest.raises(ImproperlyConfigured, match=r'path\("uploads/", include\("django_minio_backend'):
        widget.render("file", None)


def test_media_has_one_module_and_one_style_sheet() -> None:
    media = str((DocumentForm().media + PlainForm().media).render())
    assert media.count("<script") == media.count('type="module"') == media.count("<link") == 1


@pytest.mark.parametrize(
    ("form", "field", "purpose"),
    [
        ("document", "plain", "app.Document.plain"),
        ("document", "public", "app.Document.public"),
        ("required", "plain", "app.Document.plain"),
        ("child", "plain", "app.Document.plain"),
        ("plain", "file", "tests.direct_uploads.widget_site.PlainForm.file"),
    ],
)
@pytest.mark.parametrize("prefix", ["", "film-0"])
def test_the_grant_is_that_of_the_forms_field(
    browser: Browser, form: str, field: str, purpose: str, prefix: str
) -> None:
    markup = browser.client.get(f"/forms/{form}/", {"prefix": prefix}).json()["html"]
    grant = grant_in(markup, f"{prefix}-{field}" if prefix else field)
    assert grant.purpose == purpose
    expected: Any = Document._meta.get_field(field if form != "plain" else "plain")
    assert grant.bucket == expected.storage.bucket


def test_forms_made_by_functions_have_the_storage_of_their_fields(request_: HttpRequest) -> None:
    widget = DirectUploadInput(max_size=5)
    made = modelform_factory(Document, fields=["public"], widgets={"public": widget})
    form = formset_factory(made, extra=1)().forms[0]
    form.fields["public"].widget.request = request_
    grant = grant_in(form.as_div(), "form-0-public")
    assert (grant.purpose, grant.max_size) == ("app.Document.public", 5)


def test_a_receipt_becomes_the_fields_file(browser: Browser) -> None:
    page = FormPage(browser, "document")
    page.open("plain")
    receipt = browser.upload(b"content", "a.txt", "text/plain")
    assert page.send(title="A", **{"plain-receipt": json.dumps([receipt])})["saved"]["plain"] == "a.txt"
    document = Document.objects.get()
    assert document.plain.read() == b"content"
    assert not document.public


def test_a_form_with_errors_shows_the_receipt_again(browser: Browser) -> None:
    page = FormPage(browser, "document")
    page.open("plain")
    receipt = browser.upload(b"content", "ä.txt", "text/plain")
    shown = page.send(title="A" * 101, **{"plain-receipt": receipt})
    assert list(shown["errors"]) == ["title"]
    value = re.findall('name="plain-receipt" value="([^"]*)"', shown["html"])[0]
    assert json.loads(html.unescape(value)) == [receipt]
    kept = re.findall('data-direct-upload-kept="([^"]*)"', shown["html"])[0]
    assert json.loads(html.unescape(kept)) == [{"receipt": receipt, "name": "ä.txt", "size": 7}]
    assert page.send(title="A", **{"plain-receipt": html.unescape(value)})["saved"]["plain"] == "ä.txt"


def test_an_uploaded_file_counts_for_a_required_field(browser: Browser) -> None:
    page = FormPage(browser, "required")
    page.open("plain")
    assert "required" in page.send()["html"]
    receipt = browser.upload(b"content", "a.txt", "text/plain")
    assert "saved" in page.send(**{"plain-receipt": receipt})


def test_a_receipt_and_the_box_to_clear_contradict_each_other(browser: Browser) -> None:
    page = FormPage(browser, "document")
    page.open("plain")
    receipt = browser.upload(b"content", "a.txt", "text/plain")
    sent = page.send(title="A", **{"plain-receipt": receipt, "plain-clear": "on"})
    assert "not both" in sent["errors"]["plain"][0]


@pytest.mark.parametrize(
    "posted", ["made up", '["made up"]', "[", '{"a": 1}', "[[[]]]", "null", "[" * 5000], ids=lambda text: text[:10]
)
def test_what_is_no_receipt_is_an_error_of_the_field_or_nothing(browser: Browser, posted: str) -> None:
    page = FormPage(browser, "document")
    page.open("plain")
    sent = page.send(title="A", **{"plain-receipt": posted})
    assert "saved" in sent or sent["errors"] == {
        "plain": ["This form is not valid here. Reload the page and upload the file again."]
    }
    assert not Document.objects.filter(plain__gt="")


def test_a_receipt_of_another_field_is_an_error_of_the_field(browser: Browser) -> None:
    page = FormPage(browser, "plain")
    page.open("file")
    receipt = browser.upload(b"content", "a.txt", "text/plain")
    sent = FormPage(browser, "document").send(title="A", **{"plain-receipt": receipt})
    assert sent["errors"] == {"plain": ["This file was uploaded for another form. Upload it again."]}
    assert receipt not in sent["html"]


def test_a_receipt_for_a_storage_without_alias_is_refused(browser: Browser, minio_options: dict[str, Any]) -> None:
    page = FormPage(browser, "document")
    page.open("plain")
    receipt = browser.upload(b"content", "a.txt", "text/plain")
    widget = DirectUploadInput(storage=MinioBackend(**{**minio_options, "MINIO_ENDPOINT": "127.0.0.1:1"}))
    widget.request = browser.client.get("/forms/document/").wsgi_request
    refused = widget.value_from_datadict({"file-receipt": receipt}, {}, "file")
    with pytest.raises(ValidationError, match="another form"):
        refused.name  # noqa: B018 - reading it is what a form field does


def test_a_receipt_of_another_session_is_an_error_of_the_field(browser: Browser, http: Any) -> None:
    page = FormPage(browser, "document")
    page.open("plain")
    receipt = browser.upload(b"content", "a.txt", "text/plain")
    other = FormPage(type(browser)(http), "document")
    other.open("plain")
    sent = other.send(title="A", **{"plain-receipt": receipt})
    assert "another session" in sent["errors"]["plain"][0]


def test_a_field_without_file_and_receipt_is_omitted() -> None:
    widget = DirectUploadInput()
    assert widget.value_omitted_from_data({"file-receipt": ""}, {}, "file")
    assert not widget.value_omitted_from_data({"file-receipt": "x"}, {}, "file")
    assert not widget.value_omitted_from_data({"file-clear": "on"}, {}, "file")
