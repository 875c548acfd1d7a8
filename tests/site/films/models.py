from __future__ import annotations

from django.db import models

from tests.app.models import private_storage, public_storage


class Film(models.Model):
    title = models.CharField(max_length=20)
    file = models.FileField(storage=private_storage, upload_to="films/", blank=True)
    poster = models.ImageField(storage=public_storage, upload_to="posters/", blank=True)

    objects: models.Manager[Film] = models.Manager()

    class Meta:
        app_label = "films"

    def __str__(self) -> str:
        return self.title


class Subtitle(models.Model):
    film = models.ForeignKey(Film, on_delete=models.CASCADE)
    file = models.FileField(storage=private_storage, upload_to="subtitles/")

    class Meta:
        app_label = "films"

    def __str__(self) -> str:
        return str(self.file)


TABLES = (Film, Subtitle)
