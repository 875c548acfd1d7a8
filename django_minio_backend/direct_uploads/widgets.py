"""DirectUploadInput: Django's file input, whose files go from the browser straight to the bucket."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Self

from django.core.exceptions import FieldDoesNotExist, ImproperlyConfigured, ValidationError
from django.core.files.storage import default_storage
from django.db.models import FileField
from django.forms import BaseForm, ClearableFileInput
from django.templatetags.static import static
from django.urls import NoReverseMatch, reverse
from django.utils.datastructures import MultiValueDict
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from ..options.fields import StorageOptions
from . import grants

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from django.core.files.storage import Storage
    from django.forms.renderers import BaseRenderer
    from django.http import HttpRequest
    from django.utils.safestring import SafeString

    from .uploaded_object import UploadedObject

RECEIPT_SUFFIX = "-receipt"
ENDPOINTS = "django_minio_backend.direct_uploads.endpoints"


class ModuleScript:
    """The `<script type="module">` of a form's media; Django has a class for it only from 5.2 on."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ModuleScript) and other.path == self.path

    def __hash__(self) -> int:
        return hash(self.path)

    def __html__(self) -> str:
        return format_html('<script type="module" src="{}"></script>', static(self.path))

    __str__ = __html__


class RefusedUpload:
    """Stands for a file whose receipt is invalid: the form field reports the reason when it reads the name."""

    def __init__(self, reason: str) -> None:
        self._reason = reason

    @property
    def name(self) -> str:
        """The name that a form field checks first.

        Raises:
            ValidationError: always.
        """
        raise ValidationError(self._reason, code="receipt")


class DirectUploadInput(ClearableFileInput):
    """A file input that uploads straight to the bucket of its model field's storage.

    It is Django's own ClearableFileInput where that storage is none of this package's, and for browsers without
    JavaScript. A subclass with ``allow_multiple_selected = True`` takes several files.

    Args:
        attrs: attributes of the input, as Django has them.
        max_size: bytes that a file may have; None: what the server takes.
        accept: media types that are accepted, such as ``video/mp4`` or ``image/*``; all, where there are none.
        storage: where the files go, if the form has no model field that says so: a storage or a function that
            returns one.

    Attributes:
        request: for which the form is shown or read; None: the one that Django serves now.
        model_field: the model's field, where the form does not name it.
    """

    request: HttpRequest | None = None
    model_field: FileField | None = None

    class Media:
        """One style sheet and one ES module."""

        css = {"all": ["django_minio_backend/direct_upload.css"]}  # noqa: RUF012 - as Django documents it
        js = [ModuleScript("django_minio_backend/direct_upload.js")]  # noqa: RUF012

    def __init__(
        self,
        attrs: Mapping[str, Any] | None = None,
        *,
        max_size: int | None = None,
        accept: Sequence[str] = (),
        storage: Storage | Callable[[], Storage] | None = None,
    ) -> None:
        super().__init__({**({"accept": ",".join(accept)} if accept else {}), **(attrs or {})})
        self.max_size = max_size
        self.accept = tuple(accept)
        self.storage = storage
        self._copy_of: DirectUploadInput | None = None
        self._kept: list[UploadedObject] = []
        self._declared: dict[str, tuple[type[BaseForm] | None, str]] = {}

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        copied: Self = super().__deepcopy__(memo)
        copied._copy_of = self
        copied._kept, copied._declared = [], {}
        return copied

    # Rendering

    def render(
        self, name: str, value: Any, attrs: Mapping[str, Any] | None = None, renderer: BaseRenderer | None = None
    ) -> SafeString:
        """Django's markup with what the script needs as data attributes, and a hidden input for receipts.

        Raises:
            ImproperlyConfigured: the URLconf does not include the endpoints.
        """
        grant = self._grant(name)
        if grant is None:
            return super().render(name, value, dict(attrs or {}), renderer)
        data = {
            "data-direct-upload-url": _endpoints_url(),
            "data-direct-upload-grant": grant,
            "data-direct-upload-messages": json.dumps(_messages()),
        }
        kept = [{"receipt": file.receipt, "name": file.name, "size": file.size} for file in self._kept]
        return format_html(
            '<direct-upload>{}<input type="hidden" name="{}" value="{}" data-direct-upload-kept="{}"></direct-upload>',
            super().render(name, value, {**(attrs or {}), **data}, renderer),
            name + RECEIPT_SUFFIX,
            json.dumps([file["receipt"] for file in kept]) if kept else "",
            json.dumps(kept),
        )

    def use_required_attribute(self, initial: Any) -> bool:
        """Whether the browser insists on a file: not where one has been uploaded before the form is shown again."""
        return super().use_required_attribute(initial) and not self._kept

    # Reading

    def value_from_datadict(self, data: Mapping[str, Any], files: Any, name: str) -> Any:
        """The files of the form: those that it carries, and those that its receipts stand for."""
        receipts = _receipts(data.get(name + RECEIPT_SUFFIX))
        if not self.allow_multiple_selected:
            receipts = receipts[-1:]
        if receipts and is_ours(self.storage_for(name)):
            uploads = [self._received(receipt, name) for receipt in receipts]
            self._kept = [upload for upload in uploads if not isinstance(upload, RefusedUpload)]
            carried = files.getlist(name) if hasattr(files, "getlist") else [files[name]] if name in files else []
            files = MultiValueDict({name: [*carried, *uploads]})
        return super().value_from_datadict(data, files, name)

    def value_omitted_from_data(self, data: Mapping[str, Any], files: Any, name: str) -> bool:
        """Whether the form has no file, no receipt and no order to clear."""
        return super().value_omitted_from_data(data, files, name) and not data.get(name + RECEIPT_SUFFIX)

    # What a grant binds, and what a receipt is compared with

    def _grant(self, name: str) -> str | None:
        """The grant of this input; None where files go through Django."""
        try:
            return grants.issue_grant(
                self.storage_for(name),
                **self._limits(name),
                multiple=self.allow_multiple_selected,
                request=self.request,
            )
        except grants.NoDirectUploadError:
            return None

    def _received(self, receipt: str, name: str) -> UploadedObject | RefusedUpload:
        from .uploaded_object import accept_receipt

        try:
            return accept_receipt(receipt, storage=self.storage_for(name), **self._limits(name), request=self.request)
        except grants.Rejected as rejected:
            return RefusedUpload(rejected.message)
        except grants.NoDirectUploadError:
            return RefusedUpload(_("This file was uploaded for another form. Upload it again."))

    def _limits(self, name: str) -> dict[str, Any]:
        from .staging import MAX_SIZE

        return {
            "max_size": MAX_SIZE if self.max_size is None else self.max_size,
            "accept": self.accept or tuple(filter(None, str(self.attrs.get("accept", "")).split(","))),
            "purpose": self.field_label(name),
        }

    def storage_for(self, name: str) -> Storage:
        """The storage of the files: the argument's, else the model field's, else the default one."""
        if self.storage is not None:
            return self.storage() if callable(self.storage) else self.storage
        field = self._model_field(name)
        return default_storage if field is None else field.storage

    def field_label(self, name: str) -> str:
        """What a receipt belongs to: a model's field, else a form's."""
        field = self._model_field(name)
        if field is not None:
            return f"{field.model._meta.label}.{field.name}"
        form, form_field = self._declared_in(name)
        return f"{form.__module__}.{form.__qualname__}.{form_field}" if form else name

    def _model_field(self, name: str) -> FileField | None:
        if self.model_field is None:
            form, form_field = self._declared_in(name)
            model = getattr(getattr(form, "_meta", None), "model", None)
            try:
                field = model._meta.get_field(form_field) if model else None
            except FieldDoesNotExist:  # a field of the form alone
                field = None
            return field if isinstance(field, FileField) else None
        return self.model_field

    def _declared_in(self, name: str) -> tuple[type[BaseForm] | None, str]:
        """The form class whose field has this widget, and the field's name.

        Django gives a widget neither its form nor its field. But each form copies its widgets from those of its class,
        so the class is the one that has the widget that this one is a copy of.
        """
        if name not in self._declared:
            self._declared[name] = self._search_forms(name)
        return self._declared[name]

    def _search_forms(self, name: str) -> tuple[type[BaseForm] | None, str]:
        widget: DirectUploadInput | None = self
        while widget is not None:
            for form in _subclasses(BaseForm):
                for field_name, field in getattr(form, "base_fields", {}).items():
                    if field.widget is widget and (name == field_name or name.endswith(f"-{field_name}")):
                        return form, field_name
            widget = widget._copy_of  # noqa: SLF001 - of the same class
        return None, name


def is_ours(storage: object) -> bool:
    """Whether browsers can upload straight to this storage."""
    return isinstance(getattr(storage, "options", None), StorageOptions)


def _receipts(posted: object) -> list[str]:
    """The receipts that a form has posted: a JSON list, or the only one as it is."""
    if not isinstance(posted, str) or not posted:
        return []
    try:
        receipts = json.loads(posted)
    except (ValueError, RecursionError):
        receipts = [posted]
    texts = [receipt for receipt in receipts if isinstance(receipt, str)] if isinstance(receipts, list) else []
    return list(dict.fromkeys(texts))  # each of them once


def _subclasses(kind: type[BaseForm]) -> Iterator[Any]:
    for subclass in kind.__subclasses__():
        yield subclass
        yield from _subclasses(subclass)


def _endpoints_url() -> str:
    """The URL below which the endpoints lie.

    Raises:
        ImproperlyConfigured: the URLconf has none.
    """
    try:
        return reverse("direct_uploads:begin").removesuffix("begin/")
    except NoReverseMatch as error:
        raise ImproperlyConfigured(
            f'DirectUploadInput has nowhere to upload to: add path("uploads/", include("{ENDPOINTS}")) to the URLconf.'
        ) from error


def _messages() -> dict[str, str]:
    """What the script says, in the language of the page. Names in braces are replaced by the script."""
    return {
        "waiting": _("Waiting for the upload to start …"),
        "progress": _("{done} of {total} ({percent})."),
        "left": _("About {time} left."),
        "offline": _("No connection. The upload continues when you are online again."),
        "done": pgettext("direct upload", "Uploaded."),
        "lost": _("The connection to the server was lost. Try again: what has arrived is not sent twice."),
        "failed": _("The upload failed. Try again, or reload the page."),
        "cancelled": _("{name} has been removed."),
        "submit": _("The form is sent as soon as all files are uploaded."),
        "cancel": pgettext("direct upload", "Cancel"),
        "retry": pgettext("direct upload", "Try again"),
        "remove": pgettext("direct upload", "Remove"),
    }
