"""Work that is not waited for beyond a time, whatever it hangs on: names that do not resolve, answers that drip."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future
from threading import Thread
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

T = TypeVar("T")


def started(works: Iterable[Callable[[], T]], *, workers: int) -> list[Future[T]]:
    """Begin all works, so many at a time, in threads that nobody has to wait for; the results come in their order.

    The threads are daemons: a process can end while one of them hangs, which an executor's threads prevent.
    """
    waiting = deque((work, Future[T]()) for work in works)
    futures = [future for _, future in waiting]

    def carry_out() -> None:
        while waiting:
            try:
                work, future = waiting.popleft()
            except IndexError:  # another worker took the last one
                return
            try:
                future.set_result(work())
            except BaseException as error:  # noqa: BLE001 - handed over to whoever asks for the result
                future.set_exception(error)

    for _ in range(min(workers, len(futures))):
        Thread(target=carry_out, name="deadline", daemon=True).start()
    return futures


def within(seconds: float, work: Callable[[], T]) -> T:
    """Do the work and return its result.

    Args:
        seconds: how long it may take.
        work: what to do.

    Raises:
        TimeoutError: it takes longer. It goes on in its thread.
        Exception: what the work itself raises.
    """
    return started([work], workers=1)[0].result(max(seconds, 0))
