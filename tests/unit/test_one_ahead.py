"""A thread that works one step behind its caller runs one function at a time and loses no error."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from django_minio_backend.transport.request_log import OneAhead

if TYPE_CHECKING:
    from collections.abc import Callable


def test_the_caller_continues_while_a_function_runs() -> None:
    begun, may_end = threading.Event(), threading.Event()
    done: list[str] = []

    def wait() -> None:
        begun.set()
        assert may_end.wait(20)
        done.append("waited")

    with OneAhead("test") as thread:
        thread.run(wait)
        assert begun.wait(20)
        assert done == []
        may_end.set()
        thread.run(done.append, "second")
        assert done[0] == "waited"
    assert done == ["waited", "second"]


def _fail() -> None:
    raise ValueError("of the thread")


def _nothing() -> None:
    pass


def _run(*functions: Callable[[], None], then: Callable[[], None] = _nothing) -> None:
    with OneAhead("test") as thread:
        for function in functions:
            thread.run(function)
        then()


def _interrupt() -> None:
    raise KeyError


def test_an_error_ends_the_next_call() -> None:
    done: list[int] = []
    with pytest.raises(ValueError, match="of the thread"):
        _run(_fail, lambda: done.append(1))
    assert done == []


def test_an_error_of_the_last_function_ends_the_block() -> None:
    with pytest.raises(ValueError, match="of the thread"):
        _run(_fail)


def test_the_callers_own_error_comes_first() -> None:
    with pytest.raises(KeyError):
        _run(_fail, then=_interrupt)


def test_no_thread_is_left() -> None:
    before = set(threading.enumerate())
    with OneAhead("test") as thread:
        thread.run(_nothing)
    assert set(threading.enumerate()) <= before
