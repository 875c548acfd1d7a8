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
    visibility = forms.ChoiceField(
        choices=[("public", "Public"), ("private", "Private")],
        initial="public",
        widget=forms.RadioSelect,
        help_text="A public picture has a plain, lasting address; a private one has a signed address that expires.",
    )

    def clean_picture(self) -> "UploadedFile[bytes]":
        """Refuse a picture that is too large for a page."""
        picture: UploadedFile[bytes] = self.cleaned_data["picture"]
        if (picture.size or 0) > MAX_MEGABYTES * 1_000_000:
            raise forms.ValidationError(f"This picture is larger than {MAX_MEGABYTES} MB.")
        return picture

    def save(self) -> PublicPicture | PrivatePicture:
        """Store the picture in the bucket that suits its visibility."""
        model = PublicPicture if self.cleaned_data["visibility"] == "public" else PrivatePicture
        upload = model(title=self.cleaned_data["title"], picture=self.cleaned_data["picture"])
        upload.save()
        return upload


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
