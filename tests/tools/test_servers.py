from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tools.processes import ServerError, answers, running
from tools.servers import CAPABILITIES, MINIO_INSTALL, best_server, free_port, kind_to_start, minio_binary, run_minio

if TYPE_CHECKING:
    from tools.servers import Server

ROOT = Path(__file__).parents[2]
needs_minio_binary = pytest.mark.skipif(not minio_binary(), reason="no MinIO binary")


@pytest.fixture
def no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TEST_S3_ENDPOINT", "TEST_S3_KIND", "REQUIRE_MINIO"):
        monkeypatch.delenv(name, raising=False)


def process_exists(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def wait_until_gone(pid: int) -> None:
    deadline = time.monotonic() + 10
    while process_exists(pid):
        assert time.monotonic() < deadline, f"process {pid} is still there"
        time.sleep(0.05)


@pytest.mark.needs("sockets")
def test_the_run_has_a_server_that_responds(server: Server) -> None:
    assert answers(server.endpoint)
    assert server.capabilities == CAPABILITIES[server.kind]
    assert server.kind in server.describe()
    assert server.secret_key not in repr(server)


@needs_minio_binary
def test_minio_is_gone_after_its_block() -> None:
    with run_minio() as server:
        assert answers(server.endpoint)
        assert server.pid
        assert process_exists(server.pid)
    assert not process_exists(server.pid)
    assert not answers(server.endpoint)


@needs_minio_binary
def test_minio_comes_back_with_its_data_and_keys(tmp_path: Path) -> None:
    with run_minio(folder=tmp_path / "data") as first:
        port = int(first.endpoint.split(":")[1])
    again = run_minio(port=port, folder=tmp_path / "data", access_key=first.access_key, secret_key=first.secret_key)
    with again as second:
        assert second.endpoint == first.endpoint
        assert answers(second.endpoint)
    assert (tmp_path / "data").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="asks the Linux kernel")
def test_a_server_dies_with_a_killed_parent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))  # a killed process leaves its temporary folder behind
    script = """
from tools.servers import run_moto
with run_moto() as server:
    print(server.pid, flush=True)
    input()
"""
    command = [sys.executable, "-c", script]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout
        pid = int(parent.stdout.readline())
        assert process_exists(pid)
        parent.send_signal(signal.SIGKILL)
    wait_until_gone(pid)


def test_a_server_that_ends_at_once_is_reported_with_its_log(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import sys; sys.exit('disk on fire')"]
    with (
        pytest.raises(ServerError, match="disk on fire"),
        running(command, endpoint=f"127.0.0.1:{free_port()}", log=tmp_path / "log"),
    ):
        pass


@pytest.mark.usefixtures("no_server")
def test_a_named_server_is_used_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    named = {"ENDPOINT": "s3.example.com", "ACCESS_KEY": "who", "SECRET_KEY": "hush", "SECURE": "1", "REGION": "eu-1"}
    for name, value in named.items():
        monkeypatch.setenv(f"TEST_S3_{name}", value)
    with best_server() as server:
        assert (server.kind, server.endpoint, server.secure) == ("external", "s3.example.com", True)
        assert (server.region, server.access_key, server.pid) == ("eu-1", "who", None)
        assert server.environment()["TEST_S3_SECURE"] == "1"


@pytest.mark.usefixtures("no_server")
def test_a_kind_can_be_forced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_S3_KIND", "moto")
    assert kind_to_start() == "moto"
    monkeypatch.setenv("TEST_S3_KIND", "cloud")
    with pytest.raises(ServerError, match="cloud is not one of"):
        kind_to_start()


@pytest.fixture
def no_minio(monkeypatch: pytest.MonkeyPatch, no_server: None) -> None:  # noqa: ARG001 - for its effect
    monkeypatch.setattr("tools.servers.minio_binary", lambda: None)


@pytest.mark.usefixtures("no_minio")
def test_without_minio_moto_stands_in() -> None:
    assert kind_to_start() == "moto"


@pytest.mark.usefixtures("no_minio")
def test_required_minio_that_is_missing_is_an_error_that_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUIRE_MINIO", "1")
    with pytest.raises(ServerError, match=MINIO_INSTALL), best_server():
        pass


@pytest.mark.usefixtures("no_server")
def test_required_minio_does_not_go_with_another_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUIRE_MINIO", "1")
    monkeypatch.setenv("TEST_S3_KIND", "moto")
    with pytest.raises(ServerError, match="asks for moto"), best_server():
        pass
