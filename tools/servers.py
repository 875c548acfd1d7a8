"""Find, start and stop an S3 server for tests, the demo and benchmarks.

`python -m tools.servers` prints which one would be taken. The environment decides:

- `TEST_S3_ENDPOINT` (with `TEST_S3_ACCESS_KEY`, `TEST_S3_SECRET_KEY`, `TEST_S3_SECURE`, `TEST_S3_REGION`) names a
  server that runs already, `TEST_S3_KIND` says which kind it is;
- `TEST_S3_KIND` alone says which kind to start;
- otherwise MinIO where its binary is found, else moto, a stand-in that checks little;
- `REQUIRE_MINIO=1` makes anything but MinIO an error.
"""

from __future__ import annotations

import os
import secrets
import sys
import tempfile
from base64 import b64encode
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tools.binaries import garage_binary, minio_binary, seaweedfs_binary, versity_binary
from tools.processes import ServerError, free_port, running

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

__all__ = [
    "ALL_CAPABILITIES",
    "CAPABILITIES",
    "MINIO_INSTALL",
    "STARTERS",
    "Server",
    "ServerError",
    "best_server",
    "free_port",
    "garage_binary",
    "minio_binary",
    "minio_required",
    "run_garage",
    "run_memory",
    "run_minio",
    "run_moto",
    "run_seaweedfs",
    "run_versity",
    "seaweedfs_binary",
    "server_from_environment",
    "versity_binary",
]

MINIO_INSTALL = "go install github.com/minio/minio@v0.0.0-20260212201848-7aac2a2c5b7c"

MINIO_DOMAIN = "minio.test"  # what a started MinIO takes for its own host: bucket.minio.test is a bucket

# What a started MinIO encrypts with where a request asks for it: always the same, so that it can read what it wrote.
MINIO_KMS = f"tests:{b64encode(bytes(range(32))).decode()}"

# signatures: bad signatures, wrong keys and expired URLs are refused. stored-policies: a bucket's policy can be set and
# read; policies: it also holds for anonymous requests. conditional-writes: PUT with If-None-Match is atomic;
# conditional-multipart: so is the completion of a multipart upload. minio-health: /minio/health/live is answered.
# conditions: If-None-Match is honoured by one request after the other. missing-buckets: an upload does not make a
# missing bucket. regions: a request signed for another region is refused; clocks: so is one signed an hour off.
# large-crowds: fifty uploads of 20 MiB at once are all answered in time. encryption: with keys of the server's, where a
# request asks for it (SSE-S3, SSE-KMS). strict-forms: fields of an upload form that its policy does not name
# are refused. line-breaks: a key may have them. acls: a bucket's ACL can let everyone in.
# cors: a bucket has CORS rules. upload-times: a listed unfinished upload has the time when it began. copy-conditions:
# a copy honours a condition on its source. sockets: requests pass through proxies and pools of connections.
# "external" is what any real server does; TEST_S3_KIND says more.
CAPABILITIES: Mapping[str, frozenset[str]] = {
    kind: frozenset(words.split())
    for kind, words in {
        "minio": "signatures stored-policies policies conditional-writes conditional-multipart minio-health tags "
        "versioning object-lock missing-buckets conditions clocks large-crowds encryption line-breaks strict-forms "
        "upload-times copy-conditions sockets",
        "versity": "signatures stored-policies policies conditional-writes conditional-multipart tags versioning "
        "missing-buckets conditions regions clocks large-crowds line-breaks strict-forms acls cors upload-times "
        "copy-conditions sockets",
        "seaweedfs": "signatures stored-policies policies conditional-writes tags versioning conditions clocks "
        "line-breaks cors upload-times copy-conditions sockets",
        "garage": "signatures missing-buckets regions line-breaks cors upload-times copy-conditions sockets",
        "moto": "stored-policies tags versioning missing-buckets conditions sockets",
        "memory": "signatures stored-policies policies conditional-writes conditional-multipart minio-health tags "
        "missing-buckets conditions clocks line-breaks strict-forms upload-times copy-conditions",
        "external": "signatures missing-buckets sockets",
    }.items()
}
ALL_CAPABILITIES = frozenset().union(*CAPABILITIES.values())


@dataclass(frozen=True)
class Server:
    """An S3 server that is ready for requests.

    Attributes:
        kind: "minio", "versity", "seaweedfs", "garage", "moto", "memory" or "external".
        endpoint: `host:port`.
        capabilities: What tests may rely on, see `CAPABILITIES`.
        pid: The process, if this program started it.
    """

    kind: str
    endpoint: str
    access_key: str
    secret_key: str = field(repr=False)
    secure: bool = False
    region: str = "us-east-1"
    capabilities: frozenset[str] = frozenset()
    pid: int | None = None

    def describe(self) -> str:
        """Say which server this is and what it leaves untested."""
        untested = ", ".join(sorted(ALL_CAPABILITIES - self.capabilities)) or "nothing"
        text = f"{self.kind} at {self.endpoint}; it leaves untested: {untested}"
        if self.kind == "moto":
            text += f"\n(a stand-in; for the whole suite get MinIO: {MINIO_INSTALL})"
        return text

    def environment(self) -> dict[str, str]:
        """Return the variables by which another process finds this server."""
        return {
            "TEST_S3_KIND": self.kind,
            "TEST_S3_ENDPOINT": self.endpoint,
            "TEST_S3_ACCESS_KEY": self.access_key,
            "TEST_S3_SECRET_KEY": self.secret_key,
            "TEST_S3_SECURE": str(int(self.secure)),
            "TEST_S3_REGION": self.region,
        }


def server_from_environment() -> Server | None:
    """Return the server that the TEST_S3_* variables name, if they do."""
    endpoint = os.environ.get("TEST_S3_ENDPOINT")
    if not endpoint:
        return None
    kind = os.environ.get("TEST_S3_KIND") or "external"
    if kind not in CAPABILITIES:
        raise ServerError(f"TEST_S3_KIND={kind} is not one of {', '.join(CAPABILITIES)}")
    return Server(
        kind=kind,
        endpoint=endpoint,
        access_key=os.environ["TEST_S3_ACCESS_KEY"],
        secret_key=os.environ["TEST_S3_SECRET_KEY"],
        secure=os.environ.get("TEST_S3_SECURE", "0") not in {"", "0"},
        region=os.environ.get("TEST_S3_REGION") or "us-east-1",
        capabilities=CAPABILITIES[kind],
    )


def minio_required() -> bool:
    """Tell whether REQUIRE_MINIO asks for MinIO and nothing else."""
    return os.environ.get("REQUIRE_MINIO", "0") not in {"", "0"}


@contextmanager
def run_minio(
    binary: Path | None = None,
    *,
    port: int | None = None,
    folder: Path | None = None,
    access_key: str = "",
    secret_key: str = "",
    pools: int = 1,
    certificates: Path | None = None,
) -> Iterator[Server]:
    """Run MinIO for the length of the block.

    Args:
        binary: The program; found by itself if not given.
        port: Where to listen; give the old one to bring a server back.
        folder: Where the data lies; it is kept. Without it a temporary folder is used and removed.
        access_key: Random if not given, as is the secret key.
        secret_key: See `access_key`.
        pools: Server pools. With more than one, each has four drives, and conditional writes work only by chance.
        certificates: A folder with public.crt and private.key, for https.
    """
    program = _found("minio", binary or minio_binary())
    with _workplace("minio", port, access_key, secret_key) as (server, place):
        data = folder or place / "data"
        drives = [str(data)] if pools == 1 else [f"{data}/{number}/{{1...4}}" for number in range(1, pools + 1)]
        command = ["server", *drives, "--quiet", "--address", server.endpoint]
        command += ["--console-address", f"127.0.0.1:{free_port()}"]
        if certificates:
            command += ["--certs-dir", str(certificates)]
        variables = {
            "MINIO_ROOT_USER": server.access_key,
            "MINIO_ROOT_PASSWORD": server.secret_key,
            "MINIO_BROWSER": "off",
            "MINIO_UPDATE": "off",  # no question to the outside
            "MINIO_CI_CD": "1",  # drives of several pools may be on one disk
            "MINIO_DOMAIN": MINIO_DOMAIN,
            "MINIO_KMS_SECRET_KEY": MINIO_KMS,
        }
        with _started(server, place, [program, *command], variables) as ready:
            yield replace(ready, secure=certificates is not None)


@contextmanager
def run_moto() -> Iterator[Server]:
    """Run moto's stand-in for S3 in a process of its own for the length of the block."""
    with _workplace("moto") as (server, place):
        host, port = server.endpoint.split(":")
        with _started(server, place, [sys.executable, "-m", "moto.server", "-H", host, "-p", port]) as ready:
            yield ready


@contextmanager
def run_memory() -> Iterator[Server]:
    """Run the package's own server in memory, in this process, for the length of the block."""
    keys = secrets.token_hex(8), secrets.token_hex(16)
    from tools import memory_server  # which imports urllib3, and Django's start does without that

    server = Server("memory", memory_server.ENDPOINT, *keys, capabilities=CAPABILITIES["memory"])
    with memory_server.serve(server):
        yield server


@contextmanager
def run_versity(binary: Path | None = None) -> Iterator[Server]:
    """Run the Versity S3 Gateway for the length of the block; its folder needs extended attributes."""
    program = _found("versity", binary or versity_binary())
    with _workplace("versity") as (server, place):
        data, users, versions = place / "data", place / "users", place / "versions"
        for folder in (data, users, versions):
            folder.mkdir()
        command = ["--quiet", "--port", server.endpoint, "--iam-dir", str(users)]
        command += ["posix", "--versioning-dir", str(versions), str(data)]
        variables = {"ROOT_ACCESS_KEY": server.access_key, "ROOT_SECRET_KEY": server.secret_key}
        with _started(server, place, [program, *command], variables) as ready:
            yield ready


@contextmanager
def run_seaweedfs(binary: Path | None = None) -> Iterator[Server]:
    """Run SeaweedFS for the length of the block; ending it can take half a minute."""
    program = _found("seaweedfs", binary or seaweedfs_binary())
    with _workplace("seaweedfs") as (server, place):
        data = place / "data"
        data.mkdir()
        s3_port = server.endpoint.split(":")[1]
        command = ["server", f"-dir={data}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-filer", "-s3"]
        command += ["-master.volumeSizeLimitMB=64", "-volume.max=64", f"-s3.port={s3_port}", "-s3.port.iceberg=0"]
        command += ["-s3.port.lance=0"]  # otherwise a fixed one, and two servers cannot run at once
        command += ["-s3.allowDeleteBucketNotEmpty=false"]  # otherwise it deletes full buckets
        listeners = ("master.port", "volume.port", "filer.port")
        command += [f"-{name}{grpc}={free_port()}" for name in listeners for grpc in ("", ".grpc")]
        grpc_port = free_port()
        command += [f"-s3.port.grpc={grpc_port}"]
        variables = {"AWS_ACCESS_KEY_ID": server.access_key, "AWS_SECRET_ACCESS_KEY": server.secret_key}
        try:
            with _started(server, place, [program, *command], variables) as ready:
                yield ready
        finally:  # it leaves its sockets behind
            for socket in (f"s3-{s3_port}", f"s3-grpc-{grpc_port}"):
                Path("/tmp", f"seaweedfs-{socket}.sock").unlink(missing_ok=True)  # noqa: S108 - its choice


GARAGE_CONFIGURATION = """\
metadata_dir = "{place}/meta"
data_dir = "{place}/data"
db_engine = "sqlite"
replication_factor = 1
rpc_bind_addr = "127.0.0.1:{rpc_port}"
rpc_public_addr = "127.0.0.1:{rpc_port}"
rpc_secret = "{rpc_secret}"

[s3_api]
s3_region = "us-east-1"
api_bind_addr = "{endpoint}"
"""


@contextmanager
def run_garage(binary: Path | None = None) -> Iterator[Server]:
    """Run Garage, one node, for the length of the block; its keys have a form of their own."""
    program = _found("garage", binary or garage_binary())
    keys = f"GK{secrets.token_hex(12)}", secrets.token_hex(32)
    with _workplace("garage", None, *keys) as (server, place):
        configuration = place / "garage.toml"
        configuration.write_text(
            GARAGE_CONFIGURATION.format(
                place=place, endpoint=server.endpoint, rpc_port=free_port(), rpc_secret=secrets.token_hex(32)
            )
        )
        command = ["-c", str(configuration), "server", "--single-node", "--default-access-key"]
        variables = {"GARAGE_DEFAULT_ACCESS_KEY": server.access_key, "GARAGE_DEFAULT_SECRET_KEY": server.secret_key}
        with _started(server, place, [program, *command], variables) as ready:
            yield ready


def _found(kind: str, program: Path | None) -> str:
    if program is None:
        hint = f"; get it with: {MINIO_INSTALL}" if kind == "minio" else ""
        raise ServerError(f"no program found that runs {kind}{hint}")
    return str(program)


@contextmanager
def _workplace(
    kind: str, port: int | None = None, access_key: str = "", secret_key: str = ""
) -> Iterator[tuple[Server, Path]]:
    server = Server(
        kind=kind,
        endpoint=f"127.0.0.1:{port or free_port()}",
        access_key=access_key or secrets.token_hex(8),
        secret_key=secret_key or secrets.token_hex(16),
        capabilities=CAPABILITIES[kind],
    )
    with tempfile.TemporaryDirectory(prefix=f"{kind}-", ignore_cleanup_errors=True) as place:
        yield server, Path(place)


@contextmanager
def _started(
    server: Server, place: Path, command: Sequence[str], variables: Mapping[str, str] | None = None
) -> Iterator[Server]:
    log = place / "log"
    with running(command, endpoint=server.endpoint, log=log, environment=variables) as process:
        yield replace(server, pid=process.pid)


STARTERS: Mapping[str, Callable[[], AbstractContextManager[Server]]] = {
    "minio": run_minio,
    "versity": run_versity,
    "seaweedfs": run_seaweedfs,
    "garage": run_garage,
    "moto": run_moto,
    "memory": run_memory,
}


def kind_to_start() -> str:
    """Say which kind of server `best_server` starts if the environment names none that runs."""
    wanted = os.environ.get("TEST_S3_KIND") or ("minio" if minio_binary() or minio_required() else "moto")
    if wanted not in STARTERS:
        raise ServerError(f"TEST_S3_KIND={wanted} is not one of {', '.join(STARTERS)}")
    return wanted


@contextmanager
def best_server() -> Iterator[Server]:
    """Give the best server there is for the length of the block; see the module's first lines."""
    named = server_from_environment()
    kind = named.kind if named else kind_to_start()
    if minio_required() and kind != "minio":
        raise ServerError(f"REQUIRE_MINIO=1, but the environment asks for {kind}; get MinIO with: {MINIO_INSTALL}")
    if named and kind == "memory":  # each process of pytest-xdist has its own
        from tools import memory_server

        with memory_server.serve(named):
            yield named
        return
    if named:
        yield named
        return
    with STARTERS[kind]() as server:
        yield server


def main() -> None:
    """Print which server would be taken."""
    named = server_from_environment()
    if named:
        print(named.describe())
        return
    kind = kind_to_start()
    programs = {
        "minio": minio_binary,
        "versity": versity_binary,
        "seaweedfs": seaweedfs_binary,
        "garage": garage_binary,
    }
    others = {"moto": f"{sys.executable} -m moto.server", "memory": "this process"}
    program = others.get(kind) or _found(kind, programs[kind]())
    print(Server(kind, "a free port", "", "", capabilities=CAPABILITIES[kind]).describe())
    print(f"started with: {program}")


if __name__ == "__main__":
    try:
        main()
    except ServerError as error:
        sys.exit(str(error))
