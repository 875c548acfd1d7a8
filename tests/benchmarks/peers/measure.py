"""Runs the jobs of a library in fresh processes of its environment, and returns what they take."""

from __future__ import annotations

import json
import secrets
import statistics
import subprocess
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.support.buckets import plain_client, remove_bucket
from tests.support.rewriting_proxy import rewriting_proxy
from tests.support.static_files import generated, write

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.benchmarks.peers.libraries import Configuration, Library
    from tools.servers import Server

    Figures = dict[str, float]

PROBE = Path(__file__).with_name("probe.py")
COLLECTING = Path(__file__).parent.with_name("collecting_run.py")
LOCAL = {"BACKEND": "django.core.files.storage.FileSystemStorage"}
MIB = 1024**2
JOBS = ("startup", "urls", "small", "large", "collectstatic")


@dataclass(frozen=True)
class Sizes:
    """How much a run does."""

    large_mib: int = 256
    small_files: int = 200
    urls: int = 1_000
    static_files: int = 300
    """Besides those of Django's admin."""
    startups: int = 3
    """Fresh processes in each round."""


@dataclass(frozen=True)
class Subject:
    """A library on a server, with the interpreter to run it by."""

    library: Library
    python: Path
    server: Server
    sizes: Sizes

    @contextmanager
    def configuration(self, server: Server | None = None) -> Iterator[Configuration]:
        """Configure the library for new buckets, which are removed at the end."""
        buckets = [f"bench-{secrets.token_hex(6)}" for _ in ("media", "static")]
        with plain_client(self.server) as client:
            for bucket in buckets:
                client.make_bucket(bucket_name=bucket)
            try:
                yield self.library.configure(server or self.server, *buckets)
            finally:
                for bucket in buckets:
                    remove_bucket(client, bucket)

    def measure(self, job: str, folder: Path) -> Figures:
        """Measure a job of `JOBS`."""
        with self.configuration() as configuration:
            site = configuration.site()
            match job:
                case "startup":
                    return self.startup(site)
                case "large":
                    return self.run(site=site, job=job, path=str(folder / "large.bin"))
                case "small":
                    return self.run(site=site, job=job, count=self.sizes.small_files)
                case "urls":
                    return self.run(site=site, job=job, count=self.sizes.urls)
                case _:
                    return collectstatic(self.python, folder / "static", configuration)

    def startup(self, site: dict[str, Any]) -> Figures:
        """CPU seconds of the start that the library adds to those of a site with files on the disk."""
        disk = {"INSTALLED_APPS": [], "STORAGES": {"default": LOCAL, "staticfiles": LOCAL}, "MEDIA_URL": "/media/"}
        pairs = [
            (self.run(site=site, job="startup"), self.run(site=disk, job="startup")) for _ in range(self.sizes.startups)
        ]
        return {name: statistics.median(ours[name] - bare[name] for ours, bare in pairs) for name in ("setup", "url")}

    def requests(self) -> dict[str, list[str]]:
        """The methods of the requests that each operation sends."""
        with rewriting_proxy(self.server) as proxy:
            through_proxy = replace(self.server, endpoint=proxy.endpoint)
            with (
                self.configuration(through_proxy) as configuration,
                subprocess.Popen(self._command(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process,
            ):
                assert process.stdin is not None
                assert process.stdout is not None
                job = {"site": configuration.site(), "job": "requests", "lacks": list(self.library.lacks)}
                print(json.dumps(job), file=process.stdin, flush=True)
                methods: dict[str, list[str]] = {}
                operation = "-"
                for line in process.stdout:
                    methods[operation] = [request.method for request in proxy.requests]
                    proxy.requests.clear()
                    operation = line.strip()
                    if operation.startswith("{"):
                        break
                    print(file=process.stdin, flush=True)
            assert process.returncode == 0, self.library.key
        del methods["-"]
        return {name: sent for name, sent in methods.items() if name not in self.library.lacks}

    def run(self, **job: Any) -> Figures:
        """Run a job in a fresh process."""
        done = subprocess.run(
            self._command(), input=json.dumps(job), stdout=subprocess.PIPE, encoding="utf-8", check=True
        )
        return dict(json.loads(done.stdout.splitlines()[-1]))

    def _command(self) -> list[str]:
        return [str(self.python), "-W", "ignore", str(PROBE)]


def collectstatic(python: Path, folder: Path, configuration: Configuration) -> Figures:
    """Seconds of collectstatic into an empty bucket, and without changes, by the library of an environment."""
    return collecting(
        python,
        folder,
        storage=configuration.staticfiles,
        apps=configuration.apps,
        settings=configuration.more,
    )


def collecting(python: Path, folder: Path, **job: Any) -> Figures:
    """Run collecting_run.py by an interpreter."""
    done = subprocess.run(
        [str(python), "-W", "ignore", str(COLLECTING)],
        input=json.dumps({"folder": str(folder), **job}),
        stdout=subprocess.PIPE,
        encoding="utf-8",
        check=True,
        cwd=folder,
    )
    return dict(json.loads(done.stdout.splitlines()[-1]))


@contextmanager
def files(sizes: Sizes) -> Iterator[Path]:
    """A folder with a large file and the static files."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        block = secrets.token_bytes(MIB)
        with (folder / "large.bin").open("wb") as file:
            for number in range(sizes.large_mib):
                file.write(number.to_bytes(8, "big") + block[8:])
        write(folder / "static", dict(islice(generated().items(), sizes.static_files)))
        yield folder


def versions(python: Path, distributions: list[str]) -> dict[str, str]:
    """Versions of what is installed in an environment, and of its Python."""
    code = "import importlib.metadata as m, json, sys; print(json.dumps([m.version(name) for name in sys.argv[1:]]))"
    done = subprocess.run([str(python), "-c", code, *distributions], stdout=subprocess.PIPE, check=True)
    return dict(zip(distributions, json.loads(done.stdout), strict=True))
