from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from django.contrib import admin

from django_minio_backend.direct_uploads.admin import DirectUploadMixin
from tests.site.films.models import Film, Subtitle

if TYPE_CHECKING:
    FilmModelAdmin = admin.ModelAdmin[Film]
    SubtitleTabularInline = admin.TabularInline[Subtitle, Film]
else:
    FilmModelAdmin = admin.ModelAdmin
    SubtitleTabularInline = admin.TabularInline

site = admin.AdminSite()


class SubtitleInline(DirectUploadMixin, SubtitleTabularInline):
    model = Subtitle
    extra = 1


class FilmAdmin(DirectUploadMixin, FilmModelAdmin):
    inlines: ClassVar[tuple[type[SubtitleInline], ...]] = (SubtitleInline,)


site.register(Film, FilmAdmin)
