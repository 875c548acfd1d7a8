"""What a server's refusal means, in words, and what to do about it."""

from __future__ import annotations

import re
from enum import Enum
from typing import TYPE_CHECKING

from ..redaction.request_description import reason_of

if TYPE_CHECKING:
    from ..options.fields import StorageOptions

_REGION = re.compile(rb"<Region>([A-Za-z0-9_-]+)</Region>")


class Cause(Enum):
    """What is wrong, as far as the server tells."""

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
# What one code means several things by. Garage says AccessDenied to two of these, and AuthorizationHeaderMalformed to
# an access key with a slash in it, as Versity and AWS do: the slash ends it.
_CAUSES_BY_MESSAGE = {
    re.compile("Forbidden: Invalid signature"): Cause.SECRET_KEY,
    re.compile("Forbidden: No such key"): Cause.ACCESS_KEY,
    re.compile("The authorization header is malformed; the Credential is mal-formed"): Cause.ACCESS_KEY,
    re.compile(r"Authorization header malformed, unexpected scope: '(?!\d{8}/)"): Cause.ACCESS_KEY,
}


def cause_of(error: Exception) -> Cause:
    """What an error of the SDK or of the network says is wrong."""
    message = str(getattr(error, "message", None) or "")
    for beginning, cause in _CAUSES_BY_MESSAGE.items():
        if beginning.match(message):
            return cause
    return _CAUSES.get(str(getattr(error, "code", None)), Cause.OTHER)


def server_region(error: Exception) -> str:
    """The region that the server names in its refusal; empty where it names none."""
    body = getattr(getattr(error, "response", None), "data", None) or b""
    found = _REGION.search(body)
    return found[1].decode() if found else ""


def explained(error: Exception, options: StorageOptions, *, needed: str = "") -> str:
    """Say what is wrong and what to do: one line, with the server's own word for it and never a secret.

    Args:
        error: of the SDK or of the network.
        options: of the storage that got it.
        needed: the permissions that what was asked for takes.
    """
    words = {
        Cause.CLOCK: "the clocks of this machine and of the server are too far apart; set them, by NTP for example",
        Cause.REGION: _wrong_region(error, options),
        Cause.SECRET_KEY: f"the signature is wrong: {_option(options, 'MINIO_SECRET_KEY')} does not fit the access key "
        "(or a proxy on the way changes the Host header)",
        Cause.ACCESS_KEY: f"the server does not know the access key; correct {_option(options, 'MINIO_ACCESS_KEY')}",
        Cause.TOKEN: f"the session token is wrong or has expired; renew {_option(options, 'MINIO_SESSION_TOKEN')}",
        Cause.FORBIDDEN: f"the access key is not allowed to do this; allow its user {needed or 'what is missing'}",
        Cause.MISSING_BUCKET: "there is no such bucket; run manage.py initialize_buckets",
    }
    told = words.get(cause_of(error))
    return f"{told} ({getattr(error, 'code', '')})" if told else reason_of(error)


def explained_in_sentence(error: Exception, options: StorageOptions, *, needed: str = "") -> str:
    """The same, to stand before a full stop: some errors end with one of their own."""
    return explained(error, options, needed=needed).rstrip(".")


def _wrong_region(error: Exception, options: StorageOptions) -> str:
    region = server_region(error)
    wanted = f"set MINIO_REGION to '{region}'" if region else "set MINIO_REGION to the server's region"
    return f"requests are signed for region '{options.region}', which is not the server's; {wanted}"


def _option(options: StorageOptions, name: str) -> str:
    return name if options.credentials is None else "MINIO_CREDENTIALS"
