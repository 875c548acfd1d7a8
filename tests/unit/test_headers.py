"""Headers are merged by their names, and file names encoded where nothing else is said."""

from __future__ import annotations

import pytest

from django_minio_backend.transport import headers


def test_later_headers_win_whatever_the_case_of_their_names() -> None:
    assert headers.checked_for("a", {"Content-Type": "a/b"}, {"content-type": "c/d"}) == {"content-type": "c/d"}


def test_metadata_that_is_no_text_is_sent_as_text() -> None:
    given = {"pages": 3, "tags": ["a", 5], "exact": True}
    assert headers.checked_metadata(given) == {"pages": "3", "tags": ["a", "5"], "exact": "True"}


@pytest.mark.parametrize("name", ["Content-Disposition", "content-disposition", "response-content-disposition"])
def test_file_names_of_a_disposition_are_encoded(name: str) -> None:
    assert headers.checked({name: "inline; filename=ü"}) == {name: "inline; filename=\"u\"; filename*=UTF-8''%C3%BC"}


@pytest.mark.parametrize("name", ["X-Amz-Meta-Content-Disposition", "Content-Type"])
def test_other_headers_are_not(name: str) -> None:
    with pytest.raises(headers.HeaderError, match=name):
        headers.checked({name: "inline; filename=ü"})


def test_empty_values_are_headers() -> None:
    assert headers.checked({"X-Empty": ""}) == {"X-Empty": ""}
