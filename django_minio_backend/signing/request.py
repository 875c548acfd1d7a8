"""Signature V4 in the Authorization header: the same bytes as the SDK signs, in a third of its time.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-auth-using-authorization-header.html
"""

from __future__ import annotations

import hmac
import re
from hashlib import sha256
from typing import TYPE_CHECKING

from .key import ALGORITHM, signing_key

if TYPE_CHECKING:
    from collections.abc import Mapping
    from urllib.parse import SplitResult

    from minio.credentials.credentials import Credentials

_UNSIGNED = frozenset({"authorization", "user-agent"})
_SPACES = re.compile(" {2,}")


def authorization(
    method: str, url: SplitResult, region: str, headers: Mapping[str, str], credentials: Credentials
) -> str:
    """Return the Authorization header of a request.

    Args:
        method: of the request.
        url: percent-encoded.
        region: that the server expects.
        headers: all others; signed are those but ``User-Agent``. ``x-amz-date`` has the time and
            ``x-amz-content-sha256`` the body's hash.
        credentials: that sign.
    """
    signed = sorted((name.lower(), value) for name, value in headers.items() if name.lower() not in _UNSIGNED)
    lines = "\n".join([f"{name}:{_SPACES.sub(' ', value).strip()}" for name, value in signed])
    names = ";".join([name for name, _ in signed])
    query = url.query
    if "&" in query:  # sorted by name, so that "a=" comes before "a-b=", which it does not as text
        query = "&".join(sorted(query.split("&"), key=lambda parameter: parameter.split("=")))
    request = f"{method}\n{url.path or '/'}\n{query}\n{lines}\n\n{names}\n{headers['x-amz-content-sha256']}"
    moment = headers["x-amz-date"]
    date = moment[:8]
    scope = f"{date}/{region}/s3/aws4_request"
    text = f"{ALGORITHM}\n{moment}\n{scope}\n{sha256(request.encode()).hexdigest()}"
    signature = hmac.digest(signing_key(credentials.secret_key, date, region), text.encode(), "sha256").hex()
    return f"{ALGORITHM} Credential={credentials.access_key}/{scope}, SignedHeaders={names}, Signature={signature}"
