"""Percent-encoding: urllib's, for any text."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_minio_backend.object_urls.quoting import quoted_parameter, quoted_path

if TYPE_CHECKING:
    from collections.abc import Callable

TEXT = st.text(st.characters(exclude_categories=["Cs"]))


@given(TEXT)
def test_a_path_is_encoded_as_urllib_does_it(text: str) -> None:
    assert quoted_path(text) == quote(text)


@given(TEXT)
def test_a_parameter_is_encoded_as_urllib_does_it(text: str) -> None:
    assert quoted_parameter(text) == quote(text, safe="")


def test_every_ascii_letter_is_encoded_as_urllib_does_it() -> None:
    text = "".join(map(chr, range(128)))
    assert (quoted_path(text), quoted_parameter(text)) == (quote(text), quote(text, safe=""))
    assert quoted_path("a\n") == "a%0A"


@pytest.mark.parametrize("encode", [quoted_path, quoted_parameter])
def test_what_is_not_unicode_is_refused(encode: Callable[[str], str]) -> None:
    with pytest.raises(UnicodeEncodeError):
        encode("\ud800")
