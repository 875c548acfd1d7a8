"""The example site as a set of processes: prepared, filled, served and taken down again."""

from __future__ import annotations

import os
import secrets
import shlex
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from minio import Minio
from minio.deleteobjects import DeleteObject
from minio.error import MinioException
from urllib3 import PoolManager, Retry, Timeout
from urllib3.exceptions import HTTPError

from tools.processes import free_port, running

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tools.servers import Server

ROOT = Path(__file__).resolve().parent.parent
MANAGE = ROOT / "examples" / "manage.py"
USERNAME = "admin"


class DemoError(RuntimeError):
    """The site does not work; the message says what and where."""


@dataclass(frozen=True)
class Site:
    """The example site, ready to run.

    Attributes:
        server: where its files go.
        folder: where its database lies.
        variables: the environment of its processes.
        prefix: how the names of its buckets begin.
        password: of the administrator.
        port: where it listens, on 127.0.0.1.
    """

    server: Server
    folder: Path
    variables: Mapping[str, str]
    prefix: str
    password: str
    port: int

    @property
    def address(self) -> str:
        """Where the page is."""
        return f"http://127.0.0.1:{self.port}/"

    @property
    def log(self) -> Path:
        """What the running site writes."""
        return self.folder / "site.log"

    def manage(self, *arguments: str) -> str:
        """Run a management command to its end and return what it printed."""
        # A session of its own, because Ctrl-C is for us: the command is ended quietly, without a traceback.
        done = subprocess.run(
            [sys.executable, str(MANAGE), *arguments],
            env={**os.environ, **self.variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            start_new_session=True,
            check=False,
        )
        if done.returncode != 0:
            raise DemoError(f"manage.py {arguments[0]} ended with {done.returncode}:\n{done.stdout}")
        return done.stdout


def prepared(server: Server, folder: Path) -> Site:
    """Choose the site's secrets, buckets and port."""
    prefix, password, port = f"demo-{secrets.token_hex(4)}", secrets.token_urlsafe(12), free_port()
    variables = {
        "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")])),
        "PYTHONUNBUFFERED": "1",
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "DJANGO_SECRET_KEY": secrets.token_urlsafe(50),
        "DJANGO_DEBUG": "0",
        "DJANGO_ALLOWED_HOSTS": "127.0.0.1",
        "DJANGO_SUPERUSER_USERNAME": USERNAME,
        "DJANGO_SUPERUSER_EMAIL": "admin@example.com",
        "DJANGO_SUPERUSER_PASSWORD": password,
        "DATABASE_PATH": str(folder / "db.sqlite3"),
        "MINIO_ENDPOINT": server.endpoint,
        "MINIO_ACCESS_KEY": server.access_key,
        "MINIO_SECRET_KEY": server.secret_key,
        "MINIO_USE_HTTPS": str(int(server.secure)),
        "MINIO_REGION": server.region,
        "MINIO_EXTERNAL_ENDPOINT": "",  # empty counts as not set, whatever our own environment says
        "MINIO_EXTERNAL_ENDPOINT_USE_HTTPS": "",
        "MINIO_BUCKET_PREFIX": prefix,
        "S3_STAND_IN": "" if "signatures" in server.capabilities else server.kind,
        "MANAGE_COMMAND": str(folder / "manage"),
    }
    write_manage_command(folder / "manage", variables)
    return Site(server, folder, variables, prefix, password, port)


def write_manage_command(path: Path, variables: Mapping[str, str]) -> None:
    """Write a script that runs management commands of this site from any shell. It has secrets, so it is the user's."""
    exports = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in variables.items())
    path.touch(mode=0o700)
    path.write_text(f'#!/bin/sh\n{exports}exec {shlex.join([sys.executable, str(MANAGE)])} "$@"\n')


def fill(site: Site) -> None:
    """Do what a user does before the first start, and add some pictures."""
    for arguments in (
        ("initialize_buckets",),
        ("migrate", "--no-input", "--verbosity", "0"),
        ("collectstatic", "--no-input"),
        ("createsuperuser", "--no-input"),
        ("is_minio_available",),
        ("add_sample_pictures",),
    ):
        print(f"$ manage.py {' '.join(arguments)}", flush=True)
        for line in site.manage(*arguments).splitlines():
            if line:
                print(f"  {line}", flush=True)


@contextmanager
def buckets_deleted_after(site: Site) -> Iterator[None]:
    """Delete the site's buckets in the end, unless they end with the server that we started."""
    try:
        yield
    finally:
        if site.server.pid is None:
            delete_buckets(site)


def delete_buckets(site: Site) -> None:
    """Delete the site's buckets with all that is in them, or tell which are left."""
    client = client_of(site.server)
    try:
        for bucket in client.list_buckets():
            if bucket.name.startswith(f"{site.prefix}-"):
                empty(client, bucket.name)
                client.remove_bucket(bucket.name)
    except (MinioException, HTTPError) as error:
        raise DemoError(f"Buckets {site.prefix}-* may be left at {site.server.endpoint}: {error}") from error


def client_of(server: Server) -> Minio:
    """Return a client that gives up soon: nobody wants to wait for minutes after Ctrl-C."""
    return Minio(
        server.endpoint,
        access_key=server.access_key,
        secret_key=server.secret_key,
        secure=server.secure,
        region=server.region,
        http_client=PoolManager(timeout=Timeout(connect=3, read=30), retries=Retry(1)),
    )


def empty(client: Minio, bucket: str) -> None:
    """Delete all objects of a bucket."""
    found = client.list_objects(bucket, recursive=True)
    for error in client.remove_objects(bucket, (DeleteObject(str(each.object_name)) for each in found)):
        raise DemoError(f"{bucket}/{error.name} cannot be deleted: {error.message}")


@contextmanager
def served(site: Site) -> Iterator[subprocess.Popen[bytes]]:
    """Run the site's web server for the length of the block."""
    address = f"127.0.0.1:{site.port}"
    command = [sys.executable, str(MANAGE), "runserver", address, "--noreload"]
    with running(command, endpoint=address, log=site.log, environment=site.variables) as process:
        yield process
