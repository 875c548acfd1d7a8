"""Run the example site against the best S3 server there is.

- `python -m tools.demo` fills the site, prints its URL and things to try, and stays until Ctrl-C or SIGTERM;
- `python -m tools.demo --check` visits it as a browser would, prints one line for each check, and ends.

Nothing stays behind: the processes are ended by their ids, the database lies in a temporary folder, and buckets on a
server that was running before are deleted.
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import textwrap
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from tools.demo_check import check_site
from tools.demo_site import USERNAME, DemoError, Site, buckets_deleted_after, fill, prepared, served
from tools.processes import ServerError
from tools.servers import MINIO_INSTALL, best_server

if TYPE_CHECKING:
    import subprocess
    from types import FrameType

INTERRUPTED = 130  # what shells say: a check that was stopped has not passed


def stay(site: Site, process: subprocess.Popen[bytes]) -> None:
    """Print where everything is and what there is to try, and wait."""
    if site.variables["S3_STAND_IN"]:
        print(f"\nSignatures are not checked here: {site.server.kind} stands in for an S3 server, and opens private")
        print("files with any signature. To see wrong ones refused, install MinIO and start again:")
        print(f"  {MINIO_INSTALL}")
    print("\nThings to try:")
    for line in site.manage("things_to_try").splitlines():
        is_command = line.startswith(" ")  # in one line, to be copied
        print(line if is_command else textwrap.fill(line, 96, subsequent_indent="   "))
    print()
    print(f"Page:            {site.address}")
    print(f"Administration:  {site.address}admin/")
    print(f"Login:           {USERNAME} / {site.password}")
    print(f"Commands:        {site.variables['MANAGE_COMMAND']}")
    print(f"Requests:        {site.log}")
    print("Ctrl-C ends it and removes everything.", flush=True)
    code = process.wait()
    raise DemoError(f"The site ended by itself with {code}:\n{site.log.read_text(errors='replace')}")


def run(*, check: bool) -> None:
    """Start everything, use it, and take it down again."""
    with ExitStack() as stack:
        server = stack.enter_context(best_server())
        print(f"Server: {server.describe()}", flush=True)
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="demo-", ignore_cleanup_errors=True))
        site = prepared(server, Path(folder))
        stack.enter_context(buckets_deleted_after(site))
        fill(site)
        process = stack.enter_context(served(site))
        if check:
            check_site(site)
        else:
            stay(site, process)


def stop(_number: int, _frame: FrameType | None) -> None:
    """Leave through every `finally`, undisturbed by further signals."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise KeyboardInterrupt


def main() -> int:
    """Run what the command line asks for and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tools.demo", description="Run the example site.")
    parser.add_argument("--check", action="store_true", help="visit the site, report, and end")
    check = parser.parse_args().check
    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    try:
        run(check=check)
    except KeyboardInterrupt:
        print("\nStopped; nothing is left behind.")
        return INTERRUPTED if check else 0
    except (DemoError, ServerError) as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
