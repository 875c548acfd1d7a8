"""Checks whether a server is available, and if not, why."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from ..errors import BadResponseError
from ..redaction.request_description import https_is_wanted, https_wanted, reason_of
from ..transport.redirects import is_redirect, redirect_error
from .deadline import run_with_timeout

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

    from ..options.fields import StorageOptions
    from ..s3.client import S3Client

TIMEOUT = 3.0  # seconds, to connect and for each read
DEADLINE = 4.0  # seconds for all requests
LIVENESS_PATH = "/minio/health/live"  # https://min.io/docs/minio/linux/operations/monitoring/healthcheck-probe.html


class MinioServerStatus:
    """Whether a server is available; true if it is.

    Attributes:
        status: HTTP status of the response; None if there was none.
        data: body of the response; None if there was none.
        is_available: whether the response is that of a live server.
        details: requests and responses in words.
    """

    def __init__(self, response: BaseHTTPResponse | None) -> None:
        self.status: int | None = None if response is None else response.status
        self.data: bytes | None = None if response is None else response.data
        self.is_available = self.status == 200  # noqa: PLR2004 - OK
        self._messages: list[str] = []

    @classmethod
    def unavailable(cls, reason: str) -> MinioServerStatus:
        """The status of a server without a response."""
        status = cls(None)
        status.add_message(reason)
        return status

    @property
    def details(self) -> str:
        """All messages, one a line."""
        return "\n".join(self._messages)

    def add_message(self, text: str) -> None:
        """Add one line to the details."""
        self._messages.append(text)

    def __bool__(self) -> bool:
        return self.is_available

    def __repr__(self) -> str:
        return f"<MinioServerStatus: {'available' if self else 'not available'}, status {self.status}: {self.details}>"


def server_status(client: S3Client, options: StorageOptions) -> MinioServerStatus:
    """Check whether a server is available: within seconds, without retries, and without raising an exception.

    MinIO has a liveness URL. Any other S3 server gets an anonymous GET of ``/`` and has to return an S3 response:
    a page of a web server on that port does not count.
    """
    from urllib3.exceptions import HTTPError  # here, as its import is slow

    from ..certificate_errors import CertificateError, NotHttpsError

    url = options.base_url() + LIVENESS_PATH
    until = time.monotonic() + DEADLINE
    try:
        response = _get(client, url, until)
        status = MinioServerStatus(response)
        if not (status and _is_liveness(response)):
            first_message = f"GET {url} returned status {status.status}."
            url = options.base_url() + "/"
            response = _get(client, url, until)
            status = MinioServerStatus(response)
            status.add_message(first_message)
            status.is_available = _is_s3_response(response)
    except (CertificateError, NotHttpsError, BadResponseError) as error:
        return MinioServerStatus.unavailable(f"GET {url} failed: {error}")
    except (HTTPError, OSError, ValueError) as error:
        return MinioServerStatus.unavailable(
            f"GET {url} got no response: {reason_of(error)}. Is the server running, and the endpoint right?"
        )
    if is_redirect(response.status):
        status.add_message(str(redirect_error("GET", url, response, response.data)))
        return status
    if https_is_wanted(response.status, response.data):
        status.add_message(https_wanted(url))
        return status
    kind = "an S3 server" if status else "not the response of an S3 server; is this the right port?"
    status.add_message(f"GET {url} returned status {status.status}: {kind}")
    return status


def _get(client: S3Client, url: str, until: float) -> BaseHTTPResponse:
    from ..transport.pool import ask

    try:
        return run_with_timeout(until - time.monotonic(), lambda: ask(client.http, url, seconds=TIMEOUT, until=until))
    except TimeoutError:
        raise TimeoutError(f"no complete response within {DEADLINE} seconds") from None


def _is_liveness(response: BaseHTTPResponse) -> bool:
    """Whether it may be MinIO's liveness response, which has no body; a web page has one and no request ID."""
    return not response.data or "x-amz-request-id" in response.headers


def _is_s3_response(response: BaseHTTPResponse) -> bool:
    """Whether an S3 server sent this: XML of S3's; 5xx means that it is not ready."""
    if response.status >= 500:  # noqa: PLR2004 - server errors
        return False
    is_xml = "xml" in response.headers.get("content-type", "") or response.data.lstrip().startswith(b"<?xml")
    return is_xml and (b"<Error" in response.data or b"ListAllMyBucketsResult" in response.data)
