from __future__ import annotations

from django.urls import include, path

from tests.site.films import views
from tests.site.films.admin import site

urlpatterns = [
    path("admin/", site.urls),
    path("uploads/", include("django_minio_backend.direct_uploads.endpoints")),
    path("add/", views.Add.as_view()),
    path("required/", views.AddRequired.as_view()),
    path("change/<int:pk>/", views.Change.as_view()),
    path("several/", views.Several.as_view()),
    path("done/", views.done),
]
