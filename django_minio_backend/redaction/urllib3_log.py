"""Keeps queries and secrets of this package's requests out of the log of urllib3, which shows whole URLs.

Requests of other libraries are logged as ever.
"""

from __future__ import annotations

import logging
import traceback
from contextvars import ContextVar
from typing import TYPE_CHECKING, Self

from .echoed_secrets import Secrets

if TYPE_CHECKING:
    from collections.abc import Mapping

LOGGERS = ("urllib3.connectionpool", "urllib3.connection", "urllib3.util.retry")

current_request: ContextVar[tuple[str, Mapping[str, object] | None] | None]
current_request = ContextVar("current_request", default=None)
"""URL and headers of the request that this context sends by urllib3."""


class _HideSecrets(logging.Filter):
    """Cuts the queries in the arguments of log records, and replaces errors that repeat a secret by their names.

    Records have text only. Handlers may keep them, and the frames of an error hold headers, bodies and connections.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        request = current_request.get()
        if request is not None and isinstance(record.args, tuple):
            secrets = Secrets(*request)
            record.args = tuple(_shown(argument, secrets) for argument in record.args)
            if record.exc_info and record.exc_info[1]:
                if not secrets.are_in_error(record.exc_info[1]):
                    record.exc_text = "".join(traceback.format_exception(record.exc_info[1])).rstrip()
                record.exc_info = None
        return True


class _Text(str):
    """What ``%s`` and ``%r`` show of an object."""

    __slots__ = ("_repr",)
    _repr: str

    def __new__(cls, argument: object) -> Self:
        text = super().__new__(cls, argument)
        text._repr = repr(argument)
        return text

    def __repr__(self) -> str:
        return self._repr


def _shown(argument: object, secrets: Secrets) -> object:
    if isinstance(argument, str):
        return argument.partition("?")[0]
    if isinstance(argument, int | float | None):
        return argument
    if isinstance(argument, BaseException) and secrets.are_in_error(argument):
        return type(argument).__name__
    return _Text(argument)


_hide_secrets = _HideSecrets()
for _name in LOGGERS:
    logging.getLogger(_name).addFilter(_hide_secrets)
