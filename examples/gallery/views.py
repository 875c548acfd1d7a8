"""The gallery's pages."""

import logging
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse_lazy
from django.views.decorators.http import require_http_methods
from django.views.generic import CreateView
from minio.error import MinioException
from urllib3.exceptions import HTTPError

from .forms import FileForm, PictureForm
from .models import Document, PrivateAttachment, PrivatePicture, PublicAttachment, PublicPicture, Upload

if TYPE_CHECKING:
    CreateAttachment = CreateView[PrivateAttachment, FileForm]
else:
    CreateAttachment = CreateView

SHOWN = 48

logger = logging.getLogger(__name__)


@require_http_methods(["GET", "HEAD", "POST"])
def index(request: HttpRequest) -> HttpResponse:
    """Show the newest uploads, and take a new one."""
    if request.method != "POST":
        return show(request, PictureForm())
    form = PictureForm(request.POST, request.FILES)
    if not form.is_valid():
        return show(request, form, status=422)
    try:
        upload = form.save()
    except (MinioException, HTTPError, OSError):
        # The server refused or could not be reached. What the visitor wrote stays in the form, to try again.
        logger.exception("A picture could not be stored.")
        messages.error(request, "The picture could not be stored. Please try again in a while.")
        return show(request, form, status=503)
    messages.success(request, f"“{upload.title}” is in the gallery.")
    return redirect("gallery:index")


def show(request: HttpRequest, form: PictureForm, status: int = 200) -> HttpResponse:
    """Render the page. Its URLs are signed here, without a request to the S3 server."""
    context = {
        "form": form,
        "pictures": newest(PublicPicture.objects.all(), PrivatePicture.objects.all()),
        "files": newest(PublicAttachment.objects.all(), PrivateAttachment.objects.all(), Document.objects.all()),
    }
    return render(request, "gallery/index.html", context, status=status)


def newest(*queries: QuerySet[Upload]) -> list[Upload]:
    """Return the newest uploads of several models."""
    uploads = [upload for query in queries for upload in query[:SHOWN]]
    return sorted(uploads, key=lambda upload: upload.uploaded_at, reverse=True)[:SHOWN]


class AddFile(CreateAttachment):
    """Take a large file. Django's own view: the form's widget does the rest."""

    form_class = FileForm
    template_name = "gallery/files.html"
    success_url = reverse_lazy("gallery:files")

    def form_valid(self, form: FileForm) -> HttpResponse:
        """Store the file, and say so."""
        response = super().form_valid(form)
        messages.success(self.request, f"“{form.instance.title}” is stored.")
        return response

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        """Add the newest files."""
        return super().get_context_data(files=PrivateAttachment.objects.all()[:10], **context)
