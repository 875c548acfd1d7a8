"""Markdown for the reference pages, generated from the package: options, commands, system checks, loggers, servers.

A page in docs/ asks for a part by a line `<!-- generated: NAME -->`; NAME is a key of `GENERATORS`.
`python -m tools.reference NAME` prints one.
"""

from __future__ import annotations

import argparse
import inspect
import re
import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import django
from django.conf import settings
from django.core.checks.registry import registry
from django.core.management import get_commands, load_command_class
from django.core.management.base import BaseCommand

import django_minio_backend
from django_minio_backend.options.endpoints import WrongValueError
from django_minio_backend.options.fields import FIELDS, MEBIBYTE, OTHER_SPELLINGS, REQUIRED, Option, StorageOptions
from tools.servers import ALL_CAPABILITIES, CAPABILITIES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

PACKAGE = "django_minio_backend"
ROOT = Path(django_minio_backend.__file__).parent
MARKER = re.compile(r"^<!-- generated: ([a-z-]+) -->$", re.MULTILINE)
BASE_FLAGS = frozenset(
    flag
    for action in BaseCommand().create_parser("", "")._actions  # noqa: SLF001 - argparse has no public list of them
    for flag in action.option_strings
)

OF_4_X = frozenset(
    {
        "MINIO_ENDPOINT",
        "MINIO_ACCESS_KEY",
        "MINIO_SECRET_KEY",
        "MINIO_USE_HTTPS",
        "MINIO_REGION",
        "MINIO_EXTERNAL_ENDPOINT",
        "MINIO_EXTERNAL_ENDPOINT_USE_HTTPS",
        "MINIO_PRIVATE_BUCKETS",
        "MINIO_PUBLIC_BUCKETS",
        "MINIO_DEFAULT_BUCKET",
        "MINIO_STATIC_FILES_BUCKET",
        "MINIO_URL_EXPIRY_HOURS",
        "MINIO_CONSISTENCY_CHECK_ON_START",
        "MINIO_BUCKET_CHECK_ON_SAVE",
        "MINIO_POLICY_HOOKS",
        "MINIO_MULTIPART_UPLOAD",
        "MINIO_MULTIPART_THRESHOLD",
        "MINIO_MULTIPART_PART_SIZE",
        "MINIO_HTTP_CLIENT",
        "MINIO_URL_CACHING_ENABLED",
        "MINIO_URL_CACHE_TIMEOUT",
        "MINIO_URL_CACHE_PREFIX",
        "bucket_name",
        "replace_existing",
        "metadata",
        "sse",
        "progress",
    }
)

# An example of each option, as it is written in OPTIONS. A test gives each to a storage.
EXAMPLES: Mapping[str, str] = {
    "MINIO_ENDPOINT": '"minio.example.com:9000"',
    "MINIO_ACCESS_KEY": 'os.environ["MINIO_ACCESS_KEY"]',
    "MINIO_SECRET_KEY": 'os.environ["MINIO_SECRET_KEY"]',
    "MINIO_SESSION_TOKEN": 'os.environ["AWS_SESSION_TOKEN"]',
    "MINIO_CREDENTIALS": '"documents.credentials.from_iam"',
    "MINIO_USE_HTTPS": "True",
    "MINIO_REGION": '"eu-central-1"',
    "MINIO_VIRTUAL_HOST_STYLE": "True",
    "MINIO_EXTERNAL_ENDPOINT": '"files.example.com"',
    "MINIO_EXTERNAL_ENDPOINT_USE_HTTPS": "True",
    "MINIO_PRIVATE_BUCKETS": '["my-private-files"]',
    "MINIO_PUBLIC_BUCKETS": '["my-public-files"]',
    "MINIO_DEFAULT_BUCKET": '"my-media-files"',
    "MINIO_STATIC_FILES_BUCKET": '"my-static-files"',
    "MINIO_STATIC_GZIP": "True",
    "manifest_storage": 'FileSystemStorage(location=BASE_DIR / "manifest")',
    "MINIO_LOCATION": '"media"',
    "MINIO_UPLOADS_PREFIX": '".staged/"',
    "MINIO_UPLOADS_OPEN": "20",
    "MINIO_UPLOADS_PER_HOUR": "200",
    "MINIO_CORS_ORIGINS": '["https://www.example.com"]',
    "MINIO_URL_EXPIRY_HOURS": "timedelta(hours=2)",
    "MINIO_URL_STABLE_FOR": "timedelta(hours=1)",
    "MINIO_CONSISTENCY_CHECK_ON_START": "True",
    "MINIO_BUCKET_CHECK_ON_SAVE": "True",
    "MINIO_POLICY_HOOKS": '[("my-media-files", {"Version": "2012-10-17", "Statement": []})]',
    "MINIO_CONDITIONAL_WRITES": "True",
    "MINIO_MULTIPART_UPLOAD": "True",
    "MINIO_MULTIPART_THRESHOLD": "64 * 1024**2",
    "MINIO_MULTIPART_PART_SIZE": "16 * 1024**2",
    "MINIO_OBJECT_HEADERS": '{"Cache-Control": "private, max-age=3600"}',
    "MINIO_TRUST_CONTENT_TYPE": "True",
    "MINIO_PUBLIC_BASE_URL": '{"my-public-files": "https://cdn.example.com/files"}',
    "MINIO_SLOW_REQUEST_SECONDS": "2.5",
    "MINIO_HTTP_CLIENT": 'urllib3.PoolManager(timeout=20, cert_reqs="CERT_REQUIRED", ca_certs=certifi.where())',
    "MINIO_URL_CACHING_ENABLED": "True",
    "MINIO_URL_CACHE_TIMEOUT": "3600",
    "MINIO_URL_CACHE_PREFIX": '"shop_urls_"',
    "bucket_name": '"my-media-files"',
    "replace_existing": "True",
    "metadata": '{"department": "sales"}',
    "headers": '{"Content-Language": "en"}',
    "sse": "SseS3()",
    "progress": "UploadProgress()",
    "tags": '{"project": "website"}',
    "retention": "Retention(GOVERNANCE, datetime(2030, 1, 1, tzinfo=UTC))",
    "legal_hold": "True",
    "num_parallel_uploads": "5",
    "num_parallel_downloads": "8",
    "checksum": '"SHA256"',
}

# What a server needs for a feature; a test compares the names with those of `tools.servers`.
CAPABILITY_TEXTS: Mapping[str, str] = {
    "signatures": "Wrong keys, altered presigned URLs and expired ones are refused",
    "stored-policies": "Bucket policies can be set and read",
    "policies": "Bucket policies apply to requests without a signature (public buckets, static files)",
    "conditions": "`If-None-Match: *` is honoured for requests one after the other",
    "conditional-writes": "`If-None-Match: *` is atomic for a single PUT, also for concurrent requests",
    "conditional-multipart": "`If-None-Match: *` is atomic when a multipart upload is completed",
    "tags": "Object tags (`tags`)",
    "versioning": "Versions of objects",
    "object-lock": "Object lock (`retention`, `legal_hold`)",
    "encryption": "Encryption with the server's keys (`sse`), as the tests start it with a key",
    "acls": "Bucket ACLs can let everyone in, and `initialize_buckets` revokes such grants",
    "strict-forms": "Fields of an upload form that its policy does not name are refused",
    "missing-buckets": "An upload into a missing bucket is refused",
    "regions": "A request signed for another region is refused",
    "clocks": "A request signed with a clock that is one hour off is refused",
    "large-crowds": "Fifty concurrent uploads of 20 MiB each complete in time",
    "minio-health": "MinIO's liveness URL",
    "line-breaks": "Keys may contain line breaks",
    "cors": "Buckets have CORS rules",
    "upload-times": "Unfinished uploads are listed with the time when they began",
    "copy-conditions": "A copy within the server honours a condition on its source",
    "sockets": "Requests pass through connection pools and proxies, and come from any process",
}
COMPARED = ("minio", "versity", "seaweedfs", "garage", "moto", "memory")


class Logged(NamedTuple):
    """One call of a logger."""

    logger: str
    level: str
    message: str


def options() -> str:
    """One section for each option, under its name."""
    return "\n".join(_option(option) for option in FIELDS.values())


def _option(option: Option) -> str:
    notes = [f"Also written `{spelling}`." for spelling, name in OTHER_SPELLINGS.items() if name == option.name]
    if option.top_level:
        notes.append("It can also be a setting of its own, outside of `STORAGES`; `OPTIONS` win.")
    if option.secret:
        notes.append("Its value appears in no `repr`, error, log, pickle or migration.")
    rows = {
        "Type": _type(option),
        "Unit": option.unit or "none",
        "Default": _default(option.default),
        "Example": f'`"{option.name}": {EXAMPLES[option.name]}`',
        "Since": "4.x" if option.name in OF_4_X else "5.0",
    }
    meaning = option.meaning.rstrip(".")
    text = f"### {option.name}\n\n{_cell(meaning[:1].upper() + meaning[1:])}. {' '.join(notes)}".rstrip()
    table = "".join(f"| {title} | {_cell(value)} |\n" for title, value in rows.items())
    return f"{text}\n\n| | |\n| --- | --- |\n{table}"


def _type(option: Option) -> str:
    """What the option must be, in the words of its own error; its annotation if it takes any value."""
    try:
        option.parse(object())
    except WrongValueError as error:
        return str(error)
    kind = str(StorageOptions.__annotations__[option.attribute]).removesuffix(" | None")
    return "an object" if kind == "Any" else f"`{kind}`"


def _default(value: object) -> str:
    if value is REQUIRED:
        return "required"
    if value is None or value == ():
        return "none"
    if isinstance(value, timedelta):
        return f"{value.days} days"
    if isinstance(value, int) and value >= MEBIBYTE:
        return f"{value // MEBIBYTE} MiB"
    return "empty" if value == "" else f'`"{value}"`' if isinstance(value, str) else f"`{value}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


def commands() -> str:
    """One section for each command, with a table of its flags."""
    return "\n".join(_command(name) for name, app in sorted(get_commands().items()) if app == PACKAGE)


def _command(name: str) -> str:
    command = load_command_class(PACKAGE, name)
    rows = []
    for action in command.create_parser("manage.py", name)._actions:  # noqa: SLF001 - see BASE_FLAGS
        if BASE_FLAGS.isdisjoint(action.option_strings):
            flags = ", ".join(
                f"`{flag}{f' {action.metavar}' if action.metavar else ''}`" for flag in action.option_strings
            )
            default = f" (default: `{action.default}`)" if _is_default(action) else ""
            text = (action.help or "") % {**vars(action), "prog": "manage.py"}
            rows.append(f"| {flags} | {_cell(text)}{default} |\n")
    help_text = _cell(command.help.strip())
    return f"### {name}\n\n{help_text}\n\n| flag | meaning |\n| --- | --- |\n{''.join(rows)}"


def _is_default(action: argparse.Action) -> bool:
    shown = "default" in (action.help or "")
    return not shown and isinstance(action.default, str | int) and action.default not in {False, True, ""}


def checks() -> str:
    """A table of the system checks, from the first lines of their docstrings."""
    rows = []
    for check in registry.get_checks(include_deployment_checks=True):
        if check.__module__.startswith(PACKAGE):
            identifier, _, meaning = (inspect.getdoc(check) or "").partition("\n")[0].partition(": ")
            command = "`check --deploy`" if check in registry.deployment_checks else "`check`"
            rows.append(f"| `{identifier}` | {command} | {_cell(meaning[:1].upper() + meaning[1:])} |\n")
    return f"| id | shown by | condition |\n| --- | --- | --- |\n{''.join(sorted(rows))}"


def loggers() -> str:
    """A table of all messages that the package logs."""
    rows = [f"| `{call.logger}` | {call.level} | {_cell(call.message)} |\n" for call in logged()]
    return f"| logger | level | message |\n| --- | --- | --- |\n{''.join(rows)}"


def logged() -> Iterator[Logged]:
    """Read the calls of loggers from the package's source."""
    call = re.compile(r"logger\.(debug|info|warning|error|exception)\(\s*((?:\"[^\"]*\"\s*)+)")
    for path in sorted(ROOT.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        own_name = re.search(r"get_logger\(\"([^\"]+)\"\)", text)
        name = own_name[1] if own_name else ".".join((PACKAGE, *path.relative_to(ROOT).with_suffix("").parts))
        for level, literal in call.findall(text):
            message = "".join(re.findall(r'"([^"]*)"', literal))
            yield Logged(name, level.upper(), re.sub(r"%[sd]", "…", message))


def servers() -> str:
    """A table of what each server can do."""
    rows = [
        f"| {text} | {' | '.join('yes' if name in CAPABILITIES[kind] else 'no' for kind in COMPARED)} |\n"
        for name, text in CAPABILITY_TEXTS.items()
    ]
    titles = {
        "minio": "MinIO",
        "versity": "Versity",
        "seaweedfs": "SeaweedFS",
        "garage": "Garage",
        "moto": "moto",
        "memory": "in memory",
    }
    head = " | ".join(titles[kind] for kind in COMPARED)
    return f"| | {head} |\n|{' --- |' * (len(COMPARED) + 1)}\n{''.join(rows)}"


def memory_limits() -> str:
    """What some server can do and the one in memory cannot, one line each."""
    lacking = ALL_CAPABILITIES - CAPABILITIES["memory"]
    return "".join(f"- {text}\n" for name, text in CAPABILITY_TEXTS.items() if name in lacking)


GENERATORS: Mapping[str, Callable[[], str]] = {
    generator.__name__.replace("_", "-"): generator
    for generator in (options, commands, checks, loggers, servers, memory_limits)
}


def filled(markdown: str) -> str:
    """Return the text of a page with the generated parts in place of their markers.

    Raises:
        KeyError: no generator has the name of a marker.
    """
    return MARKER.sub(lambda match: GENERATORS[match[1]](), markdown)


def set_up() -> None:
    """Configure Django with this app alone, unless a project is configured."""
    if not settings.configured:
        settings.configure(INSTALLED_APPS=[PACKAGE])
        django.setup()


def main() -> int:
    """Print one part and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tools.reference", description="Print a generated part.")
    parser.add_argument("name", choices=GENERATORS)
    arguments = parser.parse_args()
    set_up()
    print(GENERATORS[arguments.name](), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
