"""One request on its way through the server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..s3_requests.messages import Request
    from ..s3_requests.signatures import Accounts, Signed
    from .store import Bucket, Store


@dataclass(slots=True)
class Call:
    """A request and what the server knows about it.

    Attributes:
        store: what it is about.
        accounts: of the server.
        request: as it arrived.
        bucket_name: empty if it is about none.
        key: of the object; empty if it is about none.
        signed: its signature; None for an anonymous request.
    """

    store: Store
    accounts: Accounts
    request: Request
    bucket_name: str
    key: str
    signed: Signed | None

    @property
    def bucket(self) -> Bucket:
        """The request's bucket.

        Raises:
            RequestError: it does not exist.
        """
        return self.store.bucket(self.bucket_name)
