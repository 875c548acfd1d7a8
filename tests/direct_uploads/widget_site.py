"""A site whose forms have the widget: each form's page shows it, and saves or reports what is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.middleware.csrf import get_token
from django.urls import include, path
from django.views.decorators.csrf import csrf_protect

from django_minio_backend.direct_uploads.widgets import DirectUploadInput
from tests.app.models import Document

if TYPE_CHECKING:
    DocumentModelForm = forms.ModelForm[Document]
else:
    DocumentModelForm = forms.ModelForm


class DocumentForm(DocumentModelForm):
    class Meta:
        model = Document
        fields = ("title", "plain", "public")
        widgets = {  # noqa: RUF012
            "plain": DirectUploadInput(max_size=1000, accept=["text/plain"]),
            "public": DirectUploadInput,
        }


class RequiredForm(DocumentModelForm):
    plain = forms.FileField(widget=DirectUploadInput())

    class Meta:
        model = Document
        fields = ("plain",)


class ChildForm(DocumentForm):
    class Meta(DocumentForm.Meta):
        fields = ("plain", "title", "public")


class PlainForm(forms.Form):
    file = forms.FileField(widget=DirectUploadInput())


FORMS: dict[str, Any] = {"document": DocumentForm, "required": RequiredForm, "child": ChildForm, "plain": PlainForm}


@csrf_protect
def page(request: HttpRequest, name: str) -> HttpResponse:
    """GET shows the form; POST saves it, or shows it with its errors."""
    if request.method == "GET":
        form = FORMS[name](prefix=request.GET.get("prefix"))
        return JsonResponse({"html": form.as_div(), "csrf": get_token(request)})
    form = FORMS[name](request.POST, request.FILES)
    if not form.is_valid():
        return JsonResponse({"errors": form.errors, "html": form.as_div()}, status=422)
    if hasattr(form, "save"):
        form.save()
    return JsonResponse({"saved": {field: str(value) for field, value in form.cleaned_data.items()}})


urlpatterns = [
    path("forms/<name>/", page),
    path("uploads/", include("django_minio_backend.direct_uploads.endpoints")),
]
