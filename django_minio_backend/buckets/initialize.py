"""Initializes the buckets of storages: the work of initialize_buckets and of the check on start."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from ..errors import BucketsNotReadyError, ConfigurationError, PoliciesNotSupportedError
from ..health.explanations import explain
from ..health.preflight import preflight_problem
from ..health.status import server_status
from ..redaction.escaping import escape_control_characters
from ..s3.errors import FAILURES
from ..transport.request_log import ContextThreads
from . import conditional_writes, cors_rules
from .plan import BucketPlan, BucketSpec, apply_all

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from ..options.fields import StorageOptions
    from ..s3.client import S3Client
SERVERS = 16  # in parallel
NEEDED = "s3:CreateBucket, s3:GetBucketPolicy, s3:PutBucketPolicy, s3:DeleteBucketPolicy and s3:PutBucketAcl"
PROBE_NEEDED = "s3:GetBucketVersioning, s3:PutObject and s3:DeleteObject"


class StorageWithBuckets(Protocol):
    """What this module uses of a MinioBackend, which is in a room above this one."""

    options: StorageOptions

    @property
    def bucket(self) -> str: ...  # noqa: D102 - as MinioBackend documents them

    @property
    def s3(self) -> S3Client: ...  # noqa: D102

    def bucket_specs(self) -> list[BucketSpec]: ...  # noqa: D102


@dataclass
class _ServerReport:
    """Lines on one server.

    Attributes:
        changes: for each bucket that was changed, or is to be.
        remarks: neither a change nor a failure.
        failures: what could not be done.
    """

    changes: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)


def initialize(
    storages: Iterable[StorageWithBuckets],
    others: Iterable[StorageWithBuckets] = (),
    report: Callable[[str], None] = lambda _: None,
    *,
    dry_run: bool = False,
    probe: bool = False,
    failures: Sequence[str] = (),
) -> bool:
    """Create the buckets of these storages and set their policies: servers and buckets in parallel.

    Args:
        storages: the storages.
        others: all in STORAGES, whose settings for the same buckets count as well.
        report: takes a line for each bucket that was changed (or with ``dry_run`` is to be), and remarks.
        dry_run: whether to change nothing.
        probe: whether to probe if the servers honour conditional writes, by objects that are deleted again.
        failures: earlier failures, to be raised together with those of this function.

    Returns:
        Whether there was nothing to change.

    Raises:
        BucketsNotReadyError: after all the others are done, with each bucket that failed and why.
    """
    usable, without_client = _with_clients(storages)
    failures = [*failures, *without_client]

    def work(group: tuple[list[StorageWithBuckets], list[BucketSpec]]) -> _ServerReport:
        return _initialize_server(*group, dry_run=dry_run, probe=probe and not dry_run)

    with ContextThreads(max_workers=SERVERS) as pool:
        reports = list(pool.map(work, specs_by_client(usable, others)))
    for server in reports:
        for line in (*server.changes, *server.remarks):
            report(escape_control_characters(line))
        failures += server.failures
    if failures:  # they quote servers, and a terminal shows this error where it ends the start of a process
        raise BucketsNotReadyError("\n".join(map(escape_control_characters, failures)))
    return not any(server.changes for server in reports)


def specs_by_client(
    storages: Iterable[StorageWithBuckets], others: Iterable[StorageWithBuckets] = ()
) -> list[tuple[list[StorageWithBuckets], list[BucketSpec]]]:
    """The storages by client, that is by server and account, with the specs of their buckets, each bucket once.

    A policy hook wins over public, and public over private: a static bucket that another alias lists is public.
    The specs of ``others`` count for that as well, whatever their account.
    """
    storages = list(storages)
    settled: dict[tuple[str, str], BucketSpec] = {}
    for storage in (*storages, *others):
        for spec in storage.bucket_specs():
            known = settled.setdefault((storage.options.base_url(), spec.name), spec)
            if (spec.hook is not None, spec.public) > (known.hook is not None, known.public):
                settled[storage.options.base_url(), spec.name] = spec
    by_client: dict[S3Client, tuple[list[StorageWithBuckets], dict[str, BucketSpec]]] = {}
    for storage in storages:
        sharing, specs = by_client.setdefault(storage.s3, ([], {}))
        sharing.append(storage)
        specs.update({spec.name: settled[storage.options.base_url(), spec.name] for spec in storage.bucket_specs()})
    return [(sharing, list(specs.values())) for sharing, specs in by_client.values()]


def _with_clients(storages: Iterable[StorageWithBuckets]) -> tuple[list[StorageWithBuckets], list[str]]:
    """The storages that have a client, and why others have none: a function that makes credentials can fail."""
    usable: list[StorageWithBuckets] = []
    failures: list[str] = []
    for storage in storages:
        try:
            storage.s3  # noqa: B018 - makes the client
            usable.append(storage)
        except ConfigurationError as error:
            failures += error.problems
    return usable, failures


def _initialize_server(
    storages: Sequence[StorageWithBuckets], specs: Sequence[BucketSpec], *, dry_run: bool, probe: bool
) -> _ServerReport:
    """Do the work for the storages that share one client."""
    client, options, report = storages[0].s3, storages[0].options, _ServerReport()
    status = server_status(client, options)
    if not status:
        report.failures.append(f"No server at {options.base_url()}: {status.details}")
        return report
    results = apply_all(client, specs, dry_run=dry_run)
    _report_failures(results, options, report)
    plans = [result for result in results.values() if isinstance(result, BucketPlan)]
    _report_plans(plans, options, report, done=not dry_run)
    existing = [name for name, result in results.items() if isinstance(result, (BucketPlan, PoliciesNotSupportedError))]
    _apply_cors_rules(storages, existing, report, dry_run=dry_run)
    if probe and existing:
        _probe_conditional_writes(storages, existing, report)
    return report


def _report_failures(
    results: Mapping[str, BucketPlan | Exception], options: StorageOptions, report: _ServerReport
) -> None:
    by_reason: dict[str, list[str]] = {}
    for name, result in results.items():
        if isinstance(result, PoliciesNotSupportedError):
            report.failures.append(f"Bucket '{name}' at {options.base_url()}: {result}")
        elif isinstance(result, Exception):
            by_reason.setdefault(explain(result, options, needed=NEEDED), []).append(f"'{name}'")
    report.failures += [
        f"{'Bucket' if len(names) == 1 else 'Buckets'} {', '.join(names)} at {options.base_url()}: {reason}"
        for reason, names in by_reason.items()
    ]


def _report_plans(plans: Iterable[BucketPlan], options: StorageOptions, report: _ServerReport, *, done: bool) -> None:
    """Report differences, and each ACL that cannot be read or corrected."""
    unread: dict[str, list[str]] = {}
    for bucket in plans:
        where = f"Bucket '{bucket.spec.name}' at {options.base_url()}"
        if not bucket.in_sync:
            report.changes.append(f"{where}: {bucket.describe(done=done)}")
        if bucket.open_acl:
            report.failures.append(
                f"{where}: the bucket is private, but its ACL lets everyone in ({bucket.open_acl}). It has grants to "
                "other accounts as well: remove this grant with the server's own tools."
            )
        if bucket.acl_error is not None:
            reason = explain(bucket.acl_error, options, needed="s3:GetBucketAcl")
            unread.setdefault(reason, []).append(f"'{bucket.spec.name}'")
    report.remarks += [
        f"The ACL of {', '.join(names)} at {options.base_url()} could not be read, so it may let everyone in: {reason}"
        for reason, names in unread.items()
    ]


def _apply_cors_rules(
    storages: Sequence[StorageWithBuckets], existing: Sequence[str], report: _ServerReport, *, dry_run: bool
) -> None:
    """Let the pages of MINIO_CORS_ORIGINS upload to their storages' buckets, or report those that may not."""
    client, options = storages[0].s3, storages[0].options
    for bucket, origins in _cors_origins(storages).items():
        if bucket not in existing:
            continue
        where = f"Bucket '{bucket}' at {options.base_url()}"
        try:
            missing = cors_rules.missing_origins(client, bucket, origins)
            if missing and not dry_run:
                cors_rules.allow(client, bucket, origins)
            elif missing:  # MinIO allows every origin by default, and only a change shows that it has no rules
                url = f"{client.bucket_url(bucket)}/x"
                missing = [origin for origin in missing if preflight_problem(client.guarded_http, url, origin)]
        except cors_rules.CorsNotSupportedError:
            report.remarks.append(
                f"The server at {options.base_url()} has no CORS rules of buckets. On MinIO, set the server's "
                f"MINIO_API_CORS_ALLOW_ORIGIN to {','.join(origins)}, or leave it unset, which allows every origin."
            )
        except FAILURES as error:
            reason = explain(error, options, needed="s3:GetBucketCORS and s3:PutBucketCORS")
            report.failures.append(f"{where}: the CORS rules could not be {'read' if dry_run else 'set'}: {reason}")
        else:
            if missing:
                state = "is not set" if dry_run else "set"
                report.changes.append(f"{where}: CORS rule {state} ({', '.join(missing)})")


def _cors_origins(storages: Iterable[StorageWithBuckets]) -> dict[str, list[str]]:
    """The origins whose pages upload, each once, by bucket; none for buckets of static files."""
    origins: dict[str, list[str]] = {}
    for storage in storages:
        takes_uploads = any(spec.staging_prefix for spec in storage.bucket_specs() if spec.name == storage.bucket)
        if takes_uploads and storage.options.cors_origins:
            origins.setdefault(storage.bucket, []).extend(storage.options.cors_origins)
    return {bucket: list(dict.fromkeys(listed)) for bucket, listed in origins.items()}


def _probe_conditional_writes(
    storages: Sequence[StorageWithBuckets], existing: Sequence[str], report: _ServerReport
) -> None:
    """Probe the server's conditional writes, and compare the result with the settings that depend on it."""
    dependent = [storage for storage in storages if not storage.options.replace_existing]
    if not dependent:
        return
    storage = next((storage for storage in dependent if storage.bucket in existing), dependent[0])
    endpoint = storage.options.base_url()
    names = sorted(existing, key=lambda name: name != storage.bucket)
    try:
        result = conditional_writes.probe(storage.s3, names, storage.options.key_prefix)
    except FAILURES as error:
        reason = explain(error, storage.options, needed=PROBE_NEEDED)
        report.remarks.append(f"Conditional writes at {endpoint} could not be probed: {reason}")
        return
    if result is None:
        report.remarks.append(f"Conditional writes at {endpoint} were not probed: every bucket has versions.")
        return
    by_setting: dict[bool | str, list[str]] = {}
    for storage in dependent:
        label = f"'{storage.options.alias}'" if storage.options.alias else repr(storage)
        by_setting.setdefault(storage.options.conditional_writes, []).append(label)
    for setting, labels in by_setting.items():
        line = conditional_writes.describe(result, setting, endpoint, dict.fromkeys(labels))
        is_dangerous = conditional_writes.is_dangerous(result, setting)
        (report.failures if is_dangerous else report.remarks).append(line)
