"""A site with the endpoints, and a page that renders a grant and saves what a receipt stands for."""

from __future__ import annotations

from django.core.files.storage import default_storage
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.middleware.csrf import get_token
from django.urls import include, path
from django.views.decorators.csrf import csrf_protect

from django_minio_backend.direct_uploads.grants import Rejected, issue_grant
from django_minio_backend.direct_uploads.uploaded_object import accept_receipt
from django_minio_backend.requesters import claim
from tests.app.models import Document


def limits(request: HttpRequest) -> dict[str, object]:
    """The limits of this form; a test sets others by the query."""
    accept = request.GET.getlist("accept")
    return {"max_size": int(request.GET.get("max_size", 100 * 1024**2)), "accept": accept}


@csrf_protect
def form(request: HttpRequest) -> HttpResponse:
    """GET gives a grant; POST saves the receipt's file."""
    if request.method == "GET":
        if "claim" in request.GET:
            assert claim("a receipt")
        if "session" in request.GET:
            request.session["visited"] = True
        grant = "" if "token-last" not in request.GET else issue_grant(default_storage, **limits(request))  # type: ignore[arg-type]
        token = get_token(request)
        return JsonResponse({"grant": grant or issue_grant(default_storage, **limits(request)), "csrf": token})  # type: ignore[arg-type]
    try:
        file = accept_receipt(request.POST.get("receipt"), storage=default_storage, **limits(request))  # type: ignore[arg-type]
    except Rejected as rejected:
        return JsonResponse({"error": rejected.error}, status=400)
    document = Document(title=file.name or "", plain=file)
    document.save()
    return JsonResponse({"name": document.plain.name})


urlpatterns = [
    path("form/", form),
    path("uploads/", include("django_minio_backend.direct_uploads.endpoints")),
]
