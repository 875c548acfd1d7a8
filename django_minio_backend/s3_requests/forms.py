"""Upload forms: multipart/form-data, and the policy that says what a form may upload.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-HTTPPOSTConstructPolicy.html
"""

from __future__ import annotations

import base64
import hmac
import json
import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .messages import RequestError, seconds_of
from .signatures import ALGORITHM, prepared

if TYPE_CHECKING:
    from .messages import Request
    from .signatures import Accounts

_PARAMETER = re.compile(r'(name|filename)="((?:[^"\\]|\\.)*)"', re.IGNORECASE)
_NEEDS_NO_CONDITION = {"policy", "x-amz-signature", "file", "awsaccesskeyid", "signature", "bucket"}


@dataclass(frozen=True)
class Form:
    """An upload form; the names of its fields are in lower case."""

    fields: dict[str, str]
    filename: str
    content: bytes

    @property
    def key(self) -> str:
        """The key of the object, with the file's name where the form asks for it."""
        return self.fields.get("key", "").replace("${filename}", self.filename)


def read_form(request: Request) -> Form:
    """Read a form; what follows the file is ignored.

    Raises:
        RequestError: it is not a form with a file.
    """
    boundary = re.search(r'boundary="?([^";]+)', request.header("content-type"))
    if boundary is None:
        raise RequestError("MalformedPOSTRequest", "The body is not multipart/form-data.")
    fields: dict[str, str] = {}
    for part in (b"\r\n" + request.body).split(b"\r\n--" + boundary[1].encode())[1:]:
        head, separator, content = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        if not separator:
            continue
        names = {name.lower(): value for name, value in _PARAMETER.findall(head.decode("utf-8", "replace"))}
        if names.get("name", "").lower() == "file":
            return Form(fields, names.get("filename", ""), content)
        fields[names.get("name", "").lower()] = content.decode("utf-8", "replace")
    raise RequestError("POSTFileRequired", "The form has no file, which must be its last field.")


def check_form(form: Form, bucket: str, accounts: Accounts) -> None:
    """Check that the form's policy is signed, has not expired, and allows this upload.

    Raises:
        RequestError: it does not.
    """
    fields = {**form.fields, "bucket": bucket, "key": form.key}
    policy = fields.get("policy", "")
    if not policy or fields.get("x-amz-algorithm") != ALGORITHM:
        raise RequestError("AccessDenied", "The form is not signed.")
    names = ("credential", "date", "signature", "security-token")
    credential, date, signature, token = (fields.get(f"x-amz-{name}", "") for name in names)
    signed = prepared(credential, date, signature, token, accounts)
    if not hmac.compare_digest(signed.sign(policy), signed.signature):
        raise RequestError("SignatureDoesNotMatch", "The signature of the form's policy does not match.")
    try:
        document = json.loads(base64.b64decode(policy))
        expiration, conditions = str(document["expiration"]), list(document["conditions"])
    except (ValueError, KeyError, TypeError):
        raise RequestError("MalformedPOSTRequest", "The form's policy is not a policy document.") from None
    end = seconds_of(expiration)
    if end is None or end < time.time():
        raise RequestError("AccessDenied", "Invalid according to Policy: Policy expired.")
    covered = {name for condition in conditions for name in _checked(condition, fields, len(form.content))}
    for name in form.fields:
        if name not in covered | _NEEDS_NO_CONDITION and not name.startswith("x-ignore-"):
            raise RequestError("AccessDenied", f"Each form field must appear in the policy's conditions: {name}.")


def _checked(condition: Any, fields: dict[str, str], size: int) -> list[str]:
    """Return the names of the fields that a condition covers.

    Raises:
        RequestError: it does not hold.
    """
    if isinstance(condition, dict):
        return [
            name for field, value in condition.items() for name in _checked(["eq", f"${field}", value], fields, size)
        ]
    kind, first, second = (*condition, "", "", "")[:3]
    if str(kind).lower() == "content-length-range":
        if size > int(second):
            raise RequestError("EntityTooLarge", "The file is larger than the form's policy allows.")
        if size < int(first):
            raise RequestError("EntityTooSmall", "The file is smaller than the form's policy allows.")
        return []
    name = str(first).removeprefix("$").lower()
    value = fields.get(name, "")
    holds = {"eq": value == str(second), "starts-with": value.startswith(str(second))}
    if not holds.get(str(kind).lower(), False):
        raise RequestError("AccessDenied", f"Invalid according to Policy: Policy Condition failed: [{kind}, ${name}].")
    return [name]
