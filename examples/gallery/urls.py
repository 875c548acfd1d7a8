"""The gallery's pages."""

from django.urls import path

from .views import AddFile, index

app_name = "gallery"

urlpatterns = [
    path("", index, name="index"),
    path("files/", AddFile.as_view(), name="files"),
]
