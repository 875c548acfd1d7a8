"""Who sends a request, and for whom a form is rendered: known without middleware."""

from __future__ import annotations

from contextvars import ContextVar
from hashlib import sha256
from importlib import import_module
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from asgiref.sync import SyncToAsync
from django.conf import settings
from django.core.cache import cache
from django.http import parse_cookie
from django.utils.crypto import salted_hmac

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.http import HttpRequest

SALT = "django_minio_backend.direct_uploads"

_CLAIMS = f"{SALT}.claims"
_CLAIM_AGE = 600  # seconds, if a process dies while it serves a request

_environ: ContextVar[dict[str, Any] | None] = ContextVar("request_environ", default=None)
_scopes: WeakKeyDictionary[object, dict[str, Any]] = WeakKeyDictionary()


def note_request(environ: dict[str, Any] | None = None, scope: dict[str, Any] | None = None, **_kwargs: object) -> None:
    """Remember the request that this thread or task serves (receiver of Django's ``request_started``).

    A widget gets no request, neither to be rendered nor to read a form. Under ASGI a receiver runs in a copy of the
    request's context, so a variable would be lost; the handler's ThreadSensitiveContext is the request's own.
    """
    _environ.set(environ)
    context = SyncToAsync.thread_sensitive_context.get(None)
    if scope is not None and context is not None:
        _scopes[context] = scope


def forget_request(**_kwargs: object) -> None:
    """Forget it and release its claims (receiver of ``request_finished``)."""
    for key in (_current() or {}).pop(_CLAIMS, ()):
        cache.delete(key)
    _environ.set(None)


def claim(text: str) -> bool:
    """Reserve what a text names for the current request until it is finished; False if another request has it.

    Claims are in Django's default cache: processes that share none do not see each other's.
    """
    current = _current()
    if current is None:
        return True
    key = f"{_CLAIMS}.{sha256(text.encode()).hexdigest()}"
    claims = current.setdefault(_CLAIMS, set())
    if key in claims or cache.add(key, 1, _CLAIM_AGE):
        claims.add(key)
        return True
    return False


def _current() -> dict[str, Any] | None:
    """The WSGI environment or ASGI scope of the current request."""
    environ = _environ.get()
    if environ is not None:
        return environ
    context = SyncToAsync.thread_sensitive_context.get(None)
    return _scopes.get(context) if context is not None else None


def current_requesters() -> list[str]:
    """Identities of whoever sent the current request, the most specific first; none without a request.

    The user whom the session names, else the session and the browser's CSRF cookie.
    """
    environ = _environ.get()
    if environ is not None:
        return _requesters_of(parse_cookie(environ.get("HTTP_COOKIE", "")), environ.get("CSRF_COOKIE"))
    scope = _current()
    if scope is None:
        return []
    cookies = [value.decode("latin1") for name, value in scope.get("headers", ()) if name == b"cookie"]
    return _requesters_of(parse_cookie("; ".join(cookies)), None)


def requesters_of(request: HttpRequest) -> list[str]:
    """The same of a request that has passed Django's middleware."""
    user = getattr(request, "user", None)
    if user is not None and user.is_authenticated:
        return [f"user:{user.pk}"]
    session = getattr(request, "session", None)
    csrf = request.META.get("CSRF_COOKIE") or request.COOKIES.get(settings.CSRF_COOKIE_NAME)
    return _anonymous(getattr(session, "session_key", None), csrf)


def _requesters_of(cookies: Mapping[str, str], csrf: str | None) -> list[str]:
    key = cookies.get(settings.SESSION_COOKIE_NAME)
    if key:
        session = import_module(settings.SESSION_ENGINE).SessionStore(key)
        user = session.get("_auth_user_id")
        if user is not None:
            return [f"user:{user}"]
        key = session.session_key
    return _anonymous(key, csrf or cookies.get(settings.CSRF_COOKIE_NAME))


def _anonymous(session_key: str | None, csrf: str | None) -> list[str]:
    identities = [("session", session_key), ("browser", csrf)]
    return [f"{kind}:{salted_hmac(SALT, value).hexdigest()}" for kind, value in identities if value]


def is_serving() -> bool:
    """Whether Django serves a request in this thread or task."""
    return _current() is not None
