"""The gallery's pages."""

from django.urls import path

from .views import AddFile, DeleteUpload, ServeUpload, index

app_name = "gallery"

urlpatterns = [
    path("", index, name="index"),
    path("files/", AddFile.as_view(), name="files"),
    path("file/<str:kind>/<int:pk>/", ServeUpload.as_view(), name="file"),
    path("delete/<str:kind>/<int:pk>/", DeleteUpload.as_view(), name="delete"),
]
