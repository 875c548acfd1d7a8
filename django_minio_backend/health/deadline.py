"""Runs functions with a timeout, whatever they hang on: name resolution, or a response that arrives byte by byte."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future
from contextvars import copy_context
from threading import Thread
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

T = TypeVar("T")


def run_in_daemon(functions: Iterable[Callable[[], T]], *, workers: int) -> list[Future[T]]:
    """Run functions in up to ``workers`` daemon threads, and return their futures in the order of the functions.

    The threads have copies of the current context, so that a block records their requests.

    A process can end while a daemon thread hangs, which the threads of an executor prevent.
    """
    waiting = deque((function, Future[T]()) for function in functions)
    futures = [future for _, future in waiting]

    def run() -> None:
        while waiting:
            try:
                function, future = waiting.popleft()
            except IndexError:  # another thread took the last one
                return
            try:
                future.set_result(function())
            except BaseException as error:  # noqa: BLE001 - raised again by result()
                future.set_exception(error)

    for _ in range(min(workers, len(futures))):
        Thread(target=copy_context().run, args=(run,), name="deadline", daemon=True).start()
    return futures


def run_with_timeout(seconds: float, function: Callable[[], T]) -> T:
    """Run a function in a daemon thread and return its result.

    Args:
        seconds: how long it may take.
        function: what to run.

    Raises:
        TimeoutError: it takes longer, and continues in its thread.
        Exception: what the function raises.
    """
    return run_in_daemon([function], workers=1)[0].result(max(seconds, 0))
