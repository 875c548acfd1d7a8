"""Escapes text of servers, rows and uploaders, so that it is harmless in terminals and log files."""

from __future__ import annotations

import logging
import re

# C0, DEL and C1 steer terminals, line and paragraph separators break lines, bidirectional controls reorder what is
# read (https://www.unicode.org/reports/tr9/), invisible format characters and tags hide, and lone surrogates cannot be
# printed. The zero-width joiner and non-joiner stay: scripts and emoji are written with them.
# Not compiled here, but when it is first used: Django's start imports this module.
_CONTROL = (
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff"
    "\U000e0000-\U000e007f]"
)


def escape_control_characters(text: str) -> str:
    r"""Return the text in one line, with an escape sequence such as ``\x1b`` or ``\u202e`` for each control character.

    What is escaped already stays as it is.
    """
    return re.sub(_CONTROL, lambda match: match[0].encode("unicode_escape").decode("ascii"), text)


class _EscapeArguments(logging.Filter):
    """Escapes the arguments of log records, so that no handler or formatter has to."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(
                argument if isinstance(argument, int | float) else escape_control_characters(str(argument))
                for argument in record.args
            )
        return True


_escape_arguments = _EscapeArguments()


def get_logger(name: str) -> logging.Logger:
    """Return the logger of this name, which escapes control characters in the arguments of its messages.

    The filter is on the logger itself: those of its parents do not see its records. Messages take ``%s``, not ``%r``.
    """
    logger = logging.getLogger(name)
    logger.addFilter(_escape_arguments)
    return logger
