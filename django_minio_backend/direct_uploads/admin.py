"""DirectUploadMixin: direct uploads in the admin, in change forms, add forms and inlines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib.admin.widgets import AdminFileWidget
from django.db.models import FileField

from .widgets import DirectUploadInput, is_ours

if TYPE_CHECKING:
    from django.contrib.admin.options import BaseModelAdmin
    from django.db.models import Field
    from django.forms import Field as FormField
    from django.http import HttpRequest

    Base = BaseModelAdmin[Any]
else:
    Base = object


class AdminDirectUploadInput(DirectUploadInput, AdminFileWidget):
    """A DirectUploadInput that looks like the admin's file input."""


class DirectUploadMixin(Base):
    """Uploads the files of a ModelAdmin or an inline straight to the bucket.

    It concerns every FileField and ImageField whose storage is one of this package's. A DirectUploadInput that the
    ModelAdmin's form or ``formfield_overrides`` names stays, with its limits. Grants are valid for the user who has
    opened the page.
    """

    def formfield_for_dbfield(self, db_field: Field[Any, Any], request: HttpRequest, **kwargs: Any) -> FormField | None:
        """Django's form field, with a widget that uploads directly."""
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field is None or not isinstance(db_field, FileField) or not is_ours(db_field.storage):
            return field
        if type(field.widget) is AdminFileWidget:
            widget = AdminDirectUploadInput(field.widget.attrs)
            widget.is_required = field.widget.is_required
            field.widget = widget
        if isinstance(field.widget, DirectUploadInput):
            field.widget.model_field = db_field
            field.widget.request = request
        return field
