"""URLconf and views by which a browser uploads straight to the bucket: ``include()`` this module in urls.py."""

from __future__ import annotations

import json
from contextlib import suppress
from functools import wraps
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from django.core.cache import cache
from django.http import HttpResponse, JsonResponse
from django.urls import path
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.http import require_POST

from ..redaction.escaping import get_logger
from ..requesters import requesters_of
from . import grants, staging
from .grants import Grant, Rejected, UploadToken

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest

    from ..options.fields import StorageOptions

    View = Callable[[HttpRequest], HttpResponse]
    Handler = Callable[[HttpRequest, dict[str, Any]], dict[str, Any]]

HOUR, DAY = 3600, 24 * 3600  # seconds
MAX_BODY = 64 * 1024  # bytes of a request: a grant, a token and 100 numbers

logger = get_logger(__name__)


def endpoint(handler: Handler) -> View:
    """A view that takes a JSON object by a CSRF-protected POST and gives one back."""

    @never_cache
    @csrf_protect
    @require_POST
    @wraps(handler)
    def view(request: HttpRequest) -> HttpResponse:
        from ..s3.errors import FAILURES

        try:
            return JsonResponse(handler(request, _body(request)))
        except Rejected as rejected:
            return _error(rejected)
        except FAILURES as error:
            logger.exception("A direct upload failed: %s", error)  # noqa: TRY401 - the storage's words are the reason
            message = _("The storage server cannot be reached or refuses the upload. Try again later.")
            return _error(Rejected(502, "server", message))

    return view


@endpoint
def begin(request: HttpRequest, body: dict[str, Any]) -> dict[str, Any]:
    """Begin an upload of a file: {grant, name, type, size}."""
    grant = Grant.load(body.get("grant"), grants.GRANT_AGE)
    requester = grant.check_requester(requesters_of(request))
    file = staging.checked_file(grant, body.get("name"), body.get("type"), body.get("size"))
    storage = grant.storage.resolve()
    _check_limits(storage.options, requester)
    token, response = staging.begin(storage, grant, requester, file)
    cache.add(_cache_key("one", token.key), 1, DAY)
    return response


@endpoint
def sign(request: HttpRequest, body: dict[str, Any]) -> dict[str, Any]:
    """Sign the URLs of parts: {grant, upload, parts: [1, 2, ...]}."""
    grant, token = _grant_and_token(request, body)
    return {"parts": staging.sign(grant.storage.resolve(), token, body.get("parts"))}


@endpoint
def parts(request: HttpRequest, body: dict[str, Any]) -> dict[str, Any]:
    """List the parts that the server has: {grant, upload}."""
    grant, token = _grant_and_token(request, body)
    return {"parts": staging.stored_parts(grant.storage.resolve(), token)}


@endpoint
def complete(request: HttpRequest, body: dict[str, Any]) -> dict[str, Any]:
    """Complete an upload, for a receipt: {grant, upload}."""
    grant, token = _grant_and_token(request, body)
    receipt = staging.complete(grant.storage.resolve(), grant, token)
    _close(token)
    return {"receipt": receipt.sign(), "name": receipt.name, "size": receipt.size, "type": receipt.type}


@endpoint
def abort(request: HttpRequest, body: dict[str, Any]) -> dict[str, Any]:
    """Abort an upload and remove what was uploaded: {grant, upload}."""
    grant, token = _grant_and_token(request, body)
    staging.abort(grant.storage.resolve(), token)
    _close(token)
    return {}


def _check_limits(options: StorageOptions, requester: str) -> None:
    """Count an upload that is to begin, in Django's default cache.

    An upload is open until it is completed or aborted. One that is abandoned counts for a day at the most, as the
    whole count ends a day after it has begun.

    Raises:
        Rejected: the user or session has begun too many.
    """
    per_hour, opened = _cache_key("per-hour", requester), _cache_key("open", requester)
    if options.uploads_per_hour and _increased(per_hour, HOUR) > options.uploads_per_hour:
        raise Rejected(429, "rate", _("You have uploaded many files in a short time. Try again later."))
    if options.uploads_open and _increased(opened, DAY) > options.uploads_open:
        _decrease(opened)
        message = _("Too many uploads are in progress. Finish or cancel some of them first.")
        raise Rejected(429, "open", message)


def _close(token: UploadToken) -> None:
    """Count an upload as open no more; once, however often it is completed and aborted."""
    if cache.delete(_cache_key("one", token.key)):
        _decrease(_cache_key("open", token.requester))


def _increased(key: str, seconds: int) -> int:
    if cache.add(key, 1, seconds):
        return 1
    try:
        return cache.incr(key)
    except ValueError:  # it has ended in between; or a cache that keeps nothing
        return 1


def _decrease(key: str) -> None:
    with suppress(ValueError):
        cache.decr(key)


def _cache_key(kind: str, text: str) -> str:
    return f"django_minio_backend.uploads.{kind}.{sha256(text.encode()).hexdigest()}"


def _grant_and_token(request: HttpRequest, body: dict[str, Any]) -> tuple[Grant, UploadToken]:
    """The grant of a request and its upload, which it must have begun.

    Raises:
        Rejected: they are not the requester's.
    """
    grant = Grant.load(body.get("grant"))
    token = UploadToken.load(body.get("upload"))
    if token.grant != grant.digest or token.requester not in requesters_of(request):
        raise grants.not_yours()
    return grant, token


def _body(request: HttpRequest) -> dict[str, Any]:
    text = request.read(MAX_BODY + 1)
    if len(text) > MAX_BODY:
        raise staging.bad_request()
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        raise staging.bad_request() from None
    if not isinstance(body, dict):
        raise staging.bad_request()
    return body


def _error(rejected: Rejected) -> JsonResponse:
    return JsonResponse({"error": rejected.error, "message": rejected.message}, status=rejected.status)


app_name = "direct_uploads"
urlpatterns = [
    path("begin/", begin, name="begin"),
    path("sign/", sign, name="sign"),
    path("parts/", parts, name="parts"),
    path("complete/", complete, name="complete"),
    path("abort/", abort, name="abort"),
]
