"""MINIO_CONSISTENCY_CHECK_ON_START: buckets are made when Django starts."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.processes import run_site
from tests.support.settings import SECRET_KEY, STATIC_BACKEND, entry, made_up, options_of
from tools.servers import free_port

if TYPE_CHECKING:
    from collections.abc import Callable
    from subprocess import CompletedProcess

    from minio import Minio

    from tools.servers import Server

ON_START: dict[str, Any] = {"MINIO_CONSISTENCY_CHECK_ON_START": True}


TEN_MISTAKES = [
    (
        "STORAGES['default']: MINIO_ENDPOINT is 'https://minio.test/', but must be host[:port] without scheme and "
        "path: write 'minio.test' and set MINIO_USE_HTTPS (for an external endpoint MINIO_EXTERNAL_ENDPOINT_USE_HTTPS)."
    ),
    "STORAGES['default']: MINIO_SECRETKEY is not an option; did you mean MINIO_SECRET_KEY?",
    "STORAGES['default']: MINIO_SECRET_KEY is missing; set both keys, or MINIO_CREDENTIALS instead.",
    "STORAGES['default']: MINIO_USE_HTTPS is 'False', but must be True or False.",
    (
        "STORAGES['default']: MINIO_DEFAULT_BUCKET is 'My_Bucket', but must be a bucket name: 3 to 63 lower-case "
        "letters, digits, dots and hyphens, a letter or digit at both ends."
    ),
    (
        "STORAGES['media']: MINIO_URL_EXPIRY_HOURS is 200, but must be a timedelta (or a number of hours) of at "
        "least 1 second and at most 7 days."
    ),
    ("STORAGES['media']: MINIO_EXTERNAL_ENDPOINT and MINIO_EXTERNAL_ENDPOINT_USE_HTTPS come together; one is missing."),
    ("STORAGES['media']: bucket 'photos' is in both MINIO_PRIVATE_BUCKETS and MINIO_PUBLIC_BUCKETS; keep it in one."),
    "STORAGES['staticfiles']: MINIO_REGION is '', but must be a region name such as 'us-east-1'.",
    "STORAGES['staticfiles']: replace_exsting is not an option; did you mean replace_existing?",
]


def start(*arguments: str, **storages: dict[str, Any]) -> CompletedProcess[str]:
    return run_site("-m", "django", *arguments, storages=storages)


def down() -> dict[str, Any]:
    return entry(made_up(MINIO_ENDPOINT=f"127.0.0.1:{free_port()}", **ON_START))


@pytest.mark.needs("stored-policies")
def test_a_start_makes_the_buckets_of_the_storages_that_ask_for_it(
    server: Server, bucket_name: Callable[[], str], sdk: Minio
) -> None:
    checked, static, unchecked = bucket_name(), bucket_name(), bucket_name()
    result = start(
        "check",
        default=entry(options_of(server, MINIO_DEFAULT_BUCKET=checked, **ON_START)),
        other=entry(options_of(server, MINIO_DEFAULT_BUCKET=unchecked)),
        staticfiles=entry(options_of(server, MINIO_STATIC_FILES_BUCKET=static, **ON_START), STATIC_BACKEND),
    )
    assert result.returncode == 0, result.stderr
    assert sdk.bucket_exists(bucket_name=checked)
    assert sdk.bucket_exists(bucket_name=static)
    assert not sdk.bucket_exists(bucket_name=unchecked)
    assert f"arn:aws:s3:::{static}/*" in sdk.get_bucket_policy(bucket_name=static)


def test_a_script_that_sets_django_up_is_a_start(server: Server, bucket_name: Callable[[], str], sdk: Minio) -> None:
    name = bucket_name()
    storages = {"default": entry(options_of(server, MINIO_DEFAULT_BUCKET=name, **ON_START))}
    result = run_site("-c", "import django; django.setup()", storages=storages)
    assert result.returncode == 0, result.stderr
    assert sdk.bucket_exists(bucket_name=name)


@pytest.mark.parametrize(
    "arguments",
    [
        ["makemigrations", "--check", "--dry-run"],
        ["help"],
        ["help", "check"],
        ["check", "--help"],
        ["--version"],
        [],
    ],
    ids=" ".join,
)
def test_no_server_is_asked_where_nothing_is_started(arguments: list[str]) -> None:
    result = start(*arguments, default=down())
    assert result.returncode == 0, result.stderr
    assert "No server" not in result.stdout + result.stderr


@pytest.mark.parametrize("command", ["initialize_buckets", "is_minio_available"])
def test_our_own_commands_tell_by_themselves_that_a_server_is_down(command: str) -> None:
    result = start(command, default=down())
    assert result.returncode == 1
    assert "CommandError: " in result.stderr
    assert "Traceback" not in result.stderr


def test_a_server_that_is_down_fails_the_start_within_seconds() -> None:
    storage = down()
    started = time.monotonic()
    result = start("check", default=storage)
    assert time.monotonic() - started < 20
    assert result.returncode != 0
    assert f"No server at http://{storage['OPTIONS']['MINIO_ENDPOINT']}" in result.stderr.splitlines()[-1]


def test_a_server_that_never_responds_fails_the_start_within_seconds(silent_endpoint: str) -> None:
    started = time.monotonic()
    result = start("check", default=entry(made_up(MINIO_ENDPOINT=silent_endpoint, **ON_START)))
    assert time.monotonic() - started < 20
    assert result.returncode != 0
    assert f"No server at http://{silent_endpoint}" in result.stderr.splitlines()[-1]


def test_a_server_that_is_down_matters_to_nobody_who_does_not_ask() -> None:
    result = start("check", default=entry(made_up(MINIO_ENDPOINT=f"127.0.0.1:{free_port()}")))
    assert result.returncode == 0, result.stderr


def test_mistakes_in_settings_fail_the_start_with_all_of_them() -> None:
    result = start(
        "check",
        default=entry(made_up(MINIO_ENDPOINT="https://minio.test")),
        media=entry(made_up(MINIO_REGIO="eu-west-1")),
    )
    assert result.returncode != 0
    assert "STORAGES['default']: MINIO_ENDPOINT is 'https://minio.test'" in result.stderr
    assert "STORAGES['media']: MINIO_REGIO is not an option; did you mean MINIO_REGION?" in result.stderr
    assert "hush" not in result.stderr


def test_ten_mistakes_in_three_aliases_are_one_error_that_lists_all_ten() -> None:
    result = start(
        "check",
        default=entry(
            {
                "MINIO_ENDPOINT": "https://minio.test/",
                "MINIO_ACCESS_KEY": "someone",
                "MINIO_SECRETKEY": SECRET_KEY,
                "MINIO_USE_HTTPS": "False",
                "MINIO_DEFAULT_BUCKET": "My_Bucket",
            }
        ),
        media=entry(
            made_up(
                MINIO_URL_EXPIRY_HOURS=200,
                MINIO_EXTERNAL_ENDPOINT="files.test",
                MINIO_PRIVATE_BUCKETS=["photos"],
                MINIO_PUBLIC_BUCKETS=["photos"],
            )
        ),
        staticfiles=entry(made_up(MINIO_REGION="", replace_exsting=True), STATIC_BACKEND),
    )
    assert result.returncode == 1
    assert sorted(result.stderr.splitlines()) == sorted([*TEN_MISTAKES, "docs: reference/options"])
    assert "hush" not in result.stderr + result.stdout
