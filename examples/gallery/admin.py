"""The administration of all uploads, with previews of the pictures."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db.models.fields.files import FieldFile
from django.http import HttpRequest
from django.utils.html import format_html

from django_minio_backend.direct_uploads.admin import DirectUploadMixin

from .models import Document, PrivateAttachment, PrivatePicture, PublicAttachment, PublicPicture, Upload

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[Upload]
else:
    ModelAdmin = admin.ModelAdmin


class UploadAdmin(DirectUploadMixin, ModelAdmin):
    """What the administration of all uploads has in common: files go straight to the bucket."""

    search_fields = ("title",)

    def get_fields(self, request: HttpRequest, obj: Upload | None = None) -> list[Any]:
        """Leave out what a new upload does not have yet."""
        read_only = self.get_readonly_fields(request, obj)
        return [name for name in super().get_fields(request, obj) if obj or name not in read_only]


@admin.register(PublicPicture, PrivatePicture)
class PictureAdmin(UploadAdmin):
    """Pictures, as thumbnails in the list and larger on their own page."""

    list_display = ("thumbnail", "title", "uploaded_at")
    list_display_links = ("thumbnail", "title")
    fields = ("title", "picture", "original_name", "notes", "preview", "uploaded_at")
    readonly_fields = ("original_name", "preview", "uploaded_at")

    class Media:
        """The sizes of the previews: the site's Content-Security-Policy allows no inline styles."""

        css = {"all": ["gallery/admin.css"]}  # noqa: RUF012 - as Django documents it

    @admin.display(description="Picture")
    def thumbnail(self, upload: PublicPicture | PrivatePicture) -> str:
        """Show a picture as large as a line of the list can bear."""
        return shown(upload.picture, upload.title, "gallery-thumbnail")

    @admin.display(description="Preview")
    def preview(self, upload: PublicPicture | PrivatePicture) -> str:
        """Show a picture as large as a form can bear."""
        return shown(upload.picture, upload.title, "gallery-preview")


@admin.register(PublicAttachment, PrivateAttachment, Document)
class FileAdmin(UploadAdmin):
    """Files of any kind, with links to download them."""

    list_display = ("title", "download", "uploaded_at")
    fields = ("title", "file", "original_name", "uploaded_at")
    readonly_fields = ("original_name", "uploaded_at")

    @admin.display(description="File")
    def download(self, upload: PublicAttachment | PrivateAttachment | Document) -> str:
        """Link to a file; the link of a private one is signed when the list is shown."""
        if not upload.file:
            return ""
        return format_html('<a href="{}">{}</a>', upload.file.url, upload.file.name)


def shown(picture: FieldFile, title: str, css_class: str) -> str:
    """Return the HTML of a picture, or nothing where there is none yet."""
    if not picture:
        return ""
    return format_html('<img src="{}" alt="{}" class="{}">', picture.url, title, css_class)
