"""What reports show of an error: Django's debug page and mail, tracebacks with locals, trackers that walk frames."""

from __future__ import annotations

import traceback
import warnings
from functools import cache
from pprint import pformat
from typing import TYPE_CHECKING, Any
from unittest import mock

from django.conf import global_settings, settings
from django.test.utils import override_settings
from django.views.debug import DEBUG_ENGINE, ExceptionCycleWarning, ExceptionReporter, SafeExceptionReporterFilter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def error_of(operation: Callable[[], object]) -> Exception | None:
    """The error that an operation ends with, if it does."""
    try:
        operation()
    except Exception as error:  # noqa: BLE001 - whatever it is, it is looked at
        return error
    return None


class _SettingsOfTheSite(SafeExceptionReporterFilter):
    """Shows no setting that has Django's default, which is no secret and the larger part of a page."""

    def get_safe_settings(self) -> dict[str, Any]:
        values = {name: getattr(settings, name) for name in dir(settings) if name.isupper()}
        own = {name: value for name, value in values.items() if value != getattr(global_settings, name, None)}
        return {name: self.cleanse_setting(name, value) for name, value in own.items()}


_compiled = cache(DEBUG_ENGINE.from_string)  # Django compiles its templates anew for each page


def reports(error: BaseException, *, pages: bool = True) -> dict[str, str]:
    """Each report's text, by its name; without Django's pages where megabytes of content are in frames."""
    found = {
        "traceback with locals": "".join(
            traceback.TracebackException.from_exception(error, capture_locals=True).format()
        ),
        "frames": "\n".join(_frames(error)),
    }
    if pages:
        found |= _pages(error)
    return found


def _pages(error: BaseException) -> Iterator[tuple[str, str]]:
    reporter = ExceptionReporter(None, type(error), error, error.__traceback__)
    reporter.filter = _SettingsOfTheSite()
    with mock.patch.object(DEBUG_ENGINE, "from_string", _compiled), warnings.catch_warnings():
        # The SDK's S3Error is equal to another one of the same content, which Django takes for a cycle.
        warnings.simplefilter("ignore", ExceptionCycleWarning)
        with override_settings(DEBUG=True):
            yield "debug page", reporter.get_traceback_html()
        with override_settings(DEBUG=False):
            yield "error mail, HTML", reporter.get_traceback_html()
            yield "error mail, text", reporter.get_traceback_text()


def chain(error: BaseException | None) -> Iterator[BaseException]:
    """The error with all that led to it."""
    pending: list[object] = [error]
    seen: set[int] = set()
    while pending:
        one = pending.pop()
        if isinstance(one, BaseException) and id(one) not in seen:
            seen.add(id(one))
            yield one
            pending += [one.__cause__, one.__context__, getattr(one, "reason", None), *getattr(one, "exceptions", ())]


def _frames(error: BaseException) -> Iterator[str]:
    """All that can be printed of an error, of its causes, and of the locals of their frames."""
    for one in chain(error):
        yield f"{one!r} {one} {one.args!r} {getattr(one, '__notes__', '')!r}"
        yield from _within(vars(one))
        for frame, line in traceback.walk_tb(one.__traceback__):
            yield f"{frame.f_code.co_filename}:{line} {frame.f_code.co_qualname}"
            yield from _within(dict(frame.f_locals))


def _within(values: dict[str, object]) -> Iterator[str]:
    """As trackers show locals: by repr, pretty-printed, and item by item."""
    for name, value in values.items():
        yield f"{name} = {_attempt(repr, value)}"
        if not isinstance(value, (bytes, bytearray)):
            yield f"{name} = {_attempt(pformat, value)}"
        if isinstance(value, dict):
            yield from (f"{name}.{key} = {_attempt(repr, item)}" for key, item in list(value.items()))


def _attempt(show: Callable[[object], str], value: object) -> str:
    try:
        return show(value)
    except Exception as error:
        raise AssertionError(f"a {type(value).__name__} has no repr") from error
