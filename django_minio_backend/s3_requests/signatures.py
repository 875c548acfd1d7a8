"""Checks Signature Version 4 in headers and in presigned URLs.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-authenticating-requests.html
"""

from __future__ import annotations

import hmac
import re
import time
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING
from urllib.parse import quote

from .messages import RequestError, seconds_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from .messages import Request

    Secret = tuple[str, str]
    """Secret key and session token, which is empty for permanent credentials."""
    Accounts = Callable[[str], Secret | None]
    """Returns the secret of an access key; None for an unknown one."""

ALGORITHM = "AWS4-HMAC-SHA256"
UNSIGNED = "UNSIGNED-PAYLOAD"
MAX_SKEW = 15 * 60  # seconds
MAX_EXPIRY = 7 * 24 * 3600  # seconds

_AUTHORIZATION = re.compile(rf"{ALGORITHM}\s+Credential=([^,\s]+),\s*SignedHeaders=([^,\s]+),\s*Signature=([0-9a-f]+)")


@dataclass(frozen=True)
class Signed:
    """A verified signature.

    Attributes:
        access_key: of the signer.
        key: that signs chunks as well.
        date: as in X-Amz-Date.
        scope: day, region and service.
        signature: in hexadecimal.
    """

    access_key: str
    key: bytes
    date: str
    scope: str
    signature: str

    def sign(self, text: str) -> str:
        """The signature of a text by the same key."""
        return hmac.digest(self.key, text.encode(), "sha256").hex()


@lru_cache(maxsize=64)
def signing_key(secret: str, date: str, region: str, service: str) -> bytes:
    """The key that signs for a day, region and service."""
    key = f"AWS4{secret}".encode()
    for part in (date, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


def verify(request: Request, accounts: Accounts) -> Signed | None:
    """Verify the signature of a request; None if it has none.

    Raises:
        RequestError: it does not match, has expired, or is by an unknown key.
    """
    if "X-Amz-Algorithm" in request.parameters:
        return _verify_query(request, accounts)
    authorization = request.header("authorization")
    if not authorization:
        return None
    match = _AUTHORIZATION.fullmatch(authorization.strip())
    if match is None:
        raise RequestError("AuthorizationHeaderMalformed", f"The Authorization header is not {ALGORITHM}'s.")
    date = request.header("x-amz-date")
    moment = seconds_of(date)
    if moment is None:
        raise RequestError("AccessDenied", "The X-Amz-Date header is missing or invalid.")
    if abs(time.time() - moment) > MAX_SKEW:
        raise RequestError("RequestTimeTooSkewed", "The request's time differs too much from the server's.")
    credential, names, signature = match.groups()
    token = request.header("x-amz-security-token")
    payload = request.header("x-amz-content-sha256") or UNSIGNED
    signed = prepared(credential, date, signature, token, accounts)
    _compare(request, signed, names.split(";"), request.query, payload)
    return signed


def prepared(credential: str, date: str, signature: str, token: str, accounts: Accounts) -> Signed:
    """The signature to compare with, by the secret of its access key.

    Raises:
        RequestError: the key is unknown, or the scope or session token is wrong.
    """
    access_key, *scope = credential.rsplit("/", 4)
    if len(scope) != 4 or scope[0] != date[:8] or scope[3] != "aws4_request":  # noqa: PLR2004 - day, region, service, end
        raise RequestError("AuthorizationQueryParametersError", "The scope of the credential is invalid.")
    secret = accounts(access_key)
    if secret is None:
        raise RequestError("InvalidAccessKeyId", f"The access key '{access_key}' is unknown to the server in memory.")
    if not hmac.compare_digest(secret[1].encode(), token.encode()):
        raise RequestError("InvalidTokenId", "The session token is not that of the access key.")
    return Signed(access_key, signing_key(secret[0], *scope[:3]), date, "/".join(scope), signature)


def _verify_query(request: Request, accounts: Accounts) -> Signed:
    parameters = request.parameters
    names = ("X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-SignedHeaders", "X-Amz-Signature")
    credential, date, expires, headers, signature = (parameters.get(name, "") for name in names)
    moment = seconds_of(date)
    if moment is None or not expires.isdecimal() or not 0 < int(expires[:10]) <= MAX_EXPIRY:
        raise RequestError("AuthorizationQueryParametersError", "X-Amz-Date or X-Amz-Expires is invalid.")
    if time.time() > moment + int(expires):
        raise RequestError("AccessDenied", "Request has expired")
    if moment > time.time() + MAX_SKEW:
        raise RequestError("AccessDenied", "Request is not valid yet")
    token = parameters.get("X-Amz-Security-Token", "")
    signed = prepared(credential, date, signature, token, accounts)
    query = [(name, value) for name, value in request.query if name != "X-Amz-Signature"]
    payload = request.header("x-amz-content-sha256") or parameters.get("X-Amz-Content-Sha256", UNSIGNED)
    _compare(request, signed, headers.split(";"), query, payload)
    return signed


def _compare(
    request: Request, signed: Signed, names: list[str], query: Iterable[tuple[str, str]], payload: str
) -> None:
    """Compare the signature with that of the request as it arrived.

    Raises:
        RequestError: they differ, or what must be signed is not.
    """
    unsigned = [name for name in request.headers if name.startswith("x-amz-meta-") and name not in names]
    if "host" not in names or unsigned:
        raise RequestError("AccessDenied", "There were headers present in the request which were not signed")
    canonical = "\n".join(
        (
            request.method,
            quote(request.path, safe="/~"),
            "&".join(map("=".join, sorted((quote(name, safe="~"), quote(value, safe="~")) for name, value in query))),
            *_canonical_headers(request.headers, names),
            "",
            ";".join(names),
            payload,
        )
    )
    digest = sha256(canonical.encode()).hexdigest()
    expected = signed.sign(f"{ALGORITHM}\n{signed.date}\n{signed.scope}\n{digest}")
    if not hmac.compare_digest(expected, signed.signature):
        raise RequestError("SignatureDoesNotMatch", "The request signature does not match. Check the key and the URL.")


def _canonical_headers(headers: Mapping[str, str], names: list[str]) -> Iterable[str]:
    return (f"{name}:{' '.join(headers.get(name, '').split())}" for name in names)
