"""MinioServerStatus: what users test as a boolean and print."""

from __future__ import annotations

import pytest
import urllib3

from django_minio_backend.utils import MinioServerStatus


def answer(status: int, body: bytes = b"") -> urllib3.HTTPResponse:
    return urllib3.HTTPResponse(body=body, status=status)


def test_status_200_means_available() -> None:
    status = MinioServerStatus(answer(200, b"fine"))
    assert status
    assert status.is_available is True
    assert (status.status, status.data) == (200, b"fine")


@pytest.mark.parametrize("code", [204, 301, 400, 403, 404, 500, 503])
def test_any_other_status_means_not_available(code: int) -> None:
    status = MinioServerStatus(answer(code))
    assert not status
    assert status.is_available is False
    assert status.status == code


def test_no_response_means_not_available() -> None:
    status = MinioServerStatus(None)
    assert not status
    assert (status.status, status.data, status.details) == (None, None, "")


def test_messages_are_the_details_one_a_line() -> None:
    status = MinioServerStatus(answer(503))
    status.add_message("first")
    status.add_message("second")
    assert status.details == "first\nsecond"
    assert repr(status) == "<MinioServerStatus: not available, status 503: first\nsecond>"
