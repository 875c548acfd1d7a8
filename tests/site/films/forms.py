from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms

from django_minio_backend.direct_uploads.widgets import DirectUploadInput
from tests.app.models import private_storage
from tests.site.films.models import Film

if TYPE_CHECKING:
    FilmModelForm = forms.ModelForm[Film]
else:
    FilmModelForm = forms.ModelForm

GB = 10**9


class FilmForm(FilmModelForm):
    """As the documentation has it."""

    class Meta:
        model = Film
        fields = ("title", "file")
        widgets = {"file": DirectUploadInput(max_size=20 * GB, accept=["video/mp4", "video/webm"])}  # noqa: RUF012


class RequiredForm(FilmModelForm):
    file = forms.FileField(widget=DirectUploadInput(max_size=20 * GB))

    class Meta:
        model = Film
        fields = ("title", "file")


class SeveralInput(DirectUploadInput):
    allow_multiple_selected = True


class SeveralFiles(forms.FileField):
    """The field of Django's documentation."""

    widget = SeveralInput(storage=private_storage)

    def clean(self, data: Any, initial: Any = None) -> Any:
        clean = super().clean
        return [clean(file, initial) for file in data] if data else [clean(None, initial)]


class SeveralForm(forms.Form):
    attachments = SeveralFiles()
