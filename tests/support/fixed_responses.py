"""An HTTP or HTTPS server that sends the same response to every request."""

from __future__ import annotations

import ssl
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.support.hostile import hostile, response

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tests.support.certificates import Certificates
    from tests.support.hostile import Received


@contextmanager
def responding(
    respond: Callable[[Mapping[str, str]], tuple[int, str, bytes] | None], certificates: Certificates | None = None
) -> Iterator[str]:
    """Run the server, and yield its ``host:port``; it hangs up without a response. Header names are in lower case."""

    def reply(request: Received) -> list[bytes]:
        fixed = respond(request.headers)
        if fixed is None:
            return []
        status, kind, body = fixed
        whole = response(status, body, {"Content-Type": kind})
        return [whole.removesuffix(body) if request.method == "HEAD" else whole]

    context = None
    if certificates:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(*certificates.files)
    with hostile(reply, context) as running:
        yield running.endpoint
