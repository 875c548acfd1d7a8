"""A site that moves: its files are a guide's blocks, and its commands run with the old library or with this one."""

from __future__ import annotations

import ast
import json
import os
import re
import shlex
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tools.check_documents import BUCKET_NAME, DOCS, blocks

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from tools.check_documents import Block
    from tools.servers import Server

TIME_LIMIT = 120  # seconds for one command
SITE, APP = "mysite", "documents"
FILES = {
    "manage.py": """
import os, sys
os.environ["DJANGO_SETTINGS_MODULE"] = "mysite.settings"
from django.core.management import execute_from_command_line
execute_from_command_line(sys.argv)
""",
    f"{SITE}/__init__.py": "",
    f"{SITE}/urls.py": "urlpatterns = []\n",
    f"{APP}/__init__.py": "",
    "assets/css/site.css": "body { background: url(../images/dot.png) }\n" * 40,
    "assets/images/dot.png": "not really a picture\n",
    "assets/scripts/größe.js": "console.log('größe');\n",
}
SETTINGS = f"""
import os
from datetime import timedelta
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent
SECRET_KEY = "-"
USE_TZ = True
DEBUG = False
ROOT_URLCONF = "{SITE}.urls"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DATABASES = {{"default": {{"ENGINE": "django.db.backends.sqlite3", "NAME": BASE_DIR / os.environ["DATABASE"]}}}}
STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "static-root"
STATICFILES_DIRS = [BASE_DIR / "assets"]
"""
# The guides write "..." for the apps that stay.
APPS = f"""
_STAY = ["django.contrib.contenttypes", "django.contrib.staticfiles", "{APP}"]
INSTALLED_APPS = [app for entry in INSTALLED_APPS for app in (_STAY if entry is ... else [entry])]
"""
# Names as fields make them, and names that are stored as they are: with spaces, and with what URLs have to quote.
STORE = """
import hashlib, json
import django
django.setup()
from django.core.files.base import ContentFile
from django.db.models import FileField
from documents.models import Document

UPLOADS = {
    "report.txt": b"All is well. " * 50,
    "Übersicht - 日本語.html": b"<p>\\xc3\\xbc</p>" * 50,
    "cafe\\u0301 (1).svg": b"<svg xmlns='http://www.w3.org/2000/svg'/>" * 50,
    "my photo.jpg": bytes(range(256)) * 20,
    "large.bin": bytes(range(256)) * 4 * 1024 * 9,
    "empty.json": b"",
}
NAMES = ["with spaces/and/more of them.txt", "nested/ä/日本/q?a=1&b+c #1 100%20.txt", "plain.txt"]
fields = [field.name for field in Document._meta.fields if isinstance(field, FileField)]

stored = {}
def remember(document, name, content):
    stored[f"{document.pk} {name} {getattr(document, name).name}"] = hashlib.sha256(content).hexdigest()

for upload, content in [*UPLOADS.items(), ("report.txt", b"another one")]:
    document = Document.objects.create()
    for name in fields:
        getattr(document, name).save(upload, ContentFile(content))
        remember(document, name, content)
for path in NAMES:
    document = Document()
    for name in fields:
        storage = Document._meta.get_field(name).storage
        setattr(document, name, storage.save(path, ContentFile(path.encode())))
    document.save()
    for name in fields:
        remember(document, name, path.encode())
print(json.dumps(stored))
"""
# With "url", opens every URL as a browser does.
READ = """
import gzip, hashlib, json, sys, urllib.request
import django
django.setup()
from django.db.models import FileField
from documents.models import Document

def downloaded(url):
    with urllib.request.urlopen(url, timeout=30) as response:
        content = response.read()
        return gzip.decompress(content) if response.headers["Content-Encoding"] == "gzip" else content

read = {}
for document in Document.objects.order_by("pk"):
    for field in Document._meta.fields:
        if isinstance(field, FileField):
            file = getattr(document, field.name)
            if "url" in sys.argv:
                content = downloaded(file.url)
            else:
                with file.open("rb") as opened:
                    content = opened.read()
            read[f"{document.pk} {field.name} {file.name}"] = hashlib.sha256(content).hexdigest()
print(json.dumps(read))
"""


@dataclass
class Guide:
    """A page of docs/coming-from/ with the buckets and the server of this test.

    Attributes:
        page: its name.
        buckets: real names by the page's names.
        server: the endpoint stands in the place of the page's.
    """

    page: str
    buckets: Mapping[str, str]
    server: Server

    @classmethod
    def read(cls, page: str, server: Server, new_name: Callable[[], str]) -> Guide:
        """Return a guide whose buckets have new names."""
        names = {name for block in page_blocks(page) for name in BUCKET_NAME.findall(block.text)}
        return cls(page, {name: new_name() for name in sorted(names)}, server)

    def files(self, when: str) -> dict[str, str]:
        """Return the files of "before" or "after", by name."""
        marked = [block for block in page_blocks(self.page) if block.mark.startswith(f"{when}: ")]
        assert marked, f"{self.page}: no block is marked with {when}"
        return {block.mark.partition(": ")[2]: self.adapted(block.text) for block in marked}

    def code(self, name: str, page: str = "") -> str:
        """Return the block that is marked with this name and nothing before it."""
        [block] = [block for block in page_blocks(page or self.page) if block.mark == name]
        return self.adapted(block.text)

    def commands(self) -> list[list[str]]:
        """Return the commands that the page lets its reader run, in their order."""
        shown = [block.text for block in page_blocks(self.page) if block.mark == "run"]
        return [shlex.split(line, comments=True) for text in shown for line in text.splitlines()]

    def adapted(self, text: str) -> str:
        """Return a block with this test's buckets and endpoint."""
        for name, bucket in self.buckets.items():
            text = text.replace(f'"{name}"', f'"{bucket}"')
        return text.replace("127.0.0.1:9000", self.server.endpoint)


def page_blocks(page: str) -> list[Block]:
    """Return the marked blocks of a page, by its path in docs/ or its name in docs/coming-from/."""
    path = DOCS / (f"{page}.md" if "/" in page else f"coming-from/{page}.md")
    return blocks(path.read_text(encoding="utf-8"))


class Project:
    """The site in a folder of its own."""

    def __init__(self, folder: Path, server: Server) -> None:
        self.folder = folder
        self.variables = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "MINIO_", "COV_"))},
            "DJANGO_SETTINGS_MODULE": f"{SITE}.settings",
            "PYTHONPATH": str(folder),
            "PYTHONUTF8": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
            "DATABASE": "db.sqlite3",
            "MINIO_ENDPOINT": server.endpoint,
            "MINIO_ACCESS_KEY": server.access_key,
            "MINIO_SECRET_KEY": server.secret_key,
        }
        for name, text in FILES.items():
            self.write(name, text)

    def write(self, name: str, text: str) -> None:
        """Write a file."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def use(self, files: Mapping[str, str], *, settings: Sequence[str] = ()) -> None:
        """Write a guide's files; its settings come after those of every site and these."""
        for name, text in files.items():
            if name == "settings.py":
                self.write(f"{SITE}/settings.py", "".join([SETTINGS, *settings, text, APPS]))
            else:
                self.write(f"{APP}/{name}", text)

    def run(self, python: Path, *command: str, database: str = "", expected: int = 0) -> str:
        """Run a program of Python to its end and return what it prints."""
        done = subprocess.run(
            [str(python), *command],
            cwd=self.folder,
            env={**self.variables, **({"DATABASE": database} if database else {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            timeout=TIME_LIMIT,
            check=False,
        )
        assert done.returncode == expected, f"{shlex.join(command)[:200]}\n{done.stdout}\n{done.stderr[-4000:]}"
        return done.stdout + done.stderr

    def store(self, python: Path) -> dict[str, str]:
        """Store files in every field; return the SHA-256 of each by row, field and name."""
        return self._json(python, STORE)

    def read(self, python: Path) -> dict[str, str]:
        """Read every row's files by the storage; return as `store` does."""
        return self._json(python, READ)

    def download(self, python: Path) -> dict[str, str]:
        """Read every row's files by their URLs; return as `store` does."""
        return self._json(python, READ, "url")

    def _json(self, python: Path, script: str, *arguments: str) -> dict[str, str]:
        read: dict[str, str] = json.loads(self.run(python, "-c", script, *arguments).splitlines()[-1])
        return read

    def migrations(self) -> str:
        """Return the text of the app's migrations."""
        paths = sorted((self.folder / APP / "migrations").glob("0*.py"))
        return "".join(path.read_text(encoding="utf-8") for path in paths)

    def convert_migrations(self, functions: Mapping[str, str]) -> None:
        """Write functions into the migrations instead of the storages of these fields, as the guides say."""
        for path in (self.folder / APP / "migrations").glob("0*.py"):
            text = path.read_text(encoding="utf-8")
            for field, function in functions.items():
                text = _with_storage(text, field, f"{APP}.storages.{function}")
            text = re.sub(rf"^import {APP}\.storages\n", "", text, flags=re.MULTILINE)
            for module in re.findall(r"^import ([\w.]+)$", text, re.MULTILINE):
                if f"{module}." not in text:
                    text = text.replace(f"import {module}\n", "")
            path.write_text(f"import {APP}.storages\n{text}", encoding="utf-8")


def _with_storage(text: str, field: str, function: str) -> str:
    """Replace the value of `storage=` in the field's line of a migration."""
    [value] = [
        keyword.value
        for entry in ast.walk(ast.parse(text))
        if isinstance(entry, ast.Tuple) and isinstance(entry.elts[0], ast.Constant) and entry.elts[0].value == field
        for keyword in getattr(entry.elts[1], "keywords", [])
        if keyword.arg == "storage"
    ]
    source = ast.get_source_segment(text, value)
    assert source
    return text.replace(f"storage={source}", f"storage={function}", 1)
