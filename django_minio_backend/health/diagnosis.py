"""Diagnoses the access of a storage to its server: clock, region, credentials, and permissions in each bucket."""

from __future__ import annotations

import secrets
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, timedelta
from functools import partial
from typing import TYPE_CHECKING

from ..errors import ConfigurationError
from ..object_urls.urls import bucket_url
from ..s3.errors import FAILURES
from ..s3.registry import without_retries
from ..s3.responses import TruncatedResponse, time_of
from .deadline import run_in_daemon, run_with_timeout
from .explanations import Cause, cause_of, explain
from .preflight import preflight_problem
from .status import server_status

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ..options.fields import StorageOptions
    from ..s3.client import S3Client
TIMEOUT = 3.0  # seconds, to connect and for each read
DEADLINE = 8.0  # seconds for all requests
WORKERS = 32  # buckets in parallel
ROUNDING = timedelta(seconds=5)  # whole seconds in the header, and the time that the response takes
MAX_SKEW = timedelta(minutes=15)  # RequestTimeTooSkewed beyond it: the S3 API's reference, "Error responses"


@dataclass(frozen=True)
class Finding:
    """The result of one check.

    Attributes:
        subject: what was checked, such as "credentials".
        is_right: None if it was not checked.
        text: the result, and what to do if it is wrong.
    """

    subject: str
    is_right: bool | None
    text: str

    def __str__(self) -> str:
        return f"{self.subject}: {self.text}"


def diagnose(get_client: Callable[[], S3Client], options: StorageOptions, buckets: Sequence[str]) -> list[Finding]:
    """Check everything that a storage needs of its server, within seconds and whatever the server does.

    Nothing is stored: write access to a bucket is proved by a multipart upload that is created and aborted.

    Args:
        get_client: returns the storage's client, or raises ConfigurationError.
        options: of the storage.
        buckets: names of its buckets.
    """
    until = time.monotonic() + DEADLINE
    try:
        client = run_with_timeout(DEADLINE / 2, get_client)
    except ConfigurationError as error:
        return [_wrong("settings", " ".join(error.problems)), _not_checked()]
    except TimeoutError:  # of a function that makes credentials
        return [_wrong("credentials", "MINIO_CREDENTIALS takes too long"), _not_checked()]
    status = server_status(client, options)
    findings = [Finding("server", bool(status), status.details.replace("\n", " "))]
    if not status:
        return [*findings, _not_checked("clock", "region", "credentials")]
    quick = without_retries(client, options, seconds=TIMEOUT)
    findings += _account(quick, options, until)
    if not findings[-1].is_right:
        return findings
    return [*findings, *_buckets(quick, options, buckets, until), *_preflights(quick, options, buckets, until)]


def _account(client: S3Client, options: StorageOptions, until: float) -> list[Finding]:
    """Check clock, region and credentials by one signed request; the last finding is right if it is accepted."""
    try:
        headers: Mapping[str, str] = run_with_timeout(until - time.monotonic(), client.identify).headers
        error = None
    except FAILURES as caught:
        error = caught
        headers = getattr(getattr(error, "response", None), "headers", None) or {}
    cause = cause_of(error) if error else None
    clock = _clock(headers, refused=cause is Cause.CLOCK)
    if error is None or cause is Cause.FORBIDDEN:  # the credentials are valid; listing all buckets is not needed
        return [clock, _right("region", f"'{options.region}' is accepted"), _right("credentials", "accepted")]
    reason = explain(error, options) or f"no complete response within {DEADLINE:.0f} seconds"
    if cause is Cause.CLOCK:
        return [clock, _not_checked("region", "credentials")]
    if cause is Cause.REGION:
        return [clock, _wrong("region", reason), _not_checked("credentials")]
    if cause in {Cause.SECRET_KEY, Cause.ACCESS_KEY, Cause.TOKEN}:
        return [clock, _wrong("credentials", reason), _not_checked("region")]
    return [clock, _wrong("credentials", f"could not be checked: {reason}"), _not_checked("region")]


def _right(subject: str, text: str) -> Finding:
    return Finding(subject, is_right=True, text=text)


def _wrong(subject: str, text: str) -> Finding:
    return Finding(subject, is_right=False, text=text)


def _not_checked(*subjects: str) -> Finding:
    text = ", ".join([*subjects, "access to the buckets"])
    return Finding("not checked", None, f"{text}; fix the problem above first")


def _clock(headers: Mapping[str, str], *, refused: bool) -> Finding:
    """Compare the clock that signs requests with the server's."""
    from minio import time as signing_time

    try:
        server = time_of(headers, "date")
    except TruncatedResponse:
        return Finding("clock", not refused, "the server sends no Date header")
    here = signing_time.utcnow()
    apart = (here if here.tzinfo else here.replace(tzinfo=UTC)) - server
    seconds = round(apart.total_seconds())
    difference = f"{abs(seconds)} s {'ahead of' if seconds > 0 else 'behind'} the server's"
    if not refused and abs(apart) < MAX_SKEW:
        return _right("clock", "right" if abs(apart) <= ROUNDING else difference)
    return _wrong("clock", f"{difference}; set this machine's clock or the server's, by NTP for example")


def _buckets(client: S3Client, options: StorageOptions, buckets: Sequence[str], until: float) -> list[Finding]:
    """Check all buckets in parallel; a bucket that takes too long is reported as not checked."""
    checks = [partial(_bucket, client, options, name) for name in buckets]
    findings = []
    for name, future in zip(buckets, run_in_daemon(checks, workers=WORKERS), strict=True):
        try:
            findings.append(future.result(max(until - time.monotonic(), 0)))
        except TimeoutError:
            findings.append(Finding(f"bucket '{name}'", None, f"no response within {DEADLINE:.0f} seconds"))
    return findings


def _preflights(client: S3Client, options: StorageOptions, buckets: Sequence[str], until: float) -> list[Finding]:
    """Send a preflight to the storage's own bucket for each of MINIO_CORS_ORIGINS."""
    bucket = options.bucket_name or options.default_bucket
    if not options.cors_origins or bucket not in buckets:  # such as the bucket of static files
        return []
    url = f"{bucket_url(options, bucket)}/{options.uploads_prefix}health-check"
    preflights = [partial(preflight_problem, client.guarded_http, url, origin) for origin in options.cors_origins]
    findings = []
    for origin, future in zip(options.cors_origins, run_in_daemon(preflights, workers=WORKERS), strict=True):
        subject = f"uploads from {origin} to bucket '{bucket}'"
        try:
            problem = future.result(max(until - time.monotonic(), 0))
        except (TimeoutError, *FAILURES) as error:
            findings.append(Finding(subject, None, f"not checked: {explain(error, options) or error}"))
            continue
        advice = "run initialize_buckets, or set MINIO_API_CORS_ALLOW_ORIGIN of MinIO"
        findings.append(_wrong(subject, f"{problem}; {advice}") if problem else _right(subject, "allowed"))
    return findings


def _bucket(client: S3Client, options: StorageOptions, bucket: str) -> Finding:
    """Check the permissions in one bucket: list first, since some servers create uploads in a missing bucket."""
    key = f"{options.key_prefix}health-check-{secrets.token_hex(16)}"
    uploads: list[str] = []
    requests: dict[tuple[str, str], Callable[[], object]] = {
        ("list", "s3:ListBucket"): lambda: client.list_one(bucket, options.location),
        ("read", "s3:GetObject"): lambda: _read(client, bucket, key),
        ("write", "s3:PutObject"): lambda: uploads.append(client.create_upload(bucket, key, {})),
    }
    allowed: list[str] = []
    refused: dict[str, str] = {}  # permissions by action
    try:
        for (action, permission), request in requests.items():
            if _is_allowed(request):
                allowed.append(action)
            else:
                refused[action] = permission
        if uploads and not _is_allowed(lambda: client.request("DELETE", bucket, {"uploadId": uploads[0]}, key=key)):
            refused["abort uploads"] = "s3:AbortMultipartUpload"
    except FAILURES as error:
        return _wrong(f"bucket '{bucket}'", explain(error, options))
    text = f"the account may {_joined(allowed, 'and')}" if allowed else ""
    if refused:
        not_allowed = f"{'but' if allowed else 'the account may'} not {_joined([*refused], 'or')}"
        text = f"{text} {not_allowed}; allow it {_joined([*refused.values()], 'and')}".strip()
    return Finding(f"bucket '{bucket}'", not refused, text)


def _is_allowed(request: Callable[[], object]) -> bool:
    """Whether the account may send this request; errors other than a missing permission are raised."""
    try:
        request()
    except FAILURES as error:
        if cause_of(error) is not Cause.FORBIDDEN:
            raise
        return False
    return True


def _read(client: S3Client, bucket: str, key: str) -> None:
    """GET an object that does not exist: 404 is returned to those who may read."""
    with suppress(FileNotFoundError):
        client.get(bucket, key, {})


def _joined(words: Sequence[str], conjunction: str) -> str:
    return f" {conjunction} ".join(filter(None, [", ".join(words[:-1]), words[-1]]))
