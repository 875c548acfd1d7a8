"""Do what README.md tells a newcomer to do, and see that it works: `python -m tools.check_readme`.

A throw-away Django project is made of the blocks that have a comment on the line before them, against the best S3
server there is:

- `<!-- settings.py -->` is added to the settings, `<!-- models.py -->` and `<!-- storages.py -->` become files
  of its app `documents`;
- `<!-- run -->` holds commands, one a line, and `<!-- session -->` an interactive session whose output is compared.

Commands and sessions are run in the order of the text; the first that fails ends it. The package is taken from the
environment that this runs in.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tempfile
import textwrap
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tools.demo_site import DemoError, client_of, empty
from tools.processes import ServerError
from tools.servers import best_server

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tools.servers import Server

README = Path(__file__).resolve().parent.parent / "README.md"
PROJECT, APP = "mysite", "documents"
FILES = {
    "settings.py": f"{PROJECT}/settings.py",
    "models.py": f"{APP}/models.py",
    "storages.py": f"{APP}/storages.py",
}
SHOWN = (  # what a newcomer needs to be shown
    "initialize_buckets",
    "is_minio_available",
    "collectstatic",
    "makemigrations",
    "migrate",
    "clean_orphaned_minio_files --dry-run",
)
EXAMPLE_ADDRESS = "http://127.0.0.1:9000"
TIME_LIMIT = 120  # seconds for one command

MARKER = re.compile(r"^ *<!-- (settings\.py|models\.py|storages\.py|run|session) -->$", re.MULTILINE)
BLOCK = re.compile(
    r"^(?P<indent> *)<!-- (?P<mark>[\w.]+) -->\n(?P=indent)```\w+\n(?P<body>.*?)^(?P=indent)```$",
    re.MULTILINE | re.DOTALL,
)
BUCKET_NAME = re.compile(r'"(my-[a-z0-9-]+)"')

_SESSION = """
import doctest, sys
import django
django.setup()
sys.exit(doctest.testfile(sys.argv[1], module_relative=False, optionflags=doctest.ELLIPSIS).failed > 0)
"""


class ReadmeError(RuntimeError):
    """Something that the text shows does not work; the message says what and where."""


@dataclass(frozen=True)
class Block:
    """A marked block.

    Attributes:
        mark: what the comment before it says.
        text: what is in it, not indented.
        line: where it begins, counted from 1.
    """

    mark: str
    text: str
    line: int


def blocks(markdown: str) -> list[Block]:
    """Return the marked blocks in their order.

    Raises:
        ReadmeError: there is nothing to run, a marker stands before no block, or a needed command is not shown.
    """
    found = [
        Block(match["mark"], textwrap.dedent(match["body"]), markdown.count("\n", 0, match.start("body")) + 1)
        for match in BLOCK.finditer(markdown)
    ]
    if len(found) != len(MARKER.findall(markdown)):
        raise ReadmeError("A marker stands before something that is no fenced block, or is unknown.")
    commands = "".join(block.text for block in found if block.mark == "run")
    for command in SHOWN:
        if f"manage.py {command}" not in commands:
            raise ReadmeError(f"No block marked 'run' has the command {command}.")
    if not any(block.mark == "session" for block in found):
        raise ReadmeError("No block is marked 'session'.")
    return found


@dataclass(frozen=True)
class Project:
    """The throw-away project.

    Attributes:
        folder: where manage.py is.
        variables: the environment of its processes.
        address: of the server, as `EXAMPLE_ADDRESS` is.
    """

    folder: Path
    variables: Mapping[str, str]
    address: str

    def write(self, found: Sequence[Block]) -> None:
        """Make the project, and put the blocks into its files."""
        self.run(["python", "-m", "django", "startproject", PROJECT, "."])
        self.run(["python", "manage.py", "startapp", APP])
        for block in found:
            if block.mark in FILES:
                file = self.folder / FILES[block.mark]
                old = file.read_text(encoding="utf-8") if block.mark == "settings.py" else ""
                file.write_text(f"{old}\n{block.text}", encoding="utf-8")

    def do(self, block: Block) -> None:
        """Run a block's commands, or its session."""
        where = f"README.md, line {block.line}"
        if block.mark == "session":
            file = self.folder / f"session-{block.line}.txt"
            file.write_text(block.text.replace(EXAMPLE_ADDRESS, self.address), encoding="utf-8")
            self.run(["python", "-c", _SESSION, str(file)], f"{where}: the session")
        elif block.mark == "run":
            for line in block.text.splitlines():
                self.run(shlex.split(line, comments=True), f"{where}: {line}")

    def run(self, command: Sequence[str], title: str = "") -> None:
        """Run one command to its end and print what it says.

        Raises:
            ReadmeError: it failed.
        """
        title = title or shlex.join(command)
        print(f"$ {title}", flush=True)
        program = [sys.executable, *command[1:]] if command[0] == "python" else command
        try:
            done = subprocess.run(
                program,
                cwd=self.folder,
                env=self.variables,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                encoding="utf-8",
                timeout=TIME_LIMIT,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise ReadmeError(f"{title} has not ended within {TIME_LIMIT} seconds.") from error
        print(textwrap.indent(done.stdout, "  "), end="", flush=True)
        if done.returncode != 0:
            raise ReadmeError(f"{title} ended with {done.returncode}.")


def environment(server: Server) -> dict[str, str]:
    """Return what the text tells a newcomer to export, on top of our own environment."""
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": f"{PROJECT}.settings",
        "PYTHONUNBUFFERED": "1",
        "MINIO_ENDPOINT": server.endpoint,
        "MINIO_ACCESS_KEY": server.access_key,
        "MINIO_SECRET_KEY": server.secret_key,
        "MINIO_USE_HTTPS": str(int(server.secure)),
    }


@contextmanager
def only_new_buckets(server: Server, names: set[str]) -> Iterator[None]:
    """See that none of the buckets is somebody's, and delete them in the end unless they end with our server."""
    client = client_of(server)
    taken = sorted(names & {bucket.name for bucket in client.list_buckets()})
    if taken:
        raise ReadmeError(f"The server at {server.endpoint} has buckets of these names already: {', '.join(taken)}.")
    try:
        yield
    finally:
        if server.pid is None:
            for bucket in client.list_buckets():
                if bucket.name in names:
                    empty(client, bucket.name)
                    client.remove_bucket(bucket.name)


def check(found: Sequence[Block]) -> None:
    """Do everything."""
    names = {name for block in found if block.mark == "settings.py" for name in BUCKET_NAME.findall(block.text)}
    with best_server() as server, tempfile.TemporaryDirectory(prefix="readme-") as folder:
        print(f"Server: {server.describe()}", flush=True)
        address = f"{'https' if server.secure else 'http'}://{server.endpoint}"
        project = Project(Path(folder), environment(server), address)
        with only_new_buckets(server, names):
            project.write(found)
            for block in found:
                project.do(block)
            # What was done must have been done for good.
            project.run(["python", "manage.py", "makemigrations", "--check"])
            project.run(["python", "manage.py", "initialize_buckets", "--check"])


def main() -> int:
    """Check README.md and return the exit code."""
    try:
        check(blocks(README.read_text(encoding="utf-8")))
    except (ReadmeError, DemoError, ServerError) as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    print("\nEverything that README.md shows works.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
