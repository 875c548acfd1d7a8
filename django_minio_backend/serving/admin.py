"""ServeFileMixin: the admin's links to private files lead to the view that serves them."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from django.db.models import FileField
from django.db.models.fields.files import FieldFile
from django.urls import reverse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.contrib.admin.options import ModelAdmin
    from django.contrib.admin.views.main import ChangeList
    from django.db.models import Model
    from django.http import HttpRequest, HttpResponse

    AdminBase = ModelAdmin[Any]
else:
    AdminBase = object


class ServeFileMixin(AdminBase):
    """Links the files that a ModelAdmin and its inlines show to a view, such as a ServeFileView.

    Such a link does not expire, and the view checks the permission when it is opened. It is used in forms, for
    read-only fields and in ``list_display``. An inline names its view by the same mixin; its ModelAdmin needs the mixin
    as well. Works together with DirectUploadMixin.

    Attributes:
        serve_view: name of the URL pattern, whose only argument is the row's primary key; or a mapping of field names
            to such names.
    """

    serve_view: str | Mapping[str, str] = ""

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **options: Any
    ) -> HttpResponse:
        """Django's page with the form."""
        _link(context["adminform"].form.instance, self.serve_view)
        for formset in context["inline_admin_formsets"]:
            for form in formset.formset.forms:
                _link(form.instance, getattr(formset.opts, "serve_view", ""))
        return super().render_change_form(request, context, *args, **options)

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        """Django's list of rows."""
        changelist = super().get_changelist_instance(request)
        for row in changelist.result_list:
            _link(row, self.serve_view)
        return changelist


def _link(row: Model, views: str | Mapping[str, str]) -> None:
    """Let the files of a row that is about to be shown have the URLs of their views."""
    for field in row._meta.get_fields():
        if isinstance(field, FileField):
            view = views if isinstance(views, str) else views.get(field.name, "")
            file = getattr(row, field.attname)
            if view and file:
                # In place, as a form has the same object as its initial value.
                file.__class__ = _linked(type(file))  # type: ignore[arg-type]  # classes are hashable
                file.serve_view = view


class _LinkedFile(FieldFile):
    serve_view: str

    @property
    def url(self) -> str:
        """URL of the view."""
        return reverse(self.serve_view, args=[self.instance.pk])


@cache
def _linked(kind: type[FieldFile]) -> type[FieldFile]:
    return kind if issubclass(kind, _LinkedFile) else type(kind.__name__, (_LinkedFile, kind), {})
