"""A view that reports to load balancers whether the servers of all MinIO storages are available."""

from __future__ import annotations

import os
import threading
import time
from functools import partial
from typing import TYPE_CHECKING, Any

from django.core.signals import setting_changed
from django.http import JsonResponse
from django.views.decorators.http import require_safe

from ..aliases import minio_storages
from ..health.deadline import run_in_daemon

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from ..health.status import MinioServerStatus
    from ..storage import MinioBackend

    Results = dict[str, MinioServerStatus]

SECONDS = 5.0  # that a result is used


class _Checks:
    """The last check of all servers; one thread of the process checks at a time, and nobody waits for it."""

    def __init__(self) -> None:
        self.forget()

    def forget(self, setting: str = "STORAGES", **_: object) -> None:
        """Forget the result: in a forked child, whose lock may be held by no one, and when a test changes settings."""
        if setting == "STORAGES" or setting.startswith("MINIO_"):
            self._lock = threading.Lock()
            self._last: tuple[float, Results] | None = None

    def results(self) -> Results | None:
        """Return the status by alias, which may be older while a thread checks anew; None if there is none yet."""
        last, lock = self._last, self._lock
        if (last is None or time.monotonic() > last[0]) and lock.acquire(blocking=False):
            try:
                results = _check_all()
                self._last = last = time.monotonic() + SECONDS, results
            finally:
                lock.release()
        return last[1] if last else None


_checks = _Checks()
os.register_at_fork(after_in_child=_checks.forget)
setting_changed.connect(_checks.forget)


@require_safe
def storage_health(request: HttpRequest) -> HttpResponse:
    """Respond 200 if the servers of all MinIO storages are available, otherwise 503, with a JSON object.

    Anonymous users see its ``status`` only: ``ok``, ``unavailable``, or ``checking`` (503) while a process that has
    just started checks for the first time. Staff also see ``storages``: for each alias ``available``, the
    ``http_status`` of the server's response (null without one) and the ``details`` in words.

    A process checks at most every 5 seconds, by one thread at a time, within seconds and without retries or
    credentials; everybody else gets the last result at once.
    """
    results = _checks.results()
    is_ok = results is not None and all(results.values())
    body: dict[str, Any] = {"status": "checking" if results is None else "ok" if is_ok else "unavailable"}
    if results is not None and _is_staff(request):
        body["storages"] = {
            alias: {"available": bool(status), "http_status": status.status, "details": status.details}
            for alias, status in results.items()
        }
    headers = {"Cache-Control": "no-store", **({} if results is not None else {"Retry-After": "1"})}
    return JsonResponse(body, status=200 if is_ok else 503, headers=headers)


storage_health.login_required = False  # type: ignore[attr-defined]  # for LoginRequiredMiddleware of Django 5.1


def _check_all() -> Results:
    storages = minio_storages()
    functions = [partial(_status, storage) for storage in storages.values()]
    results = run_in_daemon(functions, workers=len(functions))
    return {alias: future.result() for alias, future in zip(storages, results, strict=True)}


def _status(storage: MinioBackend) -> MinioServerStatus:
    return storage.is_minio_available()


def _is_staff(request: HttpRequest) -> bool:
    user = getattr(request, "user", None)  # without middleware there is none
    return user is not None and user.is_active and user.is_staff
