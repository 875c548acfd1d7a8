"""An admin whose links to files lead to a view; the app `films` has to be installed."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path

from django_minio_backend.serving import ServeFileMixin, ServeFileView
from tests.site.films import admin as films
from tests.site.films.models import Film, Subtitle

site = admin.AdminSite()
read_only = admin.AdminSite("read-only")


class SubtitleInline(ServeFileMixin, films.SubtitleInline):
    serve_view = "subtitle-file"


class FilmAdmin(ServeFileMixin, films.FilmAdmin):
    inlines = (SubtitleInline,)
    list_display = ("title", "file", "poster")
    serve_view = {"file": "film-file"}  # noqa: RUF012 - as users write it


class ReadOnlyInline(SubtitleInline):
    readonly_fields = ("file",)


class ReadOnlyAdmin(FilmAdmin):
    inlines = (ReadOnlyInline,)
    readonly_fields = ("file",)


site.register(Film, FilmAdmin)
read_only.register(Film, ReadOnlyAdmin)

urlpatterns = [
    path("admin/", site.urls),
    path("read-only/", read_only.urls),
    path("uploads/", include("django_minio_backend.direct_uploads.endpoints")),
    path("film/<int:pk>/", ServeFileView.as_view(model=Film, mode="stream"), name="film-file"),
    path("subtitle/<int:pk>/", ServeFileView.as_view(model=Subtitle, mode="stream"), name="subtitle-file"),
]
