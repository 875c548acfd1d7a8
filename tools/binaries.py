"""Where the programs of S3 servers lie on this machine."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path


def minio_binary() -> Path | None:
    """Find `minio` on PATH or where Go installs programs."""
    return _binary("minio")


def versity_binary() -> Path | None:
    """Find `versitygw` on PATH or where Go installs programs."""
    return _binary("versitygw")


def seaweedfs_binary() -> Path | None:
    """Find `weed` beside this Python (a wheel installs it there), on PATH or where Go installs programs."""
    return _binary("weed", Path(sys.executable).parent)


def garage_binary() -> Path | None:
    """Find `garage` on PATH or where Cargo installs programs."""
    return _binary("garage", Path(os.environ.get("CARGO_HOME") or Path.home() / ".cargo", "bin"))


def _binary(name: str, *folders: Path) -> Path | None:
    path = os.pathsep.join([*map(str, folders), os.environ.get("PATH", os.defpath)])
    found = shutil.which(name, path=path) or shutil.which(name, path=os.pathsep.join(_go_folders()))
    return Path(found) if found else None


def _go_folders() -> list[str]:
    folders = [str(Path.home() / "go" / "bin")]
    if shutil.which("go"):
        answer = subprocess.run(["go", "env", "GOBIN", "GOPATH"], capture_output=True, text=True, check=False)  # noqa: S607 - wherever Go is
        gobin, gopath = [*answer.stdout.splitlines(), "", ""][:2]
        folders = [*filter(None, [gobin, gopath and str(Path(gopath, "bin"))]), *folders]
    return folders
