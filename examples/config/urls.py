"""The site's URLs. None of them serves files: browsers fetch those from the S3 server."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("admin/", admin.site.urls),
    path("", include("gallery.urls")),
]
