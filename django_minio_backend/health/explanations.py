"""Explains the errors of servers: their cause in words, and what to do."""

from __future__ import annotations

import re
from enum import Enum
from typing import TYPE_CHECKING

from ..redaction.request_description import reason_of
from ..transport.redirects import region_in

if TYPE_CHECKING:
    from ..options.fields import StorageOptions


class Cause(Enum):
    """The cause of an error."""

    CLOCK = "clock"
    REGION = "region"
    SECRET_KEY = "secret key"  # noqa: S105 - the name of a cause
    ACCESS_KEY = "access key"
    TOKEN = "session token"  # noqa: S105 - the name of a cause
    FORBIDDEN = "permission"
    MISSING_BUCKET = "missing bucket"
    OTHER = "something else"


# Source: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html, but for Versity's XAdmin… code
_CAUSES = {
    "RequestTimeTooSkewed": Cause.CLOCK,
    "AuthorizationHeaderMalformed": Cause.REGION,
    "InvalidRegion": Cause.REGION,
    "PermanentRedirect": Cause.REGION,
    "SignatureDoesNotMatch": Cause.SECRET_KEY,
    "InvalidAccessKeyId": Cause.ACCESS_KEY,
    "XAdminUserNotFound": Cause.ACCESS_KEY,
    "ExpiredToken": Cause.TOKEN,
    "InvalidToken": Cause.TOKEN,
    "InvalidTokenId": Cause.TOKEN,
    "AccessDenied": Cause.FORBIDDEN,
    "NoSuchBucket": Cause.MISSING_BUCKET,
}
# Messages of codes with several causes. Garage returns AccessDenied for the first two. An access key with a slash gets
# AuthorizationHeaderMalformed from Garage, Versity and AWS, since the slash ends it.
_CAUSES_BY_MESSAGE = {
    "Forbidden: Invalid signature": Cause.SECRET_KEY,
    "Forbidden: No such key": Cause.ACCESS_KEY,
    "The authorization header is malformed; the Credential is mal-formed": Cause.ACCESS_KEY,
    r"Authorization header malformed, unexpected scope: '(?!\d{8}/)": Cause.ACCESS_KEY,
}


def cause_of(error: Exception) -> Cause:
    """The cause of an error of the SDK or of the network."""
    message = str(getattr(error, "message", None) or "")
    for pattern, cause in _CAUSES_BY_MESSAGE.items():
        if re.match(pattern, message):
            return cause
    return _CAUSES.get(str(getattr(error, "code", None)), Cause.OTHER)


def explain(error: Exception, options: StorageOptions, *, needed: str = "") -> str:
    """Return the cause and what to do in one line, with the server's error code and never a secret.

    Args:
        error: of the SDK or of the network.
        options: of the storage that got it.
        needed: the permissions that the request needs.
    """
    explanations = {
        Cause.CLOCK: "the clocks of this machine and of the server are too far apart; set them, by NTP for example",
        Cause.REGION: _wrong_region(error, options),
        Cause.SECRET_KEY: f"the signature is wrong: {_option(options, 'MINIO_SECRET_KEY')} does not match the access "
        "key (or a proxy changes the Host header)",
        Cause.ACCESS_KEY: f"the server does not know the access key; correct {_option(options, 'MINIO_ACCESS_KEY')}",
        Cause.TOKEN: f"the session token is wrong or has expired; renew {_option(options, 'MINIO_SESSION_TOKEN')}",
        Cause.FORBIDDEN: f"the access key is not allowed to do this; allow its user {needed or 'what is missing'}",
        Cause.MISSING_BUCKET: "the bucket does not exist; run manage.py initialize_buckets",
    }
    explanation = explanations.get(cause_of(error))
    return f"{explanation} ({getattr(error, 'code', '')})" if explanation else reason_of(error)


def explain_in_sentence(error: Exception, options: StorageOptions, *, needed: str = "") -> str:
    """The same without a full stop at its end, which some errors have."""
    return explain(error, options, needed=needed).rstrip(".")


def _wrong_region(error: Exception, options: StorageOptions) -> str:
    region = region_in(getattr(getattr(error, "response", None), "data", None) or b"")
    action = f"set MINIO_REGION to '{region}'" if region else "set MINIO_REGION to the server's region"
    return f"requests are signed for region '{options.region}', which is not the server's; {action}"


def _option(options: StorageOptions, name: str) -> str:
    return name if options.credentials is None else "MINIO_CREDENTIALS"
