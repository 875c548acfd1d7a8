"""An HTTP or HTTPS server that answers every request alike, whatever it is asked."""

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
    answer: Callable[[Mapping[str, str]], tuple[int, str, bytes] | None], certificates: Certificates | None = None
) -> Iterator[str]:
    """Run the server, and give its ``host:port``. Without an answer it hangs up. Names of headers are in lower case."""

    def reply(asked: Received) -> list[bytes]:
        given = answer(asked.headers)
        if given is None:
            return []
        status, kind, body = given
        whole = response(status, body, {"Content-Type": kind})
        return [whole.removesuffix(body) if asked.method == "HEAD" else whole]

    context = None
    if certificates:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(*certificates.files)
    with hostile(reply, context) as running:
        yield running.endpoint
