"""The page's upload form."""

from typing import TYPE_CHECKING

from django import forms

from .models import PrivatePicture, PublicPicture

if TYPE_CHECKING:
    from django.core.files.uploadedfile import UploadedFile

MAX_MEGABYTES = 10


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
