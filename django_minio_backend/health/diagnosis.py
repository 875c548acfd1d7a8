"""What is wrong between a storage and its server: clock, region, keys, and what may be done in each bucket."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from datetime import UTC, timedelta
from email.utils import parsedate_to_datetime
from functools import partial
from typing import TYPE_CHECKING

from ..errors import ConfigurationError
from .deadline import started, within
from .explanations import Cause, cause_of, explained
from .status import server_status

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ..options.fields import StorageOptions
    from ..s3.client import S3Client
    from ..storage import MinioBackend

TIMEOUT = 3.0  # seconds, to connect and for each read
DEADLINE = 8.0  # seconds for everything
WORKERS = 32  # buckets asked in parallel
ROUNDING = timedelta(seconds=5)  # whole seconds in the header, and the answer's way
MAX_SKEW = timedelta(minutes=15)  # RequestTimeTooSkewed beyond it: the S3 API's reference, "Error responses"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        subject: what it is about, such as "credentials".
        is_right: True or False; None if that could not be found out.
        text: what was found, and what to do if it is wrong.
    """

    subject: str
    is_right: bool | None
    text: str

    def __str__(self) -> str:
        return f"{self.subject}: {self.text}"


def diagnose_all(found: Mapping[str, MinioBackend]) -> dict[str, list[Finding]]:
    """``diagnose`` for many storages, by alias, all at the same time."""
    futures = started([partial(diagnose, storage) for storage in found.values()], workers=len(found))
    return {alias: future.result() for alias, future in zip(found, futures, strict=True)}


def diagnose(storage: MinioBackend) -> list[Finding]:
    """Look at everything that a storage needs of its server, within seconds and whatever the server does.

    Nothing is stored: a bucket is proven writable by a multipart upload that is begun and given up.
    """
    from ..s3.registry import without_retries

    until = time.monotonic() + DEADLINE
    options = storage.options
    buckets = [wanted.name for wanted in storage.wanted_buckets()]
    try:
        client = within(DEADLINE / 2, lambda: storage.s3)
    except ConfigurationError as error:
        return [_wrong("settings", str(error)), _not_asked()]
    except TimeoutError:  # of a function that makes credentials
        return [_wrong("credentials", "MINIO_CREDENTIALS takes too long"), _not_asked()]
    status = server_status(client, options)
    findings = [Finding("server", bool(status), status.details.replace("\n", " "))]
    if not status:
        return [*findings, _not_asked("clock", "region", "credentials")]
    quick = without_retries(client, options, seconds=TIMEOUT)
    findings += _account(quick, options, until)
    if not findings[-1].is_right:
        return findings
    return [*findings, *_buckets(quick, options, buckets, until)]


def _account(client: S3Client, options: StorageOptions, until: float) -> list[Finding]:
    """Clock, region and credentials, by one signed request. The last finding is right if requests are accepted."""
    from ..s3.errors import FAILURES

    try:
        headers: Mapping[str, str] = within(until - time.monotonic(), client.identify).headers
        error = None
    except FAILURES as caught:
        error = caught
        headers = getattr(getattr(error, "response", None), "headers", None) or {}
    cause = cause_of(error) if error else None
    clock = _clock(headers, refused=cause is Cause.CLOCK)
    if error is None or cause is Cause.FORBIDDEN:  # known, but not allowed to list all buckets, which is not needed
        right = _right("region", f"'{options.region}' is accepted"), _right("credentials", "accepted")
        return [clock, *right]
    said = explained(error, options) or f"no whole answer within {DEADLINE:.0f} seconds"
    if cause is Cause.CLOCK:
        return [clock, _not_asked("region", "credentials")]
    if cause is Cause.REGION:
        return [clock, _wrong("region", said), _not_asked("credentials")]
    if cause in {Cause.SECRET_KEY, Cause.ACCESS_KEY, Cause.TOKEN}:
        return [clock, _wrong("credentials", said), _not_asked("region")]
    return [clock, _wrong("credentials", f"could not be tried: {said}"), _not_asked("region")]


def _right(subject: str, text: str) -> Finding:
    return Finding(subject, is_right=True, text=text)


def _wrong(subject: str, text: str) -> Finding:
    return Finding(subject, is_right=False, text=text)


def _not_asked(*subjects: str) -> Finding:
    return Finding(
        "not checked", None, f"{', '.join([*subjects, 'access to the buckets'])}; fix the problem above first"
    )


def _clock(headers: Mapping[str, str], *, refused: bool) -> Finding:
    """How far the clock that requests are signed by is from the server's."""
    from minio import time as signing_time

    try:
        server = parsedate_to_datetime(headers.get("date", ""))
    except ValueError:
        return Finding("clock", not refused, "the server does not tell its time")
    server = server if server.tzinfo else server.replace(tzinfo=UTC)  # "-0000" is UTC as well
    here = signing_time.utcnow()
    apart = (here if here.tzinfo else here.replace(tzinfo=UTC)) - server
    seconds = round(apart.total_seconds())
    told = f"{abs(seconds)} s {'ahead of' if seconds > 0 else 'behind'} the server's"
    if not refused and abs(apart) < MAX_SKEW:
        return _right("clock", "right" if abs(apart) <= ROUNDING else told)
    return _wrong("clock", f"{told}; set this machine's clock or the server's, by NTP for example")


def _buckets(client: S3Client, options: StorageOptions, buckets: Sequence[str], until: float) -> list[Finding]:
    """Ask about all buckets in parallel; those that time does not suffice for are said not to be known."""
    works = [partial(_bucket, client, options, name) for name in buckets]
    findings = []
    for name, future in zip(buckets, started(works, workers=WORKERS), strict=True):
        try:
            findings.append(future.result(max(until - time.monotonic(), 0)))
        except TimeoutError:
            findings.append(Finding(f"bucket '{name}'", None, f"no answer within {DEADLINE:.0f} seconds"))
    return findings


def _bucket(client: S3Client, options: StorageOptions, bucket: str) -> Finding:
    """What may be done in one bucket; listed first, as a server may begin an upload into a bucket that is missing."""
    from ..s3.errors import FAILURES

    key = "/".join(filter(None, [options.location, f"health-check-{secrets.token_hex(16)}"]))
    begun: list[str] = []
    questions: dict[tuple[str, str], Callable[[], object]] = {
        ("list", "s3:ListBucket"): lambda: client.list_one(bucket, options.location),
        ("read", "s3:GetObject"): lambda: _read(client, bucket, key),
        ("write", "s3:PutObject"): lambda: begun.append(client.create_upload(bucket, key, {})),
    }
    allowed, refused, permissions = [], [], []
    try:
        for (deed, permission), ask in questions.items():
            if _is_allowed(ask):
                allowed.append(deed)
            else:
                refused.append(deed)
                permissions.append(permission)
        if begun and not _is_allowed(lambda: client.request("DELETE", bucket, {"uploadId": begun[0]}, key=key)):
            refused.append("give up uploads")
            permissions.append("s3:AbortMultipartUpload")
    except FAILURES as error:
        return _wrong(f"bucket '{bucket}'", explained(error, options))
    told = f"the account may {_joined(allowed, 'and')}" if allowed else ""
    if refused:
        not_allowed = f"{'but' if allowed else 'the account may'} not {_joined(refused, 'or')}"
        told = f"{told} {not_allowed}; allow it {_joined(permissions, 'and')}".strip()
    return Finding(f"bucket '{bucket}'", not refused, told)


def _is_allowed(ask: Callable[[], object]) -> bool:
    """Whether the server does what is asked; any refusal but that of permission is raised."""
    from ..s3.errors import FAILURES

    try:
        ask()
    except FAILURES as error:
        if cause_of(error) is not Cause.FORBIDDEN:
            raise
        return False
    return True


def _read(client: S3Client, bucket: str, key: str) -> None:
    """Ask for an object that is not there: who may read is told so."""
    try:
        client.get(bucket, key, {})
    except FileNotFoundError:
        return


def _joined(words: Sequence[str], conjunction: str) -> str:
    return f" {conjunction} ".join(filter(None, [", ".join(words[:-1]), words[-1]]))
