"""Run what README.md and the pages in docs/ show: `python -m tools.check_documents [PAGE...]`.

Every block of Python, of a shell and of an interactive session has a comment on the line before it:

- `<!-- settings.py -->` and `<!-- urls.py -->` are added to those files of a throw-away Django project, `settings_*.py`
  are files of the project as well; the name of any other Python file, such as `<!-- models.py -->`, is one of its app
  `documents`;
- `<!-- OPTIONS -->` holds entries of `OPTIONS`, with which a storage is made;
- `<!-- code -->` is a module that is imported once Django is set up;
- `<!-- run -->` holds commands, one a line, and `<!-- session -->` an interactive session whose output is compared;
- `<!-- before: settings.py -->` and `<!-- after: settings.py -->`, with the name of any file, are the project of a
  guide in docs/coming-from/ with the old library and with this one; `make test-guides` runs them;
- `<!-- not run: REASON -->` is not run; a test compiles the Python among it.

README.md and the quick start are projects of their own, and are followed in the order of the text: a later block of
`settings.py` is appended, a later block of any other file replaces it. Every other page goes on from the finished quick
start, with empty buckets: its files are written first. Commands and sessions are run in the order of the text, against
the best S3 server there is; the first that fails ends it. The package is taken from the environment that this runs in.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import textwrap
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tools.demo_site import DemoError, client_of, empty
from tools.processes import ServerError
from tools.servers import best_server

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tools.servers import Server

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
README = ROOT / "README.md"
QUICK_START = DOCS / "start" / "quick-start.md"
PROJECT, APP = "mysite", "documents"
FILES_OF_PROJECT = re.compile(r"settings\w*\.py|urls\.py")
SHOWN = (  # commands that the quick start has to show
    "initialize_buckets",
    "is_minio_available",
    "collectstatic",
    "makemigrations",
    "migrate",
    "clean_orphaned_minio_files --dry-run",
)
EXAMPLE_URL = "http://127.0.0.1:9000"
TIME_LIMIT = 120  # seconds for one command

MARKS = r"(?:before: |after: )?[a-z_]+\.py|OPTIONS|code|run|session|not run: [^\n]+?"
NOT_RUN = ("not run: ", "before: ", "after: ")
MARKER = re.compile(rf"^ *<!-- (?:{MARKS}) -->$", re.MULTILINE)
BLOCK = re.compile(
    rf"^(?P<indent> *)<!-- (?P<mark>{MARKS}) -->\n(?P=indent)```(?P<language>\w+)\n(?P<body>.*?)^(?P=indent)```$",
    re.MULTILINE | re.DOTALL,
)
FENCE = re.compile(r"^ *```(?P<language>\w*)[^\n]*\n.*?^ *```$", re.MULTILINE | re.DOTALL)
RUNNABLE = ("python", "pycon", "bash", "sh", "console")
BUCKET_NAME = re.compile(r'"(my-[a-z0-9-]+)"')

_OPTIONS = """
import sys
import django
django.setup()
from django_minio_backend.models import MinioBackend
from mysite import settings
for path in sys.argv[1:]:
    with open(path, encoding="utf-8") as file:
        entries = eval("{" + file.read() + "}", vars(settings))
    MinioBackend(**{**settings.STORAGES["default"]["OPTIONS"], **entries}).validate_settings()
"""
_CODE = "import importlib, sys, django; django.setup(); importlib.import_module(sys.argv[1])"
_SESSION = """
import doctest, sys
import django
django.setup()
sys.exit(doctest.testfile(sys.argv[1], module_relative=False, optionflags=doctest.ELLIPSIS).failed > 0)
"""


class DocumentError(RuntimeError):
    """A block does not work; the message says which, where and why."""


@dataclass(frozen=True)
class Block:
    """A marked block.

    Attributes:
        mark: the text of the comment before it.
        text: its lines, not indented.
        line: the number of its first line.
        language: of the block.
    """

    mark: str
    text: str
    line: int
    language: str


def blocks(markdown: str) -> list[Block]:
    """Return the marked blocks in their order.

    Raises:
        DocumentError: a block has no mark, or a mark stands before no block.
    """
    marked = [
        Block(
            match["mark"],
            textwrap.dedent(match["body"]),
            markdown.count("\n", 0, match.start("body")) + 1,
            match["language"],
        )
        for match in BLOCK.finditer(markdown)
    ]
    if len(marked) != len(MARKER.findall(markdown)):
        raise DocumentError("A mark stands before something that is not a fenced block.")
    lines = {block.line for block in marked}
    for match in FENCE.finditer(markdown):
        line = markdown.count("\n", 0, match.start()) + 2
        if match["language"] in RUNNABLE and line not in lines:
            raise DocumentError(f"The block in line {line} has no mark before it.")
    return marked


def require_commands(shown: Sequence[Block]) -> None:
    """Check that the quick start shows what a newcomer needs.

    Raises:
        DocumentError: a command is missing, or there is no session.
    """
    commands = "".join(block.text for block in shown if block.mark == "run")
    for command in SHOWN:
        if f"manage.py {command}" not in commands:
            raise DocumentError(f"No block marked 'run' has the command {command}.")
    if not any(block.mark == "session" for block in shown):
        raise DocumentError("No block is marked 'session'.")


@dataclass(frozen=True)
class Project:
    """The throw-away project.

    Attributes:
        folder: where manage.py is.
        variables: the environment of its processes.
        server_url: the URL of the server, such as `EXAMPLE_URL`.
        extended: the marks of the files that already hold a block.
    """

    folder: Path
    variables: Mapping[str, str]
    server_url: str
    extended: set[str] = field(default_factory=set)

    def create(self) -> None:
        """Create an empty project with its app."""
        self.run(["python", "-m", "django", "startproject", PROJECT, "."])
        self.run(["python", "manage.py", "startapp", APP])

    def write(self, page: Sequence[Block]) -> None:
        """Add the blocks to the project's files."""
        for block in page:
            if block.mark.endswith(".py"):
                file = self.folder / (PROJECT if FILES_OF_PROJECT.fullmatch(block.mark) else APP) / block.mark
                goes_on = block.mark in {"settings.py", "urls.py", *self.extended}
                old = file.read_text(encoding="utf-8") if goes_on else ""
                file.write_text(f"{old}\n{block.text}", encoding="utf-8")
                self.extended.add(block.mark)

    def execute(self, block: Block, path: Path) -> None:
        """Run a block's commands, its session, its module or a storage with its options."""
        where = f"{path.relative_to(ROOT)}, line {block.line}"
        if block.mark == "session":
            file = self.folder / f"session-{block.line}.txt"
            file.write_text(block.text.replace(EXAMPLE_URL, self.server_url), encoding="utf-8")
            self.run(["python", "-c", _SESSION, str(file)], f"{where}: the session")
        elif block.mark == "OPTIONS":
            file = self.folder / f"options-{block.line}.txt"
            file.write_text(block.text, encoding="utf-8")
            self.run(["python", "-c", _OPTIONS, str(file)], f"{where}: the options")
        elif block.mark == "code":
            file = self.folder / APP / f"example_{block.line}.py"
            file.write_text(block.text, encoding="utf-8")
            self.run(["python", "-c", _CODE, f"{APP}.{file.stem}"], f"{where}: the code")
        elif block.mark == "run":
            for line in block.text.splitlines():
                self.run(shlex.split(line, comments=True), f"{where}: {line}")

    def run(self, command: Sequence[str], title: str = "") -> None:
        """Run one command to its end and print its output.

        Raises:
            DocumentError: it failed.
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
            raise DocumentError(f"{title} has not ended within {TIME_LIMIT} seconds.") from error
        print(textwrap.indent(done.stdout, "  "), end="", flush=True)
        if done.returncode != 0:
            raise DocumentError(f"{title} ended with {done.returncode}.")


def environment(server: Server) -> dict[str, str]:
    """Return the variables that the quick start exports, together with those of this process."""
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
    """Check that none of the buckets exists already, and delete them in the end."""
    client = client_of(server)
    taken = sorted(names & {bucket.name for bucket in client.list_buckets()})
    if taken:
        raise DocumentError(f"The server at {server.endpoint} has buckets of these names already: {', '.join(taken)}.")
    try:
        yield
    finally:
        for bucket in client.list_buckets():
            if bucket.name in names:
                empty(client, bucket.name)
                for version in client.list_objects(bucket_name=bucket.name, recursive=True, include_version=True):
                    client.remove_object(
                        bucket_name=bucket.name,
                        object_name=str(version.object_name),
                        version_id=version.version_id,
                    )
                client.remove_bucket(bucket_name=bucket.name)


def check_page(path: Path, page: Sequence[Block], project: Project) -> None:
    """Write a page's files into a project and run the rest."""
    if path in {README, QUICK_START}:
        for block in page:
            project.write([block])
            project.extended.clear()
            project.execute(block, path)
        return
    project.write(page)
    if any(block.mark == "models.py" for block in page):
        project.run(["python", "manage.py", "makemigrations", "--no-input", "--verbosity", "0"])
        project.run(["python", "manage.py", "migrate", "--no-input", "--verbosity", "0"])
    for block in page:
        project.execute(block, path)


def check(pages: Mapping[Path, Sequence[Block]]) -> None:
    """Run the blocks of all pages, each in a project of its own."""
    blocks_of_all = [block for page in pages.values() for block in page]
    names = {name for block in blocks_of_all for name in BUCKET_NAME.findall(block.text)}
    with best_server() as server, tempfile.TemporaryDirectory(prefix="documents-") as temporary:
        print(f"Server: {server.describe()}", flush=True)
        server_url = f"{'https' if server.secure else 'http'}://{server.endpoint}"
        for number, (path, page) in enumerate(pages.items()):
            folder = Path(temporary, str(number))
            project = Project(folder, environment(server), server_url)
            print(f"\n## {path.relative_to(ROOT)}", flush=True)
            with only_new_buckets(server, names):
                if path in {README, QUICK_START}:
                    folder.mkdir()
                    project.create()
                    check_page(path, page, project)
                    # What was done must have been done for good.
                    project.run(["python", "manage.py", "makemigrations", "--check"])
                    project.run(["python", "manage.py", "initialize_buckets", "--check"])
                    if path == QUICK_START:
                        project.run(["python", "manage.py", "flush", "--no-input"])
                        shutil.copytree(folder, Path(temporary, "base"))
                else:
                    shutil.copytree(Path(temporary, "base"), folder)
                    project.run(["python", "manage.py", "initialize_buckets", "--silenced"])
                    project.extended.update({"models.py", "storages.py"})
                    check_page(path, page, project)


def pages_of(paths: Sequence[Path]) -> dict[Path, list[Block]]:
    """Return the blocks of these pages that have some, the quick start before those that need it.

    Raises:
        DocumentError: a page cannot be run, or the quick start lacks a command.
    """
    pages = {}
    for path in dict.fromkeys([README, QUICK_START, *sorted(paths)]):
        try:
            page = blocks(path.read_text(encoding="utf-8"))
            pages[path] = [block for block in page if not block.mark.startswith(NOT_RUN)]
        except DocumentError as error:
            raise DocumentError(f"{path.relative_to(ROOT)}: {error}") from error
    require_commands(pages[QUICK_START])
    return {path: page for path, page in pages.items() if page}


def main() -> int:
    """Check the pages and return the exit code."""
    paths = [Path(name).resolve() for name in sys.argv[1:]] or list(DOCS.rglob("*.md"))
    try:
        check(pages_of(paths))
    except (DocumentError, DemoError, ServerError) as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    print("\nEverything that README.md and docs/ show works.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
