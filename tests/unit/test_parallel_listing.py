"""The parts of a bucket that are listed at once leave nothing out and have nothing twice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from hypothesis import given
from hypothesis import strategies as st

from django_minio_backend.orphans.parallel_listing import cut, groups_of
from django_minio_backend.s3 import listing

if TYPE_CHECKING:
    import pytest

    from django_minio_backend.s3.client import S3Client

NAMES = st.lists(st.text(alphabet="ab/-\u00e9", min_size=1, max_size=4), unique=True)
A_PAGE = 4


def of(key: str, prefixes: list[str]) -> int:
    return sum(key.startswith(prefix) for prefix in prefixes)


@given(names=NAMES, most=st.integers(1, 9))
def test_each_name_has_exactly_one_group(names: list[str], most: int) -> None:
    groups = groups_of(names, most)
    assert all(of(name, groups) == 1 for name in names)
    assert all(any(name.startswith(group) for name in names) for group in groups)


def test_folders_of_one_level_are_taken_together() -> None:
    days = [f"2026-{month}-{day}/" for month in range(1, 13) for day in range(1, 29)]
    groups = groups_of(days, 8)
    assert 8 <= len(groups) <= 18
    assert "2026-2-" in groups


@given(keys=NAMES, parts=st.integers(1, 9), prefixes=st.sampled_from([[""], ["a"], ["a/", "b"]]))
def test_each_key_has_exactly_one_part(keys: list[str], parts: int, prefixes: list[str]) -> None:
    asked = []

    def children(_: object, __: str, prefix: str) -> list[str] | None:
        """As a server answers whose pages are small."""
        asked.append(prefix)
        below = [key for key in keys if key.startswith(prefix)]
        ends = [(key, key.find("/", len(prefix))) for key in below]
        found = sorted({key if end < 0 else key[: end + 1] for key, end in ends})
        return found if len(found) <= A_PAGE else None

    original = listing.short_directory
    listing.short_directory = cast("Any", children)
    try:
        made = cut(cast("S3Client", None), "bucket", prefixes, parts)
    finally:
        listing.short_directory = original
    inside = [key for key in keys if of(key, prefixes)]
    assert [key for key in keys if of(key, made)] == inside
    assert all(of(key, made) == 1 for key in inside)
    assert len(asked) == len(set(asked))


def test_a_large_folder_stays_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    answers: dict[str, list[str] | None] = {"": ["a/", "b/"], "a/": None, "b/": ["b/1", "b/2"]}
    monkeypatch.setattr(listing, "short_directory", lambda _, __, prefix: answers[prefix])
    assert sorted(cut(cast("S3Client", None), "bucket", [""], 4)) == ["a/", "b/1", "b/2"]
