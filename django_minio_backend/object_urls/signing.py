"""Signature V4 for URLs and upload forms: the same bytes as the SDK signs, in a tenth of its time.

Sources: https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html and
https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-UsingHTTPPOST.html
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING
from urllib.parse import unquote

from ..signing.key import ALGORITHM, signing_key
from .quoting import quoted_parameter, quoted_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from hashlib import _Hash as Hash

    from minio.credentials.credentials import Credentials

PREPARED_SECONDS = 256  # about 2 KiB each
_DATE = re.compile(r"[?&]X-Amz-Date=([0-9]{8}T[0-9]{6}Z)&")
_LAST = ("X-Amz-z", "")  # greater than every parameter of a signature
_NOTHING = sha256()
_PADS = [bytes(byte ^ pad for byte in range(256)) for pad in (0x36, 0x5C)]  # RFC 2104


Pair = tuple[str, str]
"""Name and value of a parameter, percent-encoded."""


def effective_expiry(credentials: Credentials, second: int, expires: int) -> int:
    """Seconds after ``second`` at which the signature expires: never later than temporary credentials do."""
    try:
        end = credentials.expiration
    except AttributeError:
        end = getattr(credentials, "_expiration", None)  # as older SDKs name it
    if not isinstance(end, datetime):
        return expires
    return max(1, min(expires, int(end.replace(tzinfo=UTC).timestamp()) - second))


def signed_at(url: str) -> int | None:
    """The second since 1970 in a presigned URL's X-Amz-Date; None if it has none."""
    match = _DATE.search(url)
    try:
        return int(datetime.fromisoformat(match[1]).timestamp()) if match else None
    except ValueError:  # such as the 13th month
        return None


@dataclass(frozen=True, slots=True, repr=False)
class SigningContext:
    """Credentials at one second: the input of every signature that they make for it.

    Attributes:
        second: seconds since 1970.
        amz_date: the same in a signature's format, such as 20260131T120000Z.
        scope: day, region and service of the signing key.
        inner, outer: the two hashes of the HMAC, after the signing key's block.
    """

    credentials: Credentials
    second: int
    amz_date: str
    scope: str
    inner: Hash
    outer: Hash

    @classmethod
    def of(cls, credentials: Credentials, second: int, region: str) -> SigningContext:
        """The context of these credentials for one second and region."""
        amz_date = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(second))
        date = amz_date[:8]
        key = signing_key(credentials.secret_key, date, region).ljust(64, b"\0")
        inner, outer = (sha256(key.translate(pad)) for pad in _PADS)
        return cls(credentials, second, amz_date, f"{date}/{region}/s3/aws4_request", inner, outer)

    @property
    def credential(self) -> str:
        """Access key and scope, as X-Amz-Credential has them."""
        return f"{self.credentials.access_key}/{self.scope}"

    def sign(self, text: str) -> str:
        """The signature of a text: HMAC-SHA256 (RFC 2104).

        Copying the two prepared hashes takes 1.1 µs, a copied hmac.HMAC 1.6 µs, and hmac.digest 2.2 µs. A presigned
        URL takes 4 to 5 µs in total and the SDK's 50 µs: with either of them it would not be ten times as fast.
        """
        inner, outer = self.inner.copy(), self.outer.copy()
        inner.update(text.encode())
        outer.update(inner.digest())
        return outer.hexdigest()

    def after(self, text: str) -> SigningContext:
        """The context whose signatures are those of this one for texts that begin with this text."""
        inner = self.inner.copy()
        inner.update(text.encode())
        return replace(self, inner=inner)


@dataclass(frozen=True, slots=True, repr=False)
class _Prepared:
    """The parts that all URLs with one context and expiry share.

    Attributes:
        requested, expires: validity in seconds, before and after it is limited by that of the credentials.
        token: the session token as a parameter, if there is one.
        parameters: the other parameters of a signature that covers only the Host header.
        begin, rest: the query of the URL, up to the signature, before and after further parameters.
        query: the same without any.
        canonical, tail: the canonical request from its query on, in the same way.
        end: the same without any.
        signer: the credentials.
        sign: returns the signature for the hash of the canonical request, with which the string to sign ends.
    """

    context: SigningContext
    requested: int
    expires: int
    token: tuple[Pair, ...]
    parameters: tuple[Pair, ...]
    begin: str
    rest: str
    query: str
    canonical: str
    tail: str
    end: str
    signer: Credentials
    sign: Callable[[str], str]


class Presigner:
    """Presigns URLs of one bucket's objects.

    Threads can share it: prepared parts are never changed, at worst made twice.

    Args:
        bucket_url: ``scheme://host/bucket`` or ``scheme://bucket.host``.
        region: of the bucket.
    """

    def __init__(self, bucket_url: str, region: str) -> None:
        scheme, _, rest = bucket_url.partition("://")
        self._host, slash, bucket = rest.partition("/")
        self._origin = f"{scheme}://{self._host}"
        self._path = f"{slash}{bucket}/"
        self._region = region
        self._prepared: dict[tuple[int, int], _Prepared] = {}

    def url(
        self,
        method: str,
        key: str,
        credentials: Credentials,
        *,
        second: int,
        expires: int,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> str:
        """The presigned URL of one object.

        Args:
            method: HTTP method that it allows.
            key: of the object.
            credentials: that sign; the request has their permissions.
            second: start of the validity, in seconds since 1970.
            expires: validity in seconds, which ends when temporary credentials do.
            query: further parameters, signed as well.
            headers: that the request must carry with exactly these values.
        """
        path = f"{self._path}{quoted_path(key)}"
        prepared = self._prepared.get((second, expires))
        if prepared is None or not (prepared.signer is credentials or prepared.signer == credentials):
            prepared = self._prepare(credentials, second, expires)
            self._remember(prepared)
        sent, end = prepared.query, prepared.end
        if query or headers:
            further = sorted(
                [(quoted_parameter(name), quoted_parameter(value)) for name, value in (query or {}).items()]
            )
            if headers or further[0] < _LAST:
                sent, end = self._with_more(prepared, further, headers or {})
            else:  # after all others in the canonical request
                more = _joined(further)
                sent = f"{prepared.begin}{more}&{prepared.rest}"
                end = f"{prepared.canonical}&{more}{prepared.tail}"
        request = _NOTHING.copy()  # faster than a new hash
        request.update(f"{method}\n{path}\n{end}".encode())
        return f"{self._origin}{path}?{sent}&X-Amz-Signature={prepared.sign(request.hexdigest())}"

    def _remember(self, prepared: _Prepared) -> None:
        """Keep the parts for further URLs of that second, and for verifying cached URLs of other seconds."""
        if len(self._prepared) >= PREPARED_SECONDS:
            self._prepared = {}
        self._prepared[prepared.context.second, prepared.requested] = prepared

    def _prepare(self, credentials: Credentials, second: int, expires: int) -> _Prepared:
        context = SigningContext.of(credentials, second, self._region)
        token = credentials.session_token
        pairs = (("X-Amz-Security-Token", quoted_parameter(token)),) if token else ()
        effective = effective_expiry(credentials, second, expires)
        parameters = _parameters(context, effective, "host")
        begin, rest = f"{_joined(pairs)}&" if pairs else "", _joined(parameters)
        canonical, tail = _joined(sorted((*pairs, *parameters))), f"\nhost:{self._host}\n\nhost\nUNSIGNED-PAYLOAD"
        return _Prepared(
            context=context,
            requested=expires,
            expires=effective,
            token=pairs,
            parameters=parameters,
            begin=begin,
            rest=rest,
            query=f"{begin}{rest}",
            canonical=canonical,
            tail=tail,
            end=f"{canonical}{tail}",
            signer=credentials,
            sign=context.after(f"{ALGORITHM}\n{context.amz_date}\n{context.scope}\n").sign,
        )

    def _with_more(self, prepared: _Prepared, further: list[Pair], headers: Mapping[str, str]) -> tuple[str, str]:
        """The query of the URL, and the canonical request from its query on, with any parameters and headers."""
        signed = {"host": self._host, **{name.lower(): " ".join(value.split()) for name, value in headers.items()}}
        names = ";".join(sorted(signed))
        parameters = _parameters(prepared.context, prepared.expires, names) if headers else prepared.parameters
        # Like the SDK: the token is sorted among the further parameters.
        first = sorted((*further, *prepared.token), key=lambda pair: unquote(pair[0])) if prepared.token else further
        lines = "".join(f"{name}:{signed[name]}\n" for name in sorted(signed))
        canonical = _joined(sorted((*further, *prepared.token, *parameters)))
        return _joined((*first, *parameters)), f"{canonical}\n{lines}\n{names}\nUNSIGNED-PAYLOAD"


def _parameters(context: SigningContext, expires: int, signed_headers: str) -> tuple[Pair, ...]:
    return (
        ("X-Amz-Algorithm", ALGORITHM),
        ("X-Amz-Credential", quoted_parameter(context.credential)),
        ("X-Amz-Date", context.amz_date),
        ("X-Amz-Expires", str(expires)),
        ("X-Amz-SignedHeaders", quoted_parameter(signed_headers)),
    )


def _joined(pairs: Iterable[Pair]) -> str:
    return "&".join([f"{name}={value}" for name, value in pairs])
