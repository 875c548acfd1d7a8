from __future__ import annotations

from django.contrib import admin

from tests.app.models import Document

admin.site.register(Document)
