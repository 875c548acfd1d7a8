"""Does a server answer, and if not, why."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from ..errors import BadResponseError
from ..redaction.request_description import https_is_wanted, https_wanted, reason_of
from ..transport.redirects import is_redirect, redirect_error
from .deadline import within

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

    from ..options.fields import StorageOptions
    from ..s3.client import S3Client

TIMEOUT = 3.0  # seconds, to connect and for each read
DEADLINE = 4.0  # seconds for all that is asked
LIVENESS_PATH = "/minio/health/live"  # https://min.io/docs/minio/linux/operations/monitoring/healthcheck-probe.html


class MinioServerStatus:
    """Answer to "is the server there?"; true if it is.

    Attributes:
        status: HTTP status of the answer, None where there was none.
        data: body of the answer.
        is_available: whether it is the answer of a live server.
        details: what was asked and answered, in words.
    """

    def __init__(self, response: BaseHTTPResponse | None) -> None:
        self.status: int | None = None if response is None else response.status
        self.data: bytes | None = None if response is None else response.data
        self.is_available = self.status == 200  # noqa: PLR2004 - OK
        self._messages: list[str] = []

    @classmethod
    def of_nothing(cls, reason: str) -> MinioServerStatus:
        """The status of a server that could not be asked, or did not answer."""
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
    """Ask a server whether it is alive: within seconds, without retries, and never by an exception.

    MinIO answers at its liveness address. Any other S3 server is asked for ``/`` without a signature, and
    its answer has to be one of S3's: a page of a web server on that port does not count.
    """
    from urllib3.exceptions import HTTPError  # here, as it takes long when Django starts

    from ..certificate_errors import CertificateError, NotHttpsError

    address = options.base_url()
    asked = address + LIVENESS_PATH
    until = time.monotonic() + DEADLINE
    try:
        response = _get(client, asked, until)
        status = MinioServerStatus(response)
        if not (status and _is_liveness(response)):
            other = address + "/"
            response = _get(client, other, until)
            found = MinioServerStatus(response)
            found.add_message(f"GET {asked} answered {status.status}.")
            status, asked = found, other
            status.is_available = _is_answer_of_s3(response)
    except (CertificateError, NotHttpsError, BadResponseError) as error:
        return MinioServerStatus.of_nothing(f"GET {asked} failed: {error}")
    except (HTTPError, OSError, ValueError) as error:
        return MinioServerStatus.of_nothing(
            f"GET {asked} was not answered: {reason_of(error)}. Is the server running, and the endpoint right?"
        )
    if is_redirect(response.status):
        status.add_message(str(redirect_error("GET", asked, response, response.data)))
        return status
    if https_is_wanted(response.status, response.data):
        status.add_message(https_wanted(asked))
        return status
    kind = "an S3 server" if status else "no answer of an S3 server; is this the right port?"
    status.add_message(f"GET {asked} answered {status.status}: {kind}")
    return status


def _get(client: S3Client, url: str, until: float) -> BaseHTTPResponse:
    from ..transport.pool import ask

    try:
        return within(until - time.monotonic(), lambda: ask(client.http, url, seconds=TIMEOUT, until=until))
    except TimeoutError:
        raise TimeoutError(f"no whole answer within {DEADLINE} seconds") from None


def _is_liveness(response: BaseHTTPResponse) -> bool:
    """MinIO's "I am alive" has no body and a number; a web page has neither nor."""
    return not response.data or "x-amz-request-id" in response.headers


def _is_answer_of_s3(response: BaseHTTPResponse) -> bool:
    """S3 servers answer in XML and number their answers; 5xx means not ready."""
    if response.status >= 500:  # noqa: PLR2004 - server errors
        return False
    is_xml = "xml" in response.headers.get("content-type", "") or response.data.lstrip().startswith(b"<?xml")
    return is_xml and (b"<Error" in response.data or b"ListAllMyBucketsResult" in response.data)
