"""The gallery's pages."""

import logging
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse_lazy
from django.utils.html import format_html
from django.views.decorators.http import require_http_methods
from django.views.generic import CreateView, DeleteView
from minio.error import MinioException
from urllib3.exceptions import HTTPError

from django_minio_backend.serving import ServeFileView

from .forms import FileForm, PictureForm
from .models import UPLOADS, Document, PrivateAttachment, PrivatePicture, PublicAttachment, PublicPicture, Upload
from .tour import things_to_try

if TYPE_CHECKING:
    from django.forms import BaseModelForm

    CreateAttachment = CreateView[PrivateAttachment, FileForm]
    DeleteOneUpload = DeleteView[Upload, BaseModelForm[Upload]]
else:
    CreateAttachment = CreateView
    DeleteOneUpload = DeleteView

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
        "things_to_try": things_to_try(),
        "pictures": newest(PublicPicture.objects.all(), PrivatePicture.objects.all()),
        "files": newest(PublicAttachment.objects.all(), PrivateAttachment.objects.all(), Document.objects.all()),
    }
    return render(request, "gallery/index.html", context, status=status)


def newest(*queries: QuerySet[Upload]) -> list[Upload]:
    """Return the newest uploads of several models."""
    uploads = [upload for query in queries for upload in query[:SHOWN]]
    return sorted(uploads, key=lambda upload: upload.uploaded_at, reverse=True)[:SHOWN]


def model_of(kind: str) -> type[Upload]:
    """Return the model that a URL names."""
    if model := UPLOADS.get(kind):
        return model
    raise Http404


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


class ServeUpload(ServeFileView):
    """Lead those who may view an upload's model to its file, and nobody else.

    Their browsers follow a URL that expires after a minute. The link to this view does not expire.
    """

    filename = "original_name"

    def setup(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        """Take the model that the URL names."""
        super().setup(request, *args, **kwargs)
        self.model = model_of(kwargs["kind"])
        self.field = self.model.file_field


class DeleteUpload(DeleteOneUpload):
    """Delete a row, after a page that asks. As always with Django, the object stays in its bucket."""

    template_name = "gallery/delete.html"
    success_url = reverse_lazy("gallery:index")

    def get_queryset(self) -> QuerySet[Upload]:
        """Return the uploads of the model that the URL names."""
        return model_of(self.kwargs["kind"])._default_manager.all()  # noqa: SLF001 - Django's documented API for any model

    def form_valid(self, form: "BaseModelForm[Upload]") -> HttpResponse:
        """Delete the row, and show that its object is still there."""
        upload, links = self.object, self.object.links
        response = super().form_valid(form)
        message = (
            "“{}” is deleted. <a href='{}'>Its object</a> stays in the bucket {} until clean_orphaned_minio_files "
            "deletes it."
        )
        messages.success(self.request, format_html(message, upload.title, links.url, links.bucket))
        return response
