"""manage.py initialize_buckets: every bucket of every storage is made and given its policy."""

from __future__ import annotations

import json
import time
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
import urllib3
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandError
from minio.commonconfig import ENABLED, GOVERNANCE
from minio.objectlockconfig import DAYS, ObjectLockConfig
from minio.versioningconfig import VersioningConfig

from django_minio_backend.models import MinioBackend
from tests.support.processes import run_site
from tests.support.rewriting_proxy import Response, rewriting_proxy, s3_error
from tests.support.settings import STATIC_BACKEND, entry, made_up, options_of, storages_set
from tools.servers import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from subprocess import CompletedProcess

    from minio import Minio

    from tests.commands.conftest import PolicyOf, Run
    from tests.support.rewriting_proxy import Received, RewritingProxy
    from tools.servers import Server

COMMAND = "initialize_buckets"
ALL_RIGHT = "All buckets match the settings.\n"


@pytest.fixture
def buckets(bucket_name: Callable[[], str]) -> dict[str, str]:
    return {kind: bucket_name() for kind in ("default", "private", "public", "static", "hooked")}


@pytest.fixture
def site(server: Server, buckets: dict[str, str]) -> Iterator[dict[str, str]]:
    """Two aliases with buckets of all kinds, none of them made."""
    media = options_of(
        server,
        MINIO_DEFAULT_BUCKET=buckets["default"],
        MINIO_PRIVATE_BUCKETS=[buckets["private"]],
        MINIO_PUBLIC_BUCKETS=[buckets["public"], buckets["hooked"]],
        MINIO_POLICY_HOOKS=[(buckets["hooked"], hook(buckets["hooked"]))],
    )
    static = options_of(server, MINIO_STATIC_FILES_BUCKET=buckets["static"])
    with storages_set(default=entry(media), staticfiles=entry(static, STATIC_BACKEND)):
        yield buckets


def statement(bucket: str, **changes: Any) -> dict[str, Any]:
    return {
        "Effect": "Allow",
        "Principal": {"AWS": ["*"]},
        "Action": ["s3:GetObject"],
        "Resource": [f"arn:aws:s3:::{bucket}/*"],
        **changes,
    }


def hook(bucket: str, folder: str = "free") -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": [statement(bucket, Resource=[f"arn:aws:s3:::{bucket}/{folder}/*"])]}


def grants(policy: dict[str, Any] | None) -> list[tuple[str, str, str]]:
    """Effect, action and resource of a policy's statements, however the server has spelled them."""
    return [
        (one["Effect"], action, resource)
        for one in (policy or {"Statement": []})["Statement"]
        for action in listed(one["Action"])
        for resource in listed(
            one.get("Resource") or [f"all but {each}" for each in listed(one.get("NotResource", []))]
        )
    ]


def listed(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


def assert_nothing_changed(output: str) -> None:
    assert not [line for line in output.splitlines() if line.startswith("Bucket")]
    assert output.endswith(ALL_RIGHT)


def everyone_may_get(bucket: str) -> list[tuple[str, str, str]]:
    return [("Allow", "s3:GetObject", f"arn:aws:s3:::{bucket}/*")]


def everyone_may_get_what_is_saved(bucket: str) -> list[list[tuple[str, str, str]]]:
    """The two ways to leave out direct uploads that wait for their form: Versity knows only the second."""
    staged = f"arn:aws:s3:::{bucket}/.direct-uploads/*"
    return [
        [("Allow", "s3:GetObject", f"all but {staged}")],
        [*everyone_may_get(bucket), ("Deny", "s3:GetObject", staged)],
    ]


@pytest.mark.needs("stored-policies")
def test_all_buckets_are_made_with_their_policies(
    run: Run, site: dict[str, str], sdk: Minio, policy_of: PolicyOf
) -> None:
    output = run(COMMAND)
    assert all(sdk.bucket_exists(bucket_name=bucket) for bucket in site.values())
    assert grants(policy_of(site["public"])) in everyone_may_get_what_is_saved(site["public"])
    assert grants(policy_of(site["static"])) == everyone_may_get(site["static"])
    assert policy_of(site["private"]) is None
    assert policy_of(site["default"]) is None
    assert grants(policy_of(site["hooked"])) == [
        ("Allow", "s3:GetObject", f"arn:aws:s3:::{site['hooked']}/free/*"),
    ]
    assert sorted(bucket for bucket in site.values() if bucket in output) == sorted(site.values())


@pytest.mark.needs("stored-policies")
@pytest.mark.usefixtures("site")
def test_a_second_run_changes_nothing_and_says_so(run: Run) -> None:
    run(COMMAND)
    assert_nothing_changed(run(COMMAND))


@pytest.mark.needs("stored-policies")
def test_silenced_prints_nothing(run: Run, site: dict[str, str], sdk: Minio) -> None:
    assert run(COMMAND, "--silenced") == ""
    assert all(sdk.bucket_exists(bucket_name=bucket) for bucket in site.values())


@pytest.mark.needs("policies")
def test_anyone_may_get_an_object_of_a_public_bucket_and_nothing_else(
    run: Run, site: dict[str, str], server: Server
) -> None:
    run(COMMAND)
    address = f"http://{server.endpoint}"
    with urllib3.PoolManager(retries=False, timeout=10) as http:

        def status(method: str, path: str) -> int:
            return http.request(method, f"{address}/{path}").status

        for kind in ("public", "private", "default", "hooked"):
            MinioBackend(site[kind], "default").save("a.txt", content())
            MinioBackend(site[kind], "default").save("free/a.txt", content())
        assert status("GET", f"{site['public']}/a.txt") == 200
        assert status("GET", site["public"]) == 403
        assert status("PUT", f"{site['public']}/b.txt") == 403
        assert status("DELETE", f"{site['public']}/a.txt") == 403
        for kind in ("private", "default"):
            assert status("GET", f"{site[kind]}/a.txt") == 403
        assert (status("GET", f"{site['hooked']}/a.txt"), status("GET", f"{site['hooked']}/free/a.txt")) == (403, 200)


def content() -> Any:
    from django.core.files.base import ContentFile

    return ContentFile(b"content")


@pytest.mark.needs("stored-policies")
def test_a_private_bucket_opened_to_everyone_is_closed_again(
    run: Run, site: dict[str, str], sdk: Minio, policy_of: PolicyOf
) -> None:
    run(COMMAND)
    bucket = site["private"]
    deny = statement(bucket, Effect="Deny", Action=["s3:DeleteObject"])
    inside = statement(bucket, Condition={"IpAddress": {"aws:SourceIp": ["10.0.0.0/8"]}}, Action=["s3:PutObject"])
    opened = {"Version": "2012-10-17", "Statement": [deny, statement(bucket), inside]}
    sdk.set_bucket_policy(bucket_name=bucket, policy=json.dumps(opened))
    before = policy_of(bucket)

    output = run(COMMAND)
    (line,) = [line for line in output.splitlines() if bucket in line]
    assert json.dumps(before) in line
    assert sorted(grants(policy_of(bucket))) == [
        ("Allow", "s3:PutObject", f"arn:aws:s3:::{bucket}/*"),
        ("Deny", "s3:DeleteObject", f"arn:aws:s3:::{bucket}/*"),
    ]
    assert_nothing_changed(run(COMMAND))


@pytest.mark.needs("stored-policies")
def test_a_public_bucket_that_was_closed_or_opened_further_is_corrected(
    run: Run, site: dict[str, str], sdk: Minio, policy_of: PolicyOf
) -> None:
    run(COMMAND)
    bucket = site["public"]
    for changed in (None, [statement(bucket), statement(bucket, Action=["s3:PutObject"])]):
        if changed is None:
            sdk.delete_bucket_policy(bucket_name=bucket)
        else:
            policy = {"Version": "2012-10-17", "Statement": changed}
            sdk.set_bucket_policy(bucket_name=bucket, policy=json.dumps(policy))
        output = run(COMMAND)
        assert f"Bucket '{bucket}'" in output
        assert grants(policy_of(bucket)) in everyone_may_get_what_is_saved(bucket)


@pytest.mark.needs("stored-policies")
def test_the_last_of_several_hooks_of_a_bucket_wins(
    run: Run, server: Server, bucket_name: Callable[[], str], policy_of: PolicyOf
) -> None:
    bucket = bucket_name()
    hooks = [(bucket, hook(bucket, "first")), (bucket, hook(bucket, "last"))]
    with storages_set(default=entry(options_of(server, MINIO_DEFAULT_BUCKET=bucket, MINIO_POLICY_HOOKS=hooks))):
        run(COMMAND)
        assert grants(policy_of(bucket)) == [("Allow", "s3:GetObject", f"arn:aws:s3:::{bucket}/last/*")]
        assert_nothing_changed(run(COMMAND))


@pytest.mark.needs("stored-policies")
def test_what_a_bucket_holds_is_left_alone(run: Run, site: dict[str, str], sdk: Minio) -> None:
    run(COMMAND)
    MinioBackend(site["private"], "default").save("a.txt", content())
    run(COMMAND)
    assert [found.object_name for found in sdk.list_objects(bucket_name=site["private"])] == ["a.txt"]


# --check


@pytest.mark.needs("stored-policies")
def test_check_prints_what_differs_changes_nothing_and_exits_with_1(
    run: Run, site: dict[str, str], sdk: Minio, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        run(COMMAND, "--check")
    assert ended.value.code == 1
    assert not any(sdk.bucket_exists(bucket_name=bucket) for bucket in site.values())
    assert ALL_RIGHT not in capsys.readouterr().out


@pytest.mark.needs("stored-policies")
def test_check_names_every_difference(
    site: dict[str, str], sdk: Minio, policy_of: PolicyOf, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    run(COMMAND)
    sdk.remove_bucket(bucket_name=site["default"])
    sdk.delete_bucket_policy(bucket_name=site["public"])
    with pytest.raises(SystemExit):
        call_command(COMMAND, "--check")
    output = capsys.readouterr().out
    assert len(output.splitlines()) == 2
    assert f"Bucket '{site['default']}'" in output
    assert "is missing" in output
    assert f"Bucket '{site['public']}'" in output
    assert policy_of(site["public"]) is None


@pytest.mark.needs("stored-policies")
@pytest.mark.usefixtures("site")
def test_check_of_what_is_right_is_right(run: Run) -> None:
    run(COMMAND)
    assert run(COMMAND, "--check") == ALL_RIGHT


@pytest.mark.needs("policies")
def test_a_bucket_that_was_opened_behind_the_librarys_back_is_found_named_and_closed(
    run: Run,
    server: Server,
    bucket_name: Callable[[], str],
    sdk: Minio,
    http: urllib3.PoolManager,
    capsys: pytest.CaptureFixture[str],
) -> None:
    bucket, other = bucket_name(), bucket_name()
    address = f"http://{server.endpoint}/{bucket}/a.txt"
    options = options_of(server, MINIO_DEFAULT_BUCKET=bucket, MINIO_PRIVATE_BUCKETS=[other])
    with storages_set(default=entry(options)):
        run(COMMAND)
        MinioBackend().save("a.txt", content())
        for action, method in (("s3:GetObject", "GET"), ("s3:PutObject", "PUT")):
            opened = {"Version": "2012-10-17", "Statement": [statement(bucket, Action=[action])]}
            sdk.set_bucket_policy(bucket_name=bucket, policy=json.dumps(opened))
            if server.kind != "seaweedfs" or method == "GET":  # it lets nobody write unsigned, whatever a policy says
                assert http.request(method, address).status == 200
            with pytest.raises(SystemExit) as ended:
                run(COMMAND, "--check")
            assert ended.value.code == 1
            with pytest.raises(SystemExit):
                call_command(COMMAND, "--check")
            found = capsys.readouterr()
            assert f"Bucket '{bucket}'" in found.out
            assert action in found.out
            assert other not in found.out
            assert found.err == "Run manage.py initialize_buckets to correct this.\n"
            assert f"Bucket '{bucket}'" in run(COMMAND)
            assert http.request(method, address).status == 403
            assert run(COMMAND, "--check") == ALL_RIGHT


@pytest.mark.needs("versioning")
@pytest.mark.parametrize(
    "locked", [False, pytest.param(True, marks=pytest.mark.needs("object-lock"))], ids=["versions", "object lock"]
)
def test_versions_and_object_lock_are_left_as_they_are(
    run: Run, server: Server, bucket_name: Callable[[], str], sdk: Minio, *, locked: bool
) -> None:
    bucket = bucket_name()
    sdk.make_bucket(bucket_name=bucket, object_lock=locked)
    if not locked:
        sdk.set_bucket_versioning(bucket_name=bucket, config=VersioningConfig(ENABLED))
    retention = ObjectLockConfig(GOVERNANCE, 1, DAYS)
    if locked:
        sdk.set_object_lock_config(bucket_name=bucket, config=retention)
    with storages_set(default=entry(options_of(server, MINIO_DEFAULT_BUCKET=bucket, MINIO_PUBLIC_BUCKETS=[bucket]))):
        output = run(COMMAND)
        assert f"Conditional writes at http://{server.endpoint} were not probed: every bucket has versions." in output
        assert_nothing_changed(run(COMMAND))
    assert sdk.get_bucket_versioning(bucket_name=bucket).status == ENABLED
    if locked:
        kept = sdk.get_object_lock_config(bucket_name=bucket)
        assert (kept.mode, kept.duration) == (retention.mode, retention.duration)
    assert list(sdk.list_objects(bucket_name=bucket, include_version=True)) == []


# Conditional writes


@contextmanager
def site_with_probe_response(
    server: Server, bucket: str, response: Response | None, **more: Any
) -> Iterator[RewritingProxy]:
    """A site whose server sends this response to the uploads of the probe."""
    with rewriting_proxy(server) as rewriter:
        rewriter.rule = lambda request: response if request.method == "PUT" and "write-probe" in request.path else None
        options = {**options_of(server, MINIO_DEFAULT_BUCKET=bucket, **more), "MINIO_ENDPOINT": rewriter.endpoint}
        with storages_set(default=entry(options)):
            yield rewriter


def probe_methods(rewriter: RewritingProxy) -> list[str]:
    return [request.method for request in rewriter.requests if "write-probe" in request.path]


@pytest.mark.needs("conditions")
@pytest.mark.parametrize(
    ("setting", "advice"),
    [("auto", "True saves a request with each save"), (True, "True is right"), (False, 'set True or "auto"')],
)
def test_a_server_that_honours_conditional_writes_is_reported_with_advice(
    run: Run, server: Server, bucket: str, setting: object, advice: str, sdk: Minio
) -> None:
    with site_with_probe_response(
        server, bucket, None, MINIO_CONDITIONAL_WRITES=setting, MINIO_LOCATION="here"
    ) as rewriter:
        output = run(COMMAND)
        assert f"honours conditional writes. MINIO_CONDITIONAL_WRITES of 'default' is {setting!r}: {advice}" in output
        assert Counter(probe_methods(rewriter)) == {"PUT": 32, "DELETE": 16}
        assert all(f"/{bucket}/here/" in request.path for request in rewriter.requests if "write-probe" in request.path)
        assert run(COMMAND, "--check") == ALL_RIGHT
        assert len(probe_methods(rewriter)) == 48
    assert list(sdk.list_objects(bucket_name=bucket, recursive=True)) == []


IGNORED, REJECTED = Response(200, etag='"0"'), s3_error(501, "NotImplemented")


@pytest.mark.parametrize(
    ("response", "verb", "setting", "advice"),
    [
        pytest.param(IGNORED, "ignores", "auto", '"auto" is right', id="ignored, auto"),
        pytest.param(IGNORED, "ignores", False, "False is right", id="ignored, False"),
        pytest.param(REJECTED, "rejects", "auto", '"auto" is right', id="rejected, auto"),
        pytest.param(REJECTED, "rejects", False, "False is right", id="rejected, False"),
    ],
)
def test_a_server_that_does_not_honour_them_is_reported(
    run: Run, server: Server, bucket: str, response: Response, verb: str, setting: object, advice: str
) -> None:
    with site_with_probe_response(server, bucket, response, MINIO_CONDITIONAL_WRITES=setting):
        assert f"{verb} conditional writes. MINIO_CONDITIONAL_WRITES of 'default' is {setting!r}: {advice}" in run(
            COMMAND
        )


@pytest.mark.parametrize(
    ("response", "harm"),
    [
        pytest.param(IGNORED, "a save replaces an existing object", id="ignored"),
        pytest.param(REJECTED, "every save fails", id="rejected"),
    ],
)
def test_trust_in_a_server_that_does_not_honour_them_fails_the_command(
    run: Run, server: Server, bucket: str, response: Response, harm: str
) -> None:
    with (
        site_with_probe_response(server, bucket, response, MINIO_CONDITIONAL_WRITES=True),
        pytest.raises(CommandError, match=f'is True: set "auto": with True {harm}'),
    ):
        run(COMMAND)


def test_what_the_server_itself_does_is_reported_and_counts(run: Run, server: Server, bucket: str) -> None:
    honoured = "conditions" in server.capabilities
    with storages_set(default=entry(options_of(server, MINIO_DEFAULT_BUCKET=bucket))):
        assert f" {'honours' if honoured else 'ignores'} conditional writes" in run(COMMAND)
    with storages_set(default=entry(options_of(server, MINIO_DEFAULT_BUCKET=bucket, MINIO_CONDITIONAL_WRITES=True))):
        if honoured:
            assert_nothing_changed(run(COMMAND))
            return
        with pytest.raises(CommandError, match='set "auto"'):
            run(COMMAND)


def test_an_account_that_may_not_store_is_reported_without_a_failure(run: Run, server: Server, bucket: str) -> None:
    with rewriting_proxy(server) as rewriter:
        rewriter.rule = lambda request: s3_error(403, "AccessDenied") if "write-probe" in request.path else None
        options = {**options_of(server, MINIO_DEFAULT_BUCKET=bucket), "MINIO_ENDPOINT": rewriter.endpoint}
        with storages_set(default=entry(options)):
            assert "could not be probed: the access key is not allowed to do this" in run(COMMAND)


def test_nothing_is_tried_where_every_save_replaces(run: Run, server: Server, bucket: str) -> None:
    with site_with_probe_response(server, bucket, None, replace_existing=True) as rewriter:
        assert run(COMMAND) == ALL_RIGHT
        assert probe_methods(rewriter) == []


# Servers without policies


def without_policies(request: Received) -> Response | None:
    return s3_error(501, "NotImplemented") if request.query.startswith("policy") else None


def test_a_server_without_policies_is_reported_with_its_effect_on_public_buckets(
    run: Run, server: Server, bucket_name: Callable[[], str], sdk: Minio
) -> None:
    private, public = bucket_name(), bucket_name()
    options = options_of(server, MINIO_DEFAULT_BUCKET=private, MINIO_PUBLIC_BUCKETS=[public])
    with rewriting_proxy(server) as rewriter:
        rewriter.rule = without_policies
        with storages_set(default=entry({**options, "MINIO_ENDPOINT": rewriter.endpoint})):
            for arguments in ([], [], ["--check"]):
                with pytest.raises(CommandError) as caught:
                    run(COMMAND, *arguments)
                (line,) = str(caught.value).splitlines()
                assert f"Bucket '{public}' at http://{rewriter.endpoint}: The server has no bucket policies" in line
                assert "Declare it private" in line
                assert "MINIO_PUBLIC_BASE_URL" in line
    assert sdk.bucket_exists(bucket_name=private)
    assert sdk.bucket_exists(bucket_name=public)


def test_a_bucket_published_by_other_means_needs_no_policy(
    run: Run, server: Server, bucket_name: Callable[[], str], sdk: Minio
) -> None:
    public = bucket_name()
    options = options_of(
        server,
        MINIO_DEFAULT_BUCKET=public,
        MINIO_PUBLIC_BUCKETS=[public],
        MINIO_PUBLIC_BASE_URL={public: "https://cdn.test"},
    )
    with rewriting_proxy(server) as rewriter:
        rewriter.rule = without_policies
        with storages_set(default=entry({**options, "MINIO_ENDPOINT": rewriter.endpoint})):
            assert f"Bucket '{public}' at http://{rewriter.endpoint}: created\n" in run(COMMAND)
            assert_nothing_changed(run(COMMAND))
            assert run(COMMAND, "--check") == ALL_RIGHT
    assert sdk.bucket_exists(bucket_name=public)


# Failures


def test_credentials_that_cannot_be_made_stop_no_other_storage(
    run: Run, server: Server, bucket_name: Callable[[], str], sdk: Minio
) -> None:
    def fail() -> None:
        raise RuntimeError("no keys today")

    bucket = bucket_name()
    keyless = {name: value for name, value in options_of(server).items() if not name.endswith("_KEY")}
    with (
        storages_set(
            default=entry({**keyless, "MINIO_CREDENTIALS": fail}),
            media=entry(options_of(server, MINIO_DEFAULT_BUCKET=bucket)),
        ),
        pytest.raises(CommandError, match=r"STORAGES\['default'\]: MINIO_CREDENTIALS failed: .*no keys today"),
    ):
        run(COMMAND)
    assert sdk.bucket_exists(bucket_name=bucket)


def test_a_server_that_is_down_is_named_within_seconds(run: Run) -> None:
    endpoint = f"127.0.0.1:{free_port()}"
    started = time.monotonic()
    with (
        storages_set(default=entry(made_up(MINIO_ENDPOINT=endpoint, MINIO_PRIVATE_BUCKETS=["one", "two"] * 20))),
        pytest.raises(CommandError, match=f"No server at http://{endpoint}"),
    ):
        run(COMMAND)
    assert time.monotonic() - started < 5


def test_a_server_that_never_responds_is_named_within_seconds(run: Run, silent_endpoint: str) -> None:
    started = time.monotonic()
    buckets = [f"bucket-{number}" for number in range(30)]
    with (
        storages_set(default=entry(made_up(MINIO_ENDPOINT=silent_endpoint, MINIO_PRIVATE_BUCKETS=buckets))),
        pytest.raises(CommandError, match=f"No server at http://{silent_endpoint}"),
    ):
        run(COMMAND, "--silenced")
    assert time.monotonic() - started < 10


def test_one_server_down_does_not_stop_the_others(run: Run, site: dict[str, str], server: Server, sdk: Minio) -> None:
    endpoint = f"127.0.0.1:{free_port()}"
    with (
        storages_set(
            default=entry(made_up(MINIO_ENDPOINT=endpoint)),
            media=entry(options_of(server, MINIO_DEFAULT_BUCKET=site["default"])),
        ),
        pytest.raises(CommandError, match=endpoint),
    ):
        run(COMMAND)
    assert sdk.bucket_exists(bucket_name=site["default"])


@pytest.mark.needs("policies")
def test_the_failure_of_one_bucket_is_reported_and_the_others_are_initialized(
    run: Run, server: Server, buckets: dict[str, str], sdk: Minio, policy_of: PolicyOf
) -> None:
    nonsense = {"Version": "2012-10-17", "Statement": [statement(buckets["hooked"], Effect="Perhaps")]}
    options = options_of(
        server,
        MINIO_DEFAULT_BUCKET=buckets["default"],
        MINIO_PUBLIC_BUCKETS=[buckets["public"]],
        MINIO_POLICY_HOOKS=[(buckets["hooked"], nonsense)],
    )
    with storages_set(default=entry(options)), pytest.raises(CommandError) as caught:
        run(COMMAND)
    assert f"Bucket '{buckets['hooked']}' at http://{server.endpoint}: " in str(caught.value)
    assert buckets["public"] not in str(caught.value)
    assert sdk.bucket_exists(bucket_name=buckets["default"])
    assert grants(policy_of(buckets["public"])) in everyone_may_get_what_is_saved(buckets["public"])


@pytest.mark.needs("signatures")
def test_wrong_keys_are_reported(run: Run, server: Server, buckets: dict[str, str]) -> None:
    options = options_of(server, MINIO_DEFAULT_BUCKET=buckets["default"], MINIO_SECRET_KEY="wrong-wrong-wrong")
    with storages_set(default=entry(options)), pytest.raises(CommandError) as caught:
        run(COMMAND)
    assert f"Bucket '{buckets['default']}' at http://{server.endpoint}: " in str(caught.value)
    assert "wrong-wrong" not in str(caught.value)


def test_settings_without_a_minio_storage_fail_the_command(run: Run) -> None:
    with (
        storages_set(default={"BACKEND": "django.core.files.storage.InMemoryStorage"}),
        pytest.raises(CommandError, match="No storage in STORAGES is a MinIO storage"),
    ):
        run(COMMAND)


# Buckets that fields name in code


MODELS = """
from django.core.files.storage import default_storage
from django.db import models
from django.utils.functional import LazyObject
from django_minio_backend import MinioBackend

def in_code():
    return MinioBackend(bucket_name={name!r}, storage_name="default")

class Document(models.Model):
    file = models.FileField(storage=in_code)
    other = models.FileField(storage=default_storage)
"""
BROKEN = """
class Broken(LazyObject):
    def __bool__(self):  # as the field asks when it is made
        return True

    def _setup(self):
        raise OSError("the project's own")

class Preview(models.Model):
    file = models.FileField(storage=Broken())
"""


def manage(folder: Path, options: dict[str, Any], *command: str) -> CompletedProcess[str]:
    """Run a command for a site that has the app ``documents`` of this folder, and no tables."""
    return run_site("-m", "django", *command, storages={"default": entry(options)}, apps="documents", folder=folder)


def test_buckets_that_fields_name_in_code_are_made(
    server: Server, tmp_path: Path, bucket: str, bucket_name: Callable[[], str], sdk: Minio
) -> None:
    name = bucket_name()
    (tmp_path / "documents").mkdir()
    (tmp_path / "documents" / "__init__.py").touch()
    (tmp_path / "documents" / "models.py").write_text(MODELS.format(name=name))
    options = options_of(server, MINIO_DEFAULT_BUCKET=bucket)
    checked = manage(tmp_path, options, COMMAND, "--check")
    assert (checked.returncode, f"Bucket '{name}'" in checked.stdout) == (1, True), checked.stderr
    assert not sdk.bucket_exists(bucket_name=name)
    made = manage(tmp_path, options, COMMAND)
    assert made.returncode == 0, made.stderr
    assert sdk.bucket_exists(bucket_name=name)
    assert manage(tmp_path, options, COMMAND, "--check").returncode == 0


def test_a_field_whose_storage_cannot_be_made_is_a_failure_and_the_others_are_done(
    server: Server, tmp_path: Path, bucket: str, bucket_name: Callable[[], str], sdk: Minio
) -> None:
    name = bucket_name()
    (tmp_path / "documents").mkdir()
    (tmp_path / "documents" / "__init__.py").touch()
    (tmp_path / "documents" / "models.py").write_text(MODELS.format(name=name) + BROKEN)
    made = manage(tmp_path, options_of(server, MINIO_DEFAULT_BUCKET=bucket), COMMAND)
    assert made.returncode == 1
    assert "The storage of documents.Preview.file cannot be made: the project's own" in made.stderr
    assert "Traceback" not in made.stderr
    assert sdk.bucket_exists(bucket_name=name)


@pytest.mark.needs("stored-policies")  # the site has public buckets
@pytest.mark.usefixtures("site")
def test_storages_of_other_settings_do_not_count(run: Run) -> None:
    """As in a test that overrides STORAGES: the fields' storages were made of those before."""
    assert not [line for line in run(COMMAND).splitlines() if settings.PUBLIC_BUCKET in line]


# The methods of a storage that do parts of this


def test_a_storage_makes_its_bucket(server: Server, bucket_name: Callable[[], str], sdk: Minio) -> None:
    storage = MinioBackend(**options_of(server, MINIO_DEFAULT_BUCKET=bucket_name()))
    for _ in range(2):
        storage.check_bucket_existence()
        assert sdk.bucket_exists(bucket_name=storage.bucket)


@pytest.mark.parametrize("max_workers", [None, 1, 3])
def test_a_storage_makes_all_its_buckets(
    server: Server, bucket_name: Callable[[], str], sdk: Minio, max_workers: int | None
) -> None:
    names = [bucket_name() for _ in range(4)]
    storage = MinioBackend(
        **options_of(
            server,
            MINIO_DEFAULT_BUCKET=names[0],
            MINIO_PRIVATE_BUCKETS=names[:2],
            MINIO_PUBLIC_BUCKETS=names[2:],
        )
    )
    storage.check_bucket_existences(max_workers=max_workers)
    assert all(sdk.bucket_exists(bucket_name=name) for name in names)


@pytest.mark.needs("stored-policies")
def test_a_storage_makes_its_bucket_public(storage: MinioBackend, policy_of: PolicyOf) -> None:
    storage.set_bucket_to_public()
    assert grants(policy_of(storage.bucket)) in everyone_may_get_what_is_saved(storage.bucket)


@pytest.mark.needs("stored-policies")
def test_a_storage_sets_a_policy(storage: MinioBackend, policy_of: PolicyOf) -> None:
    storage.set_bucket_policy(storage.bucket, hook(storage.bucket))
    assert grants(policy_of(storage.bucket)) == grants(hook(storage.bucket))
