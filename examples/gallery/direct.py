"""Large files, sent by the browser straight to the bucket: Django signs before, and records after.

1. ``begin`` decides what may be uploaded, and signs a form for exactly that.
2. The browser sends the file to the S3 server with that form; see static/gallery/direct.js.
3. ``finish`` makes sure that the file is there and that the upload was one of ours, and makes the model's row.
"""

from datetime import timedelta
from pathlib import PurePosixPath

from django import forms
from django.core import signing
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from django_minio_backend import MinioBackend

from .models import PrivateAttachment

MAX_MEGABYTES = 100
TYPES = {
    "application/pdf": "PDF",
    "application/zip": "ZIP",
    "audio/mpeg": "MP3",
    "text/csv": "CSV",
    "video/mp4": "MP4",
    "video/webm": "WebM",
}
TIME_TO_UPLOAD = timedelta(hours=1)
SALT = "gallery.direct"  # what this token is for; a token signed for anything else is none


class BeginForm(forms.Form):
    """What the browser says of the file. It may lie: the S3 server holds it to what is signed here."""

    name = forms.CharField(max_length=255)
    content_type = forms.CharField(required=False)
    size = forms.IntegerField(min_value=1, error_messages={"min_value": "This file is empty."})

    def clean_name(self) -> str:
        """Keep the file's name and drop folders."""
        name = PurePosixPath(str(self.cleaned_data["name"]).replace("\\", "/")).name
        if not name:
            raise forms.ValidationError("This file has no name.")
        return name

    def clean_content_type(self) -> str:
        """Refuse what the gallery does not take."""
        content_type = str(self.cleaned_data["content_type"])
        if content_type not in TYPES:
            raise forms.ValidationError(f"This kind of file is not accepted. Please choose one of {kinds()}.")
        return content_type

    def clean_size(self) -> int:
        """Refuse what is too large before it is sent for nothing."""
        size = int(self.cleaned_data["size"])
        if size > MAX_MEGABYTES * 1_000_000:
            raise forms.ValidationError(f"This file is larger than {MAX_MEGABYTES} MB.")
        return size


class FinishForm(forms.Form):
    """The title, and the token that ``begin`` gave."""

    title = forms.CharField(max_length=100)
    token = forms.CharField(widget=forms.HiddenInput)


@require_GET
def page(request: HttpRequest) -> HttpResponse:
    """Show the upload form and the newest files."""
    context = {
        "accept": ",".join(TYPES),
        "kinds": kinds(),
        "max_megabytes": MAX_MEGABYTES,
        "files": PrivateAttachment.objects.all()[:10],
    }
    return render(request, "gallery/direct.html", context)


@require_POST
def begin(request: HttpRequest) -> JsonResponse:
    """Sign a form that uploads this one file."""
    form = BeginForm(request.POST)
    if not form.is_valid():
        return refused(form)
    field = PrivateAttachment._meta.get_field("file")
    upload = storage().presigned_upload(
        field.generate_filename(PrivateAttachment(), form.cleaned_data["name"]),
        max_size=MAX_MEGABYTES * 1_000_000,
        content_type=form.cleaned_data["content_type"],
        expires=TIME_TO_UPLOAD,
        max_length=field.max_length,
    )
    # Only the browser that began an upload can have it recorded. A site with logins adds the user to the token.
    token = signing.dumps(upload.name, salt=SALT)
    return JsonResponse({"url": upload.url, "fields": upload.fields, "token": token})


@require_POST
def finish(request: HttpRequest) -> JsonResponse:
    """Record a file that has been uploaded."""
    form = FinishForm(request.POST)
    if not form.is_valid():
        return refused(form)
    try:
        name = signing.loads(form.cleaned_data["token"], salt=SALT, max_age=2 * TIME_TO_UPLOAD)
        # The form could still be sent again, and replace the file. What this gives it cannot reach.
        accepted = storage().accept_upload(name)
    except signing.BadSignature:  # a token that has expired is one as well
        return JsonResponse({"error": "This upload was not begun here, or too long ago. Please try again."}, status=403)
    except FileNotFoundError:
        return JsonResponse({"error": "The file has not arrived. Please try again."}, status=409)
    attachment = PrivateAttachment(title=form.cleaned_data["title"], file=accepted)
    attachment.save()
    return JsonResponse({"title": attachment.title, "page": reverse("gallery:direct")}, status=201)


def storage() -> MinioBackend:
    """Return the storage of the model's files, whatever it is."""
    found = PrivateAttachment._meta.get_field("file").storage
    assert isinstance(found, MinioBackend)  # noqa: S101 - direct uploads are for this kind of storage
    return found


def refused(form: forms.Form) -> JsonResponse:
    """Return all problems in words for the visitor."""
    return JsonResponse(
        {"error": " ".join(str(error) for errors in form.errors.values() for error in errors)}, status=422
    )


def kinds() -> str:
    """Name what may be uploaded."""
    *others, last = TYPES.values()
    return f"{', '.join(others)} or {last}"
