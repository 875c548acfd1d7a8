"""Open modes as Python's own open() spells them."""

from __future__ import annotations

import itertools
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_minio_backend.files.file import parse_mode

LETTERS = "rwxabt+U"
MODES = ["".join(mode) for length in range(4) for mode in itertools.product(LETTERS, repeat=length)]


def python_accepts(mode: str) -> bool:
    try:
        with open(os.devnull, mode):  # noqa: PTH123 - the built-in is what is compared
            return True
    except FileExistsError:
        return True  # "x" is valid, but the file exists
    except ValueError:
        return False


@pytest.mark.parametrize("mode", [mode for mode in MODES if not set(mode) & set("+a")])
def test_a_mode_is_accepted_if_python_accepts_it(mode: str) -> None:
    if not python_accepts(mode):
        with pytest.raises(ValueError, match="invalid mode"):
            parse_mode(mode)
    else:
        assert parse_mode(mode) == ("".join(set(mode) & set("rwx")), "b" not in mode)


@pytest.mark.parametrize("mode", [mode for mode in MODES if set(mode) & set("+a")])
def test_the_error_for_appending_and_updating_says_what_to_do(mode: str) -> None:
    with pytest.raises(ValueError, match=r"cannot be appended to or changed in place.*Read it with 'r'"):
        parse_mode(mode)


@given(mode=st.text(max_size=4))
def test_any_other_text_is_an_invalid_mode(mode: str) -> None:
    try:
        kind, is_text = parse_mode(mode)
    except ValueError:
        return
    assert sorted(mode) in [sorted(kind), sorted(f"{kind}b"), sorted(f"{kind}t")]
    assert is_text == ("b" not in mode)
