"""A certificate for 127.0.0.1, and what trusts it."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import trustme

if TYPE_CHECKING:
    from pathlib import Path


class Certificates:
    """A certificate authority of a test's own, with one certificate.

    Attributes:
        authority: the file that a client trusts.
        folder: has public.crt and private.key, as MinIO wants them.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority = folder / "authority.pem"
        authority = trustme.CA()
        authority.cert_pem.write_to_path(self.authority)
        issued = authority.issue_cert("127.0.0.1", "localhost")
        issued.private_key_pem.write_to_path(folder / "private.key")
        for blob in issued.cert_chain_pems:
            blob.write_to_path(folder / "public.crt", append=True)

    @cached_property
    def files(self) -> tuple[Path, Path]:
        """The certificate's file and its key's."""
        return self.folder / "public.crt", self.folder / "private.key"
