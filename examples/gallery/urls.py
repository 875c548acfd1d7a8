"""The gallery's pages."""

from django.urls import path

from . import direct
from .views import index

app_name = "gallery"

urlpatterns = [
    path("", index, name="index"),
    path("direct/", direct.page, name="direct"),
    path("direct/begin/", direct.begin, name="direct-begin"),
    path("direct/finish/", direct.finish, name="direct-finish"),
]
