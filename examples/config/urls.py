"""The site's URLs. None of them serves or takes large files: browsers exchange those with the S3 server."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("admin/", admin.site.urls),
    path("uploads/", include("django_minio_backend.direct_uploads.endpoints")),
    path("", include("gallery.urls")),
]
