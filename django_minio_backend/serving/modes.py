"""serve(): one file as the response to a request, in one of three modes. The permission has been checked before."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Literal, get_args
from urllib.parse import urlsplit

from django.http import Http404, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect

from ..storage import MinioBackend
from .safe_content import Presentation, safe_filename
from .sources import source_of
from .streaming import Exchange

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

    from django.core.files.storage import Storage
    from django.db.models.fields.files import FieldFile
    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

Mode = Literal["redirect", "stream", "accel"]
MODES: tuple[Mode, ...] = get_args(Mode)
EXPIRES = 60  # seconds: long enough to follow a redirect; a download that has begun goes on
ACCEL_LOCATION = "/_minio/"
METHODS = ("GET", "HEAD")


def serve(  # noqa: PLR0913 - all but two have defaults and are given by name
    request: HttpRequest,
    file: FieldFile,
    *,
    mode: Mode = "redirect",
    as_attachment: bool = False,
    filename: str = "",
    expires: timedelta | float = EXPIRES,
    inline_active_content: bool = False,
    accel_location: str = ACCEL_LOCATION,
) -> HttpResponseBase:
    """Return the response with a file. Whether this user may have it is for the caller to check before.

    Args:
        request: a GET or HEAD request; any other gets status 405.
        file: of a model's FileField, on any storage. Files of storages other than this package's, and files that are
            encrypted with a customer's key (SSE-C), are streamed in every mode.
        mode: "redirect": to a presigned URL. "stream": through Django, with ranges and conditions. "accel": by nginx,
            which gets a presigned URL in X-Accel-Redirect.
        as_attachment: whether browsers save the file and never show it. Types that run in browsers, such as HTML and
            SVG, are attachments in any case.
        filename: under which browsers save it; the file's own base name if it is empty.
        expires: seconds or a timedelta within which a presigned URL must be used.
        inline_active_content: whether types that run in browsers may be shown, too. In the modes "stream" and "accel"
            they stay in a sandbox, without scripts and without the site's cookies.
        accel_location: nginx's internal location for mode "accel", with a slash at both ends.

    Raises:
        Http404: the field is empty, or, when streaming, the file does not exist. In the other modes the server
            responds with 404 itself, which saves a request.
        SuspiciousFileOperation: the name is absolute or leaves the storage.
        ValueError: an argument is invalid.
    """
    if mode not in MODES:
        raise ValueError(f"mode is {mode!r}, but must be one of {', '.join(MODES)}.")
    if request.method not in METHODS:
        return HttpResponseNotAllowed(METHODS)
    if not file:
        raise Http404
    name, storage = str(file.name), file.storage
    shown = Presentation(safe_filename(filename, name.rpartition("/")[2]), as_attachment, inline_active_content)
    if isinstance(storage, MinioBackend):
        storage.key(name)  # url() drops leading slashes; here such a name is refused as elsewhere
        if mode != "stream" and storage.ssec is None:
            if mode == "redirect":
                return _redirect(request, storage, name, shown, expires)
            return _accel(request, storage, name, shown, expires, accel_location)
    return _stream(request, storage, name, shown)


def _stream(request: HttpRequest, storage: Storage, name: str, presentation: Presentation) -> HttpResponseBase:
    try:
        return Exchange(request, source_of(storage, name), presentation).response()
    except FileNotFoundError as error:
        raise Http404 from error


def _type_of(name: str) -> str:
    """The media type by the name: what the server has stored is not known without a request, and is not used."""
    from ..files.upload_headers import type_of_name

    return type_of_name(name)


def _redirect(
    request: HttpRequest, storage: MinioBackend, name: str, presentation: Presentation, expires: Any
) -> HttpResponseBase:
    media_type = _type_of(name)
    headers = {
        "response-content-disposition": presentation.disposition(media_type),
        "response-content-type": media_type,
    }
    url = storage.url(name, expires=expires, response_headers=headers, http_method=str(request.method))
    response = HttpResponseRedirect(url)
    response["Cache-Control"] = "private, no-store"  # the URL expires
    return response


def _accel(
    request: HttpRequest,
    storage: MinioBackend,
    name: str,
    presentation: Presentation,
    expires: Any,
    location: str,
) -> HttpResponseBase:
    """The disposition is a header of this response, and not in the URL: nginx takes 4 KiB of headers by default."""
    media_type = _type_of(name)
    url = urlsplit(_internal_url(storage, name, str(request.method), expires, {"response-content-type": media_type}))
    response = HttpResponse(headers=presentation.headers(media_type))
    response["X-Accel-Redirect"] = f"{location}{url.path.removeprefix('/')}?{url.query}"
    return response


def _internal_url(storage: MinioBackend, name: str, method: str, expires: Any, query: Mapping[str, str]) -> str:
    """A presigned URL at the endpoint that this machine uses, which may differ from that of browsers."""
    from ..object_urls.signing import Presigner
    from ..object_urls.urls import seconds_of

    second, credentials = int(time.time()), storage.s3.credentials()
    return Presigner(storage.s3.bucket_url(storage.bucket), storage.options.region).url(
        method,
        storage.key(name),
        credentials,
        second=second,
        expires=seconds_of(expires),
        query=query,
    )
