"""Clears the locals of frames of the SDK, of urllib3 and of users' functions when an error leaves them.

They hold headers, credentials and whole requests. A traceback still names every file, line and function.
"""

from __future__ import annotations

import sys
import traceback
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType


class LocalsForgotten:
    """A block that clears the frames below it when an error leaves it, those of the error's causes included.

    The block's own frame still runs and keeps its locals. contextlib's context managers set an error's traceback,
    which the S3Error of minio 7.2.18 forbids.
    """

    __slots__ = ("_outer",)

    def __enter__(self) -> None:
        self._outer = sys.exception()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            forget_locals(error, self._outer)


def forget_locals(error: BaseException, outer: BaseException | None) -> None:
    """Clear the frames of an error and of its causes, except those that still run.

    Args:
        error: the error.
        outer: the exception that was being handled before the block (``sys.exception()``); its frames are kept.
    """
    pending: list[BaseException | None] = [error]
    seen = {id(outer)}
    while pending:
        cause = pending.pop()
        if cause is None or id(cause) in seen:
            continue
        seen.add(id(cause))
        traceback.clear_frames(cause.__traceback__)  # skips frames that still run
        pending += [cause.__cause__, cause.__context__]
        if isinstance(cause, BaseExceptionGroup):
            pending += cause.exceptions
