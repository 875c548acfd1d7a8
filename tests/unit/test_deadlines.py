"""Work that is not waited for beyond a time."""

from __future__ import annotations

import threading
import time
from concurrent.futures import wait

import pytest

from django_minio_backend.health.deadline import run_in_daemon, run_with_timeout
from tests.support.processes import run_python


def test_the_result_and_the_error_of_the_work_are_handed_over() -> None:
    assert run_with_timeout(10, lambda: 42) == 42
    with pytest.raises(ZeroDivisionError):
        run_with_timeout(10, lambda: 1 // 0)


def test_work_that_takes_too_long_is_a_time_out_and_goes_on() -> None:
    go_on, done = threading.Event(), threading.Event()

    def work() -> None:
        go_on.wait(30)
        done.set()

    begun = time.monotonic()
    with pytest.raises(TimeoutError):
        run_with_timeout(0.05, work)
    assert time.monotonic() - begun < 10
    go_on.set()
    assert done.wait(10)


def test_no_time_at_all_is_a_time_out() -> None:
    with pytest.raises(TimeoutError):
        run_with_timeout(-1, threading.Event().wait)


@pytest.mark.parametrize("workers", [1, 3, 100])
def test_results_come_in_the_order_of_the_works(workers: int) -> None:
    futures = run_in_daemon([lambda number=number: number for number in range(50)], workers=workers)  # type: ignore[misc]
    assert [future.result(10) for future in futures] == list(range(50))


def test_only_so_many_work_at_a_time() -> None:
    lock, now, most = threading.Lock(), 0, 0

    def work() -> None:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        time.sleep(0.01)
        with lock:
            now -= 1

    wait(run_in_daemon([work] * 20, workers=4), timeout=30)
    assert most <= 4


def test_nothing_to_do_is_nothing() -> None:
    assert run_in_daemon([], workers=0) == []


def test_a_process_ends_while_work_hangs() -> None:
    script = """
import time
from django_minio_backend.health.deadline import run_with_timeout
try:
    run_with_timeout(0.05, lambda: time.sleep(600))
except TimeoutError:
    print("over")
"""
    done = run_python("-c", script)
    assert (done.stdout, done.returncode) == ("over\n", 0), done.stderr
