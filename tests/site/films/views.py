from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import HttpResponse
from django.shortcuts import redirect
from django.template import engines
from django.views.generic import CreateView, UpdateView
from django.views.generic.edit import FormView

from tests.app.models import private_storage
from tests.site.films.forms import FilmForm, RequiredForm, SeveralForm
from tests.site.films.models import Film

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest, HttpResponseBase

    AddFilm = CreateView[Film, FilmForm]
    AddRequiredFilm = CreateView[Film, RequiredForm]
    ChangeFilm = UpdateView[Film, FilmForm]
    SeveralView = FormView[SeveralForm]
else:
    AddFilm = AddRequiredFilm = CreateView
    ChangeFilm = UpdateView
    SeveralView = FormView

PAGE = """<!doctype html>
<html lang="{{ LANGUAGE_CODE|default:"en" }}">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Film</title>{{ form.media }}</head>
<body><main><h1>Film</h1>
<form method="post" enctype="multipart/form-data">{% csrf_token %}{{ form.as_div }}
<button id="save">Save</button></form>
</main></body></html>"""


class Page:
    """Shows the form as Django renders it."""

    request: HttpRequest

    def get_success_url(self) -> str:
        return "/done/"

    def render_to_response(self, context: dict[str, object], **_: object) -> HttpResponse:
        return HttpResponse(engines["django"].from_string(PAGE).render(context, self.request))


class Add(Page, AddFilm):
    model = Film
    form_class = FilmForm


class AddRequired(Page, AddRequiredFilm):
    model = Film
    form_class = RequiredForm


class Change(Page, ChangeFilm):
    model = Film
    form_class = FilmForm


class Several(Page, SeveralView):
    form_class = SeveralForm

    def form_valid(self, form: SeveralForm) -> HttpResponse:
        for file in form.cleaned_data["attachments"]:
            private_storage().save(f"several/{file.name}", file)
        return redirect(self.get_success_url())


def done(_request: HttpRequest) -> HttpResponse:
    return HttpResponse("<title>Done</title><p id='done'>Done</p>")


def strict_policy(get_response: Callable[[HttpRequest], HttpResponseBase]) -> Callable[[HttpRequest], HttpResponseBase]:
    """The middleware that sends a strict Content-Security-Policy with each page."""
    server = private_storage().base_url_external
    policy = (
        f"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' {server}; "
        f"connect-src 'self' {server}; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )

    def respond(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        response["Content-Security-Policy"] = policy
        return response

    return respond
