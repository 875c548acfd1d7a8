"""ServeFileView: the file of a row, for those who may have it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib.auth import get_permission_codename
from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.views.generic import View
from django.views.generic.detail import SingleObjectMixin

from .modes import ACCEL_LOCATION, EXPIRES, serve

if TYPE_CHECKING:
    from datetime import timedelta

    from django.db.models import Model
    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

    from .modes import Mode

    SingleObject = SingleObjectMixin[Any]
else:
    SingleObject = SingleObjectMixin


class ServeFileView(SingleObject, View):
    """Serves the file of one row: 404 if row or file do not exist, 403 if this user may not have it.

    The row is found as by Django's DetailView: ``model`` or ``queryset``, with ``pk`` or ``slug`` from the URL.
    Without a permission of its own it is for users who may view the model. Arguments of ``as_view()``, or attributes of
    a subclass:

    Attributes:
        field: name of the FileField.
        mode: "redirect", "stream" or "accel", as for ``serve()``.
        filename: name of the row's attribute (or method) that holds the file name for the user; None: the file's own.
        as_attachment: whether browsers save the file and never show it.
        hide: whether a refusal is 404 as well, so that it does not reveal whether the row exists.
        expires: seconds or a timedelta within which a presigned URL must be used.
        inline_active_content: whether types that run in browsers, such as HTML and SVG, may be shown.
        accel_location: nginx's internal location for mode "accel".
    """

    http_method_names = ("get", "head", "options")
    field = "file"
    mode: Mode = "redirect"
    filename: str | None = None
    as_attachment = False
    hide = False
    expires: timedelta | float = EXPIRES
    inline_active_content = False
    accel_location = ACCEL_LOCATION

    def has_permission(self, request: HttpRequest, obj: Model) -> bool:
        """Whether this user may have the file of this row: by default if logged in and allowed to view the model.

        The permission may be for all rows or, by an authentication backend that knows rows, for this one.
        """
        user = getattr(request, "user", None)
        if user is None or not user.is_authenticated:
            return False
        permission = f"{obj._meta.app_label}.{get_permission_codename('view', obj._meta)}"
        return bool(user.has_perm(permission) or user.has_perm(permission, obj))

    def get(self, request: HttpRequest, *_: object, **__: object) -> HttpResponseBase:
        """Check the permission, then serve the file; the server gets no request before."""
        if self.hide:  # reading the session adds a Vary header, which is not to depend on the row
            bool(getattr(request, "user", None))
        try:
            obj: Any = self.get_object()
            if not self.has_permission(request, obj):
                raise Http404 if self.hide else PermissionDenied
            return serve(
                request,
                getattr(obj, self.field),
                mode=self.mode,
                as_attachment=self.as_attachment,
                filename=self._filename(obj),
                expires=self.expires,
                inline_active_content=self.inline_active_content,
                accel_location=self.accel_location,
            )
        except Http404 as error:  # one message for all reasons: templates of error pages may show it
            raise Http404("There is no such file.") from error

    def _filename(self, obj: object) -> str:
        value = getattr(obj, self.filename) if self.filename else ""
        return str(value() if callable(value) else value or "")
