"""collectstatic compared with other libraries and with parallel uploads by the SDK, on one server."""

from __future__ import annotations

import json
import secrets
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import django

from tests.support.buckets import plain_client
from tests.support.server_options import options_of
from tests.support.static_files import generated, write

if TYPE_CHECKING:
    from tools.servers import Server

REFERENCE = "django-minio-backend==4.4.4"
REFERENCE_FOLDER = Path(".cache/reference")  # a separate environment: its package has the same name
RUN = Path(__file__).with_name("collecting_run.py")
THREADS = 32  # as django_minio_backend.staticfiles.upload_queue
OURS = "django_minio_backend.models."
TITLE = "collectstatic, 427 files"

# The limits: at least so many times as fast as the fastest other library, at most so many times as slow as the SDK.
COLD, UNCHANGED, RAW = 3.0, 20.0, 1.5

Times = dict[str, dict[str, float]]


def compare(server: Server, rounds: int) -> int:
    """Measure and print; return 1 if a limit is exceeded."""
    reference = _reference_python()
    worst = 0
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), generated())
        for title, copies in ((TITLE, 1), (f"{TITLE}, hashed", 2)):
            runs = [_round(server, folder, reference, hashed=copies == 2) for _ in range(rounds)]
            worst |= _report(title, runs)
    return worst


def _round(server: Server, folder: str, reference: str, *, hashed: bool) -> Times:
    keys = {"access_key": server.access_key, "secret_key": server.secret_key}
    minio = options_of(server)
    app = ["django_minio_backend.apps.DjangoMinioBackendConfig"]
    url = f"{'https' if server.secure else 'http'}://{server.endpoint}"
    kind = "Manifest" if hashed else ""
    with plain_client(server) as client:

        def bucket() -> str:
            name = f"bench-{secrets.token_hex(6)}"
            client.make_bucket(bucket_name=name)
            return name

        def run(python: str, **job: Any) -> dict[str, float]:
            done = subprocess.run(
                [python, "-W", "ignore", str(RUN.resolve())],
                input=json.dumps({"folder": folder, **job}),
                stdout=subprocess.PIPE,
                text=True,
                check=True,
                cwd=folder,
            )
            return dict(json.loads(done.stdout.splitlines()[-1]))

        name = bucket()
        s3 = {"bucket_name": name, "endpoint_url": url, "region_name": server.region, **keys}
        raw = {
            "endpoint": server.endpoint,
            "secure": server.secure,
            "region": server.region,
            "bucket": bucket(),
            "threads": THREADS,
            "copies": 2 if hashed else 1,
            **keys,
        }
        ours = "MinioManifestStaticStorage" if hashed else "MinioBackendStatic"
        local = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
        times = {
            "ours": run(
                sys.executable,
                apps=app,
                storage={"BACKEND": f"{OURS}{ours}", "OPTIONS": {**minio, "MINIO_STATIC_FILES_BUCKET": bucket()}},
            ),
            "raw": run(sys.executable, storage=local, raw=raw),
            "django-storages": run(
                sys.executable,
                storage={"BACKEND": f"storages.backends.s3.S3{kind}{'Static' if hashed else ''}Storage", "OPTIONS": s3},
            ),
        }
        # Its storage fails where the manifest does not exist yet, so it is measured without hashed names.
        if not hashed:
            times[REFERENCE] = run(
                reference,
                apps=app,
                storage={
                    "BACKEND": f"{OURS}MinioBackendStatic",
                    "OPTIONS": {
                        **minio,
                        "MINIO_STATIC_FILES_BUCKET": bucket(),
                        "MINIO_CONSISTENCY_CHECK_ON_START": False,
                    },
                },
            )
        return times


def _report(title: str, runs: list[Times]) -> int:
    print(f"\n{title:42}{'cold s':>10}{'unchanged s':>14}")  # noqa: T201 - a benchmark prints
    best: Times = {}
    for name in runs[0]:
        best[name] = {
            what: min(times[name][what] for times in runs)
            for what in ("cold", "unchanged")
            if runs[0][name][what] is not None
        }
        unchanged = best[name].get("unchanged")
        print(f"  {name:40}{best[name]['cold']:10.2f}{unchanged or 0:14.3f}", flush=True)  # noqa: T201
    # The runs of a round are compared, as the load of the machine changes from minute to minute.
    others = [name for name in best if name not in ("ours", "raw")]
    figures = {
        "cold: fastest other library / ours": (
            statistics.median(min(times[name]["cold"] for name in others) / times["ours"]["cold"] for times in runs),
            COLD,
        ),
        "unchanged: fastest other library / ours": (
            statistics.median(
                min(times[name]["unchanged"] for name in others) / times["ours"]["unchanged"] for times in runs
            ),
            UNCHANGED,
        ),
        "cold: ours / raw parallel uploads": (
            statistics.median(times["ours"]["cold"] / times["raw"]["cold"] for times in runs),
            RAW,
        ),
    }
    worst = 0
    for what, (figure, limit) in figures.items():
        is_most = limit == RAW
        passed = figure > limit if is_most else figure < limit
        worst |= passed
        print(f"  {what:44}{figure:7.2f}  (at {'most' if is_most else 'least'} {limit})", flush=True)  # noqa: T201
    return worst


def _reference_python() -> str:
    """The Python of an environment with the reference library; the first call creates it."""
    python = REFERENCE_FOLDER / "bin/python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(REFERENCE_FOLDER)], check=True)
        install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*install, REFERENCE, f"Django=={django.__version__}"], check=True)
    return str(python.absolute())
