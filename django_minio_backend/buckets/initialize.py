"""Brings the buckets of storages into being: the work of initialize_buckets and of the check on start."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..aliases import wanted_by_account
from ..errors import BucketsNotReadyError, ConfigurationError, PoliciesNotSupportedError
from ..health.explanations import explained
from ..orphans.references import file_fields
from ..redaction.escaping import escape_control_characters
from ..storage import MinioBackend
from . import conditional_writes as trials
from . import cors
from . import plan as buckets

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from .plan import BucketPlan, WantedBucket

SERVERS = 16  # looked at in parallel
NEEDED = "s3:CreateBucket, s3:GetBucketPolicy, s3:PutBucketPolicy, s3:DeleteBucketPolicy and s3:PutBucketAcl"


@dataclass
class _Outcome:
    """What came of one server.

    Attributes:
        changes: a line for each bucket that was changed, or is to be.
        remarks: lines about what is neither a change nor a failure.
        failures: lines about what could not be done.
    """

    changes: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)


def initialize(
    found: Iterable[MinioBackend],
    tell: Callable[[str], None] = lambda _: None,
    *,
    change: bool = True,
    try_conditional_writes: bool = False,
    failures: Sequence[str] = (),
) -> bool:
    """Make every bucket of these storages what its settings say: servers and buckets in parallel.

    Args:
        found: the storages.
        tell: takes one line for each bucket that was (or, without ``change``, is to be) changed, and one for
            what a server makes of conditional writes.
        change: False to look only.
        try_conditional_writes: find out whether the servers honour them, by an object that is removed again.

        failures: what could not be done before; told with the others in the end.

    Returns:
        Whether all was right already.

    Raises:
        BucketsNotReadyError: after all the others are done, with each bucket that failed and why.
    """
    usable, failed = _with_credentials(found)
    failures = [*failures, *failed]

    def work(account: tuple[MinioBackend, list[WantedBucket]]) -> _Outcome:
        storage, wanted = account
        sharing = [other for other in usable if other.s3 is storage.s3]
        return _one_server(sharing, wanted, change=change, try_conditional_writes=try_conditional_writes)

    with ThreadPoolExecutor(max_workers=SERVERS) as pool:
        outcomes = list(pool.map(work, wanted_by_account(usable)))
    for outcome in outcomes:
        for line in (*outcome.changes, *outcome.remarks):
            tell(escape_control_characters(line))
        failures += outcome.failures
    if failures:  # servers have a say in them, and this error may end the start of a process: a terminal shows it
        raise BucketsNotReadyError("\n".join(map(escape_control_characters, failures)))
    return not any(outcome.changes for outcome in outcomes)


def storages_of_fields() -> tuple[list[MinioBackend], list[str]]:
    """The MinIO storages of all file fields, which may name buckets in code; and why some cannot be made.

    No database is asked: buckets are made before tables are.
    """
    found: list[MinioBackend] = []
    failures: list[str] = []
    for model, file_field in file_fields():
        storage = file_field.storage
        try:
            if isinstance(storage, MinioBackend) and storage.is_of_these_settings():  # a lazy one is made here
                found.append(storage)
        except Exception as error:  # noqa: BLE001 - whatever the project's storage raises
            failures.append(f"The storage of {model._meta.label}.{file_field.name} cannot be made: {error}")
    return found, failures


def _with_credentials(found: Iterable[MinioBackend]) -> tuple[list[MinioBackend], list[str]]:
    """The storages that have a client, and why others have none: a function that makes credentials can fail."""
    usable: list[MinioBackend] = []
    failures: list[str] = []
    for storage in found:
        try:
            storage.s3  # noqa: B018 - makes the client
            usable.append(storage)
        except ConfigurationError as error:
            failures += error.problems
    return usable, failures


def _one_server(
    sharing: Sequence[MinioBackend], wanted: Sequence[WantedBucket], *, change: bool, try_conditional_writes: bool
) -> _Outcome:
    """Do all for the storages that share one server and account."""
    storage, outcome = sharing[0], _Outcome()
    status = storage.is_minio_available()
    if not status:
        outcome.failures.append(f"No server at {storage.server_url}: {status.details}")
        return outcome
    refused: dict[str, list[str]] = {}
    unread: dict[str, list[str]] = {}
    there = []
    for name, result in buckets.plan_all(storage.s3, wanted, change=change).items():
        if isinstance(result, PoliciesNotSupportedError):
            there.append(name)
            outcome.failures.append(f"Bucket '{name}' at {storage.server_url}: {result}")
        elif isinstance(result, Exception):
            reason = explained(result, storage.options, needed=NEEDED)
            refused.setdefault(reason, []).append(f"'{name}'")
        else:
            there.append(name)
            if not result.is_right:
                outcome.changes.append(f"Bucket '{name}' at {storage.server_url}: {result.told(done=change)}")
            _tell_of_acl(storage, result, outcome, unread)
    outcome.failures += [
        f"{'Bucket' if len(names) == 1 else 'Buckets'} {', '.join(names)} at {storage.server_url}: {reason}"
        for reason, names in refused.items()
    ]
    outcome.remarks += [
        f"The ACL of {', '.join(names)} at {storage.server_url} could not be read, so it may let everyone in: {reason}"
        for reason, names in unread.items()
    ]
    _report_cors(sharing, there, outcome, change=change)
    if change and try_conditional_writes and there:
        _tell_of_conditional_writes(sharing, there, outcome)
    return outcome


def _tell_of_acl(storage: MinioBackend, plan: BucketPlan, outcome: _Outcome, unread: dict[str, list[str]]) -> None:
    """Note an ACL that cannot be corrected, or not even be read."""
    name = plan.wanted.name
    if plan.open_acl:
        outcome.failures.append(
            f"Bucket '{name}' at {storage.server_url}: the bucket is private, but its ACL lets everyone in "
            f"({plan.open_acl}). It names other accounts as well: take this grant back with the server's own tools."
        )
    if plan.acl_error is not None:
        reason = explained(plan.acl_error, storage.options, needed="s3:GetBucketAcl")
        unread.setdefault(reason, []).append(f"'{name}'")


def _report_cors(sharing: Sequence[MinioBackend], there: Sequence[str], outcome: _Outcome, *, change: bool) -> None:
    """Let the pages of MINIO_CORS_ORIGINS upload to their storages' buckets, or report which are not let."""
    from ..s3.errors import FAILURES

    origins: dict[str, list[str]] = {}
    for storage in sharing:
        if storage.bucket in there and storage.bucket not in storage.static_buckets:
            origins.setdefault(storage.bucket, []).extend(storage.options.cors_origins)
    client, server = sharing[0].s3, sharing[0].server_url
    for bucket, wanted in ((bucket, list(dict.fromkeys(wanted))) for bucket, wanted in origins.items() if wanted):
        try:
            missing = cors.missing_origins(client, bucket, wanted)
            if missing and change:
                cors.allow(client, bucket, wanted)
            elif missing:  # MinIO without a setting allows every origin, and only a change shows that it has no rules
                url = f"{client.address(bucket)}/x"
                missing = [one for one in missing if cors.preflight_problem(client.http, url, one)]
        except cors.CorsNotSupportedError:
            outcome.remarks.append(
                f"The server at {server} has no CORS rules for single buckets. On MinIO, set the server's "
                f"MINIO_API_CORS_ALLOW_ORIGIN to {','.join(wanted)}, or leave it unset, which allows every origin."
            )
        except FAILURES as error:
            reason = explained(error, sharing[0].options, needed="s3:GetBucketCORS and s3:PutBucketCORS")
            outcome.failures.append(f"The CORS rule of bucket '{bucket}' at {server}: {reason}")
        else:
            if missing:
                state = "set" if change else "is not set"
                outcome.changes.append(f"Bucket '{bucket}' at {server}: CORS rule {state} ({', '.join(missing)})")


def _tell_of_conditional_writes(sharing: Sequence[MinioBackend], there: Sequence[str], outcome: _Outcome) -> None:
    """Find out what the server makes of conditional writes, and compare it with the settings that depend on it."""
    from ..s3.errors import FAILURES

    concerned = [one for one in sharing if not one.replace_existing]
    if not concerned:
        return
    storage = next((one for one in concerned if one.bucket in there), concerned[0])
    names = sorted(there, key=lambda name: name != storage.bucket)
    try:
        found = trials.conditional_writes(storage.s3, names, storage.options.location)
    except FAILURES as error:
        outcome.remarks.append(
            f"Conditional writes at {storage.server_url} could not be tried: "
            f"{explained(error, storage.options, needed='s3:GetBucketVersioning, s3:PutObject and s3:DeleteObject')}"
        )
        return
    if found is None:
        outcome.remarks.append(f"Conditional writes at {storage.server_url} were not tried: every bucket has versions.")
        return
    example = " (MinIO with several server pools does so)" if found is trials.ConditionalWrites.UNRELIABLE else ""
    by_setting: dict[bool | str, list[str]] = {}
    for one in concerned:
        named = f"'{one.options.alias}'" if one.options.alias else repr(one)
        by_setting.setdefault(one.options.conditional_writes, []).append(named)
    for setting, aliases in by_setting.items():
        concerned_aliases = ", ".join(dict.fromkeys(aliases))
        line = (
            f"The server at {storage.server_url} {found.value} conditional writes{example}. "
            f"MINIO_CONDITIONAL_WRITES of {concerned_aliases} is {setting!r}: {trials.ADVICE[found, setting]}."
        )
        (outcome.failures if trials.is_dangerous(found, setting) else outcome.remarks).append(line)
