"""The site's addresses. None of them serves or takes large files: browsers get and send those directly."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("admin/", admin.site.urls),
    path("uploads/", include("django_minio_backend.direct_uploads.endpoints")),
    path("", include("gallery.urls")),
]
