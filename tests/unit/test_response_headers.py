"""Response headers that a presigned URL may set."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_minio_backend.object_urls.response_headers import RESPONSE_HEADERS, checked, content_disposition

DISPOSITION = "response-content-disposition"


@given(st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1))
def test_a_download_has_the_name_that_was_given(filename: str) -> None:
    header = content_disposition(filename)
    filename = filename.replace("/", "_").replace("\\", "_").replace("..", "_")
    assert header.startswith('attachment; filename="')
    assert header.isascii()
    assert header.isprintable()
    if "filename*" in header:
        plain, _, encoded = header.rpartition("; filename*=UTF-8''")
        assert unquote(encoded, errors="strict") == filename  # RFC 8187 is percent-encoded UTF-8
        assert "%" not in plain  # which some browsers would decode
    else:
        assert header == 'attachment; filename="{}"'.format(filename.replace('"', r"\""))


@pytest.mark.parametrize(
    ("filename", "header"),
    [
        ("plan.pdf", 'attachment; filename="plan.pdf"'),
        ('a "b".txt', r'attachment; filename="a \"b\".txt"'),
        ("Grüße.pdf", "attachment; filename=\"Gru_e.pdf\"; filename*=UTF-8''Gr%C3%BC%C3%9Fe.pdf"),
        ("世界.txt", "attachment; filename=\"__.txt\"; filename*=UTF-8''%E4%B8%96%E7%95%8C.txt"),
        ("100%.txt", "attachment; filename=\"100_.txt\"; filename*=UTF-8''100%25.txt"),
    ],
)
def test_names_of_downloads_are_written_in_both_ways(filename: str, header: str) -> None:
    assert content_disposition(filename) == header


def test_a_file_can_be_shown_under_its_name() -> None:
    assert content_disposition("plan.pdf", inline=True) == 'inline; filename="plan.pdf"'


@pytest.mark.parametrize(
    ("filename", "header"),
    [
        ("../../etc/passwd", 'attachment; filename="____etc_passwd"'),
        ("..\\run.exe", 'attachment; filename="__run.exe"'),
        ("a/b.txt", 'attachment; filename="a_b.txt"'),
        ("a...txt", 'attachment; filename="a_.txt"'),
        ("℀.txt", "attachment; filename=\"a_c.txt\"; filename*=UTF-8''%E2%84%80.txt"),  # a/c, decomposed
        ("ü/..", "attachment; filename=\"u__\"; filename*=UTF-8''%C3%BC__"),
    ],
)
def test_no_name_of_a_download_leads_to_another_folder(filename: str, header: str) -> None:
    assert content_disposition(filename) == header
    assert checked({DISPOSITION: f'attachment; filename="{filename}"'.replace("\\", r"\\")}) == {DISPOSITION: header}


@pytest.mark.parametrize("filename", ["\ud800", "", "a\nb", "a\r\nSet-Cookie: x", "a\0", "a\x7f", "a\u2028b"])
def test_control_characters_are_no_file_name(filename: str) -> None:
    with pytest.raises(ValueError, match="control characters"):
        content_disposition(filename)


def test_all_six_parameters_are_known() -> None:
    given = dict.fromkeys(RESPONSE_HEADERS, "value")
    assert len(given) == 6
    assert checked(given) == given


@pytest.mark.parametrize(
    "name", ["content-type", "Response-Content-Type", "response-x", "versionId", "X-Amz-Expires", "", None]
)
def test_other_parameters_are_refused(name: Any) -> None:
    with pytest.raises(ValueError, match="response-content-type"):
        checked({name: "value"})


@pytest.mark.parametrize("value", ["a\r\nb: c", "a\nb", "\0", "a\x1fb", "a\x7fb", "a\x85b"])
def test_control_characters_are_refused(value: str) -> None:
    for name in RESPONSE_HEADERS:
        with pytest.raises(ValueError, match="control characters"):
            checked({name: value})


@pytest.mark.parametrize("value", ["", None, 1, b"bytes"])
def test_values_are_text(value: Any) -> None:
    with pytest.raises(ValueError, match="string"):
        checked({"response-content-type": value})


@pytest.mark.parametrize("given", ["response-expires", 1, [("response-expires", "0")]])
def test_response_headers_are_a_mapping(given: Any) -> None:
    with pytest.raises(ValueError, match="mapping"):
        checked(given)


@pytest.mark.parametrize("how", ['attachment; filename="{}"', "attachment;filename={}", "attachment ; filename = {}"])
def test_a_file_name_in_any_script_is_encoded(how: str) -> None:
    found = checked({DISPOSITION: how.format("Grüße 世界.pdf")})
    assert found == {DISPOSITION: content_disposition("Grüße 世界.pdf")}


def test_escaped_quotes_count_as_quotes() -> None:
    found = checked({DISPOSITION: r'inline; filename="ü \"a\".txt"'})
    assert found == {DISPOSITION: content_disposition('ü "a".txt', inline=True)}


@pytest.mark.parametrize("name", sorted(RESPONSE_HEADERS))
def test_other_text_has_to_be_ascii(name: str) -> None:
    with pytest.raises(ValueError, match="ASCII"):
        checked({name: "form-data; name=ü"})


@pytest.mark.parametrize(
    "disposition",
    [
        "attachment; filename=\"a.txt\"; filename*=UTF-8''%C3%BC.txt",
        "attachment;filename=a.txt",
        'inline ; FileName = "a b"',
        "attachment",
        'form-data; name="a"; filename="b"',
    ],
)
def test_ascii_dispositions_stay_as_they_are(disposition: str) -> None:
    assert checked({DISPOSITION: disposition}) == {DISPOSITION: disposition}


@given(
    st.lists(st.sampled_from(["attachment", "inline", "filename", *' ;="\\/.ü']), max_size=30).map("".join),
)
def test_a_disposition_is_refused_or_fit_for_a_header(disposition: str) -> None:
    try:
        sent = checked({DISPOSITION: disposition})[DISPOSITION]
    except ValueError:
        return
    assert sent.isascii()
    assert sent.isprintable()
