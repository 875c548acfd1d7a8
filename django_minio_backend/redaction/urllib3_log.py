"""Keeps queries and secrets of this package's requests out of the log of urllib3, which shows whole URLs.

Requests of other libraries are logged as ever.
"""

from __future__ import annotations

import logging
from contextvars import ContextVar
from typing import TYPE_CHECKING

from .echoed_secrets import Secrets

if TYPE_CHECKING:
    from collections.abc import Mapping

LOGGERS = ("urllib3.connectionpool", "urllib3.connection", "urllib3.util.retry")

current_request: ContextVar[tuple[str, Mapping[str, object] | None] | None]
current_request = ContextVar("current_request", default=None)
"""URL and headers of the request that this context sends by urllib3."""


class _HideSecrets(logging.Filter):
    """Cuts the queries in the arguments of log records, and replaces errors that repeat a secret by their names."""

    def filter(self, record: logging.LogRecord) -> bool:
        request = current_request.get()
        if request is not None and isinstance(record.args, tuple):
            secrets = Secrets(*request)
            record.args = tuple(_shown(argument, secrets) for argument in record.args)
            if record.exc_info and record.exc_info[1] and secrets.are_in_error(record.exc_info[1]):
                record.exc_info = None
        return True


def _shown(argument: object, secrets: Secrets) -> object:
    if isinstance(argument, BaseException) and secrets.are_in_error(argument):
        return type(argument).__name__
    return argument.partition("?")[0] if isinstance(argument, str) else argument


_hide_secrets = _HideSecrets()
for _name in LOGGERS:
    logging.getLogger(_name).addFilter(_hide_secrets)
