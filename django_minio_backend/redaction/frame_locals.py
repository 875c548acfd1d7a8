"""Frames of the SDK, of urllib3 and of users' functions forget their locals when an error leaves them.

They hold headers, credentials and whole requests. A traceback still names every file, line and function.
"""

from __future__ import annotations

import sys
import traceback


class LocalsForgotten:
    """A block that errors leave with nothing in the frames below it, those of their causes included.

    The frame of the block itself runs on and keeps its locals. Not one of contextlib's: those set an error's
    traceback, which the S3Error of minio 7.2.18 does not let them.
    """

    __slots__ = ("_outer",)

    def __enter__(self) -> None:
        self._outer = sys.exception()

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is not None:
            forget_locals(error, self._outer)


def forget_locals(error: BaseException, outer: BaseException | None) -> None:
    """Clear the frames of an error and of what led to it, but for those that still run.

    Args:
        error: the error.
        outer: what was being handled before the block that the error leaves (``sys.exception()``): its frames are the
            user's business.
    """
    pending: list[BaseException | None] = [error]
    seen = {id(outer)}
    while pending:
        one = pending.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        traceback.clear_frames(one.__traceback__)  # those that still run are left alone
        pending += [one.__cause__, one.__context__]
        if isinstance(one, BaseExceptionGroup):
            pending += one.exceptions
