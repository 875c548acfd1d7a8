"""A CORS preflight as browsers send it: may a page of an origin upload directly to a bucket?"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from urllib3 import PoolManager

SENT_HEADERS = "content-type,if-none-match,x-amz-copy-source-if-match,x-amz-copy-source-if-none-match"


def preflight_problem(http: PoolManager, url: str, origin: str) -> str:
    """Why a browser would not let a page of this origin upload to a URL; empty if it would.

    Source: https://fetch.spec.whatwg.org/#cors-preflight-fetch
    """
    headers = {
        "Origin": origin,
        "Access-Control-Request-Method": "PUT",
        "Access-Control-Request-Headers": SENT_HEADERS,
    }
    response = http.request("OPTIONS", url, headers=headers)
    allowed_origin = response.headers.get("access-control-allow-origin", "")
    if not 200 <= response.status < 300:  # noqa: PLR2004 - a preflight wants a status of success
        return f"the server responds {response.status} to a preflight"
    if allowed_origin not in ("*", origin):
        return f"the server allows {allowed_origin or 'no other origin'}"
    methods = _listed(response.headers.get("access-control-allow-methods", ""))
    if not {"put", "*"} & methods:
        return "the server does not allow PUT"
    allowed = _listed(response.headers.get("access-control-allow-headers", ""))
    refused = set(SENT_HEADERS.split(",")) - allowed
    if refused and "*" not in allowed:
        return f"the server does not allow the headers {', '.join(sorted(refused))}"
    return ""


def _listed(value: str) -> set[str]:
    return {part.strip().lower() for part in value.split(",")}
