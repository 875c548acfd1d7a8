"""OPTIONS with every kind of secret in them, and whether a report shows one."""

from __future__ import annotations

import base64
import secrets
import time
from typing import Any
from urllib.parse import quote

from minio.sse import SseCustomerKey

from django_minio_backend.signing.key import signing_key
from tests.support.reports import reports
from tests.support.settings import made_up

SECRET = secrets.token_hex(20)
TOKEN = f"{secrets.token_hex(60)}+/="
KEY = secrets.token_hex(16).encode()
PASSWORD = secrets.token_hex(20)


def forms() -> dict[str, str]:
    """What must not be shown, by what it is: parts of them, as reports cut long values short."""
    signing = signing_key(SECRET, time.strftime("%Y%m%d", time.gmtime()), "us-east-1")
    return {
        "secret key": SECRET[:20],
        "token": TOKEN[:20],
        "customer's key": KEY.decode()[:20],
        "customer's key in base64": base64.b64encode(KEY).decode()[:20],
        "customer's key in base64, quoted": quote(base64.b64encode(KEY).decode(), safe=""),
        "customer's key in hexadecimal": KEY.hex()[:20],
        "key derived of the secret": repr(signing)[2:-1],
        "password": PASSWORD[:20],
    }


def assert_hides_all(error: BaseException, *, pages: bool = True) -> None:
    for report, text in reports(error, pages=pages).items():
        for name, form in forms().items():
            if form in text:
                place = text.index(form)
                raise AssertionError(f"{report} shows the {name}: {text[max(0, place - 300) : place + 30]!r}")


def given(endpoint: str, *, https: bool = False, **more: Any) -> dict[str, Any]:
    """OPTIONS with all secrets; the customer's key where it can be."""
    options = made_up(
        MINIO_ENDPOINT=endpoint,
        MINIO_SECRET_KEY=SECRET,
        MINIO_SESSION_TOKEN=TOKEN,
        MINIO_USE_HTTPS=https,
        MINIO_DEFAULT_BUCKET="papers",
        MINIO_MULTIPART_UPLOAD=True,
        MINIO_MULTIPART_THRESHOLD=5 * 1024**2,
        MINIO_MULTIPART_PART_SIZE=5 * 1024**2,
    )
    if https:
        options["sse"] = SseCustomerKey(KEY)
    return {**options, **more}
