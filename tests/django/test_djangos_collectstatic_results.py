"""Django's own collectstatic ends with the same files and messages as without the listings, on any storage class."""

from __future__ import annotations

import io
import os
import random
import re
import time
import tracemalloc
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from django.contrib.staticfiles.management.commands.collectstatic import Command
from django.core.files.base import ContentFile
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from django_minio_backend.models import MinioBackendStatic, MinioManifestStaticStorage
from django_minio_backend.staticfiles.collecting import django_run
from tests import settings as site
from tests.django.conftest import FILES
from tests.support.djangos_command import DJANGOS_MIXIN, HASHED, PLAIN, Unannounced, collect, touch
from tests.support.static_files import write
from tests.support.wire import counted, requests_made

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path

    from minio import Minio
    from pytest_django import Settings

    Using = Callable[..., AbstractContextManager[Any]]
    Objects = Callable[[], dict[str, bytes]]

pytestmark = pytest.mark.usefixtures("site_buckets")


# Classes of a project's


class Wrapping(MinioBackendStatic):
    """Stores what it has made of a file in memory."""

    def _save(self, name: str, content: Any) -> str:
        return super()._save(name, ContentFile(content.read()))


def test_a_collected_file_with_a_new_time_is_sent_although_its_content_is_the_same(
    folder: Path, static_storage: Using
) -> None:
    with static_storage(f"{__name__}.Wrapping"):
        collect()
        touch(folder / "style.css")
        with requests_made() as requests:
            assert "1 static file copied, 3 unmodified." in collect()
        assert counted(requests) == {"LIST": 3, "PUT": 1}


class Renaming(MinioBackendStatic):
    """Stores every file under a name of its own."""

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        root, dot, extension = super().get_available_name(name, max_length).rpartition(".")
        return f"{root.removesuffix('-renamed')}-renamed{dot}{extension}"


class Avoiding(MinioBackendStatic):
    """Stores a file under another name if its own exists."""

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        return f"other-{name}" if self.exists(name) else super().get_available_name(name, max_length)


class OwnManifest(MinioManifestStaticStorage):
    """Keeps its manifest elsewhere, by a method of its own that reads nothing of the storage."""

    written: ClassVar[dict[str, str]] = {}

    def save_manifest(self) -> None:
        OwnManifest.written = dict(self.hashed_files)


class Minifying(MinioManifestStaticStorage):
    """Rewrites collected files in the bucket before it hashes them."""

    def post_process(self, paths: Any, dry_run: bool = False, **options: Any) -> Iterator[Any]:  # noqa: FBT001, FBT002
        for name in list(paths):
            if name.endswith(".js"):
                with self.open(name) as file:
                    content = file.read()
                self.delete(name)
                assert not self.exists(name)
                self._save(name, ContentFile(content.replace(b" ", b"")))
                with self.open(name) as file:
                    assert b" " not in file.read()
        yield from super().post_process(paths, dry_run=dry_run, **options)


class Curious(MinioManifestStaticStorage):
    """Looks at each hashed file that it has stored."""

    def _save(self, name: str, content: Any) -> str:
        saved = super()._save(name, content)
        assert self.exists(saved)
        assert self.size(saved) == content.size
        with self.open(saved) as file:
            assert len(file.read()) == content.size
        return saved


class Intermediate(MinioManifestStaticStorage):
    """Keeps the files that later passes rename."""

    keep_intermediate_files = True


class Recording(MinioManifestStaticStorage):
    """Records the names under which files are stored."""

    names: ClassVar[list[str]] = []

    def _save(self, name: str, content: Any) -> str:
        Recording.names.append(name)
        return super()._save(name, content)


def test_other_objects_under_the_names_of_earlier_passes_are_deleted(
    folder: Path, static_storage: Using, objects: Objects, sdk: Minio
) -> None:
    write(folder, {"up.css": b"@import 'in/b.css';", "in/b.css": b"@import '../style.css';"})
    Recording.names.clear()
    with static_storage(f"{__name__}.Recording"):
        collect()
        before = objects()
        passed = set(Recording.names) - set(before)
        assert passed
        for name in passed:
            sdk.put_object(site.STATIC_BUCKET, name, io.BytesIO(b"other"), 5)
        collect()
        assert objects() == before


@pytest.mark.parametrize("kind", [Renaming, Avoiding, OwnManifest, Minifying, Curious, Intermediate])
def test_a_projects_class_stores_the_same_as_before(
    kind: type, folder: Path, static_storage: Using, objects: Objects
) -> None:
    write(
        folder, {"up.css": b"@import 'in/b.css';", "in/b.css": b"@import '../c.css';", "c.css": b"@import 'style.css';"}
    )
    outputs: list[list[str]] = []
    for location, command in (("as-is", Command), ("before", Unannounced)):
        with static_storage(f"{__name__}.{kind.__name__}", MINIO_LOCATION=location):
            outputs.append([])
            with static_storage(PLAIN, MINIO_LOCATION=location):
                collect()
            touch(folder / "images/red.png")
            for _ in range(3):
                outputs[-1].append(collect(command=command(), verbosity=2))
                touch(folder / "script.js")
                touch(folder / "style.css")
        write(folder, FILES)
    assert outputs[0] == outputs[1]
    assert below("as-is", objects()) == below("before", objects())
    if kind is OwnManifest:
        assert {f"before/{name}" for name in OwnManifest.written.values()} <= set(objects())


def below(location: str, contents: Mapping[str, bytes]) -> dict[str, bytes]:
    """Contents of a location by name; alternative names lose their random part."""
    return {
        re.sub(r"_[a-zA-Z0-9]{7}(?=\.)", "_*", key.removeprefix(f"{location}/")): content
        for key, content in contents.items()
        if key.startswith(f"{location}/")
    }


# The same results

NAMES = ("a.css", "b.css", "in/c.css", "in/deep/d.css", "red.png", "in/dot.svg", "code.js", "note.txt")


@st.composite
def file_sets(draw: st.DrawFn) -> dict[str, bytes]:
    """Files of which each style sheet refers to some of those after it in the list, so that references have an end."""
    names = [name for name in NAMES if draw(st.booleans())]
    files = {}
    for position, name in enumerate(names):
        content = draw(st.sampled_from([b"", b"1", b"22", b"long " * 50]))
        if name.endswith(".css"):
            others = [other for other in names[position + 1 :] if draw(st.booleans())]
            up = "../" * name.count("/")
            content += "".join(f"@import '{up}{other}';" for other in others).encode()
        files[name] = content
    return files


steps = st.lists(
    st.tuples(
        file_sets(),
        st.sampled_from([(), (), ("--clear",), ("--dry-run",), ("--no-post-process",)]),
        st.sampled_from([-3600, 3600]),  # when the files were changed, from now
        st.integers(0, 20),  # which object somebody else changes before, if there are so many
        st.booleans(),  # or deletes
    ),
    min_size=1,
    max_size=4,
)


@given(steps=steps, backend=st.sampled_from([PLAIN, HASHED, DJANGOS_MIXIN]), gzip=st.booleans())
@hypothesis_settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
def test_any_runs_end_with_the_same_files_and_messages_as_before(
    steps: Any, backend: str, gzip: Any, tmp_path: Path, settings: Settings, static_storage: Using, sdk: Minio
) -> None:
    source = tmp_path / f"{time.time_ns()}"
    source.mkdir()
    settings.STATICFILES_FINDERS = ["django.contrib.staticfiles.finders.FileSystemFinder"]
    settings.STATICFILES_DIRS = [source]
    base = source.name
    commands = {f"{base}/as-is": Command, f"{base}/before": Unannounced}
    for files, flags, age, victim, deletes in steps:
        for name in NAMES:
            (source / name).unlink(missing_ok=True)
        write(source, files)
        for name in files:
            os.utime(source / name, (time.time() + age,) * 2)
        outputs, contents = [], []
        for location, command in commands.items():
            meddle(sdk, location, victim, deletes=deletes)
            with static_storage(backend, MINIO_LOCATION=location, MINIO_STATIC_GZIP=gzip):
                outputs.append(collect(*flags, command=command(), verbosity=2))
            contents.append(stored_below(sdk, location))
        assert outputs[0] == outputs[1]
        assert contents[0] == contents[1]


def stored_below(sdk: Minio, location: str) -> dict[str, tuple[bytes, list[str | None]]]:
    """Content and headers of the objects in a location."""
    contents = {}
    for listed in sdk.list_objects(bucket_name=site.STATIC_BUCKET, prefix=f"{location}/", recursive=True):
        response = sdk.get_object(bucket_name=site.STATIC_BUCKET, object_name=str(listed.object_name))
        headers = [response.headers.get(name) for name in ("Content-Type", "Content-Encoding", "Cache-Control")]
        contents[str(listed.object_name).removeprefix(location)] = (response.read(decode_content=False), headers)
        response.release_conn()
    return contents


@pytest.mark.usefixtures("folder")
def test_compressed_files_are_stored_as_before(folder: Path, sdk: Minio, static_storage: Using) -> None:
    write(
        folder,
        {
            "long.css": b"a { background: url(images/red.png) }\n" * 40,
            "long.js": b"// " + random.Random(7).randbytes(900).hex().encode(),
        },
    )
    for location, command in (("as-is", Command), ("before", Unannounced)):
        with static_storage(HASHED, MINIO_LOCATION=location, MINIO_STATIC_GZIP=True):
            collect(command=command())
    stored = stored_below(sdk, "as-is")
    assert stored == stored_below(sdk, "before")
    assert len([content for content, headers in stored.values() if "gzip" in headers]) == 4


def meddle(sdk: Minio, location: str, victim: int, *, deletes: bool) -> None:
    """Change or delete one object, as another program would."""
    listed = [str(each.object_name) for each in sdk.list_objects(site.STATIC_BUCKET, f"{location}/", recursive=True)]
    if victim >= len(listed):
        return
    if deletes:
        sdk.remove_object(bucket_name=site.STATIC_BUCKET, object_name=listed[victim])
    elif not listed[victim].endswith("staticfiles.json"):  # which has to be JSON
        sdk.put_object(site.STATIC_BUCKET, listed[victim], io.BytesIO(b"changed"), 7)


def test_rewritten_files_are_not_all_kept_in_memory(
    folder: Path, monkeypatch: pytest.MonkeyPatch, objects: Objects, static_storage: Using
) -> None:
    write(folder, {f"{number}.js": random.Random(number).randbytes(500_000).hex().encode() for number in range(20)})
    write(folder, {"up.css": b"@import 'in/b.css';", "in/b.css": b"@import '../c.css';", "c.css": b"a {}"})
    monkeypatch.setattr(django_run, "MAX_HELD_BYTES", 4 * 1024**2)
    with static_storage(HASHED):
        tracemalloc.start()
        try:
            collect()
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert peak < 15 * 1024**2
        assert len(objects()) == 2 * (20 + 3 + 4) + 1
