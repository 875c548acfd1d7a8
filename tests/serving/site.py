"""A site that serves the files of documents, in every mode."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from asgiref.sync import sync_to_async
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import path
from django.utils.html import escape

from django_minio_backend.serving import ServeFileView, serve
from tests.app.models import Document

if TYPE_CHECKING:
    from django.db.models import Model
    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

    from django_minio_backend.serving.modes import Mode


class OpenView(ServeFileView):
    """Everybody may have the file; the query names the mode and the arguments."""

    model = Document
    field = "plain"
    filename = "title"

    def has_permission(self, request: HttpRequest, obj: Model) -> bool:  # noqa: ARG002 - Django's signature
        return True

    def get(self, request: HttpRequest, *args: object, **kwargs: object) -> HttpResponseBase:
        self.mode = cast("Mode", request.GET.get("mode", "stream"))
        self.as_attachment = "attachment" in request.GET
        self.inline_active_content = "active" in request.GET
        return super().get(request, *args, **kwargs)


def by_function(request: HttpRequest, pk: int) -> HttpResponseBase:
    return serve(request, get_object_or_404(Document, pk=pk).plain, mode="stream", as_attachment=True)


def hello(_request: HttpRequest) -> HttpResponse:
    return HttpResponse("Hello.")


def by_name(request: HttpRequest, name: str) -> HttpResponseBase:
    """Without a database."""
    return serve(request, Document(plain=name).plain, mode="stream")


async def by_name_async(request: HttpRequest, name: str) -> HttpResponseBase:
    return await sync_to_async(serve)(request, Document(plain=name).plain, mode="stream")


def video(request: HttpRequest, pk: int) -> HttpResponse:
    mode = escape(request.GET.get("mode", "stream"))
    return HttpResponse(f'<video controls muted preload="metadata" src="/open/{pk}/?mode={mode}"></video>')


urlpatterns = [
    path("video/<int:pk>/", video),
    path("hello/", hello),
    path("open/<int:pk>/", OpenView.as_view(), name="open"),
    path("viewers/<int:pk>/", ServeFileView.as_view(model=Document, field="plain", mode="stream")),
    path("hidden/<int:pk>/", ServeFileView.as_view(model=Document, field="plain", mode="stream", hide=True)),
    path("function/<int:pk>/", by_function),
    path("name/<path:name>", by_name),
    path("async/<path:name>", by_name_async),
]
