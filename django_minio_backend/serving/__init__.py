"""Private files behind a permission: by redirect, through Django, or by nginx."""

from .admin import ServeFileMixin
from .modes import serve
from .views import ServeFileView

__all__ = ["ServeFileMixin", "ServeFileView", "serve"]
