"""The upload forms of the pages."""

from typing import TYPE_CHECKING

from django import forms

from django_minio_backend.direct_uploads.widgets import DirectUploadInput

from .models import PrivateAttachment, PrivatePicture, PublicPicture

if TYPE_CHECKING:
    from django.core.files.uploadedfile import UploadedFile

    AttachmentModelForm = forms.ModelForm[PrivateAttachment]
else:
    AttachmentModelForm = forms.ModelForm

MAX_MEGABYTES = 10
GIGABYTE = 10**9


class PictureForm(forms.Form):
    """A title, a picture, and who may see it."""

    title = forms.CharField(max_length=100)
    picture = forms.ImageField(help_text=f"PNG, JPEG, GIF or WebP, up to {MAX_MEGABYTES} MB.")
    notes = forms.FileField(
        required=False,
        help_text=f"Any file that belongs to the picture, up to {MAX_MEGABYTES} MB. It is always private.",
    )
    visibility = forms.ChoiceField(
        choices=[("public", "Public"), ("private", "Private")],
        initial="public",
        widget=forms.RadioSelect,
        help_text="A public picture has a plain URL that lasts; a private one has a presigned URL that expires.",
    )

    def clean_picture(self) -> "UploadedFile[bytes]":
        """Refuse a picture that is too large for a page."""
        picture: UploadedFile[bytes] = self.cleaned_data["picture"]
        return small_enough(picture)

    def clean_notes(self) -> "UploadedFile[bytes] | None":
        """Refuse notes that are too large, if there are any."""
        notes: UploadedFile[bytes] | None = self.cleaned_data["notes"]
        return notes and small_enough(notes)

    def save(self) -> PublicPicture | PrivatePicture:
        """Store the picture in the bucket that suits its visibility."""
        model = PublicPicture if self.cleaned_data["visibility"] == "public" else PrivatePicture
        upload = model(**{name: self.cleaned_data[name] for name in ("title", "picture", "notes")})
        upload.save()
        return upload


def small_enough(file: "UploadedFile[bytes]") -> "UploadedFile[bytes]":
    """Return the file, or refuse one that should not pass through Django."""
    if (file.size or 0) > MAX_MEGABYTES * 1_000_000:
        raise forms.ValidationError(f"This file is larger than {MAX_MEGABYTES} MB.")
    return file


class FileForm(AttachmentModelForm):
    """A title and a large file, which the browser sends straight to the bucket."""

    class Meta:
        """Django's own form fields; only the widget is another."""

        model = PrivateAttachment
        fields = ("title", "file")
        widgets = {  # noqa: RUF012 - as Django documents it
            "file": DirectUploadInput(
                max_size=20 * GIGABYTE, accept=["video/mp4", "video/webm", "audio/*", "application/pdf", ".zip", ".csv"]
            )
        }
        help_texts = {"file": "Video, audio, PDF, ZIP or CSV, up to 20 GB."}  # noqa: RUF012
