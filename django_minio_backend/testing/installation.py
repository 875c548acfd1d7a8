"""Puts a server in memory in the place of the network, and takes it away again."""

from __future__ import annotations

import secrets
from functools import partial

from django.core.signals import setting_changed

from ..memory_s3.server import MemoryServer
from ..memory_s3.store import Store
from ..object_urls import cache
from ..transport import pool
from .declared import Declarations, virtual_hosts
from .exchange import respond
from .view import MemoryMinio


class Installation:
    """A server in the place of the network, from ``begin`` to ``end``.

    Whatever storages remember of servers is forgotten at both: nothing of one server is believed of another.

    Args:
        server: a server in memory; a new one if there is none.
        create_buckets: as of ``memory_minio``.
    """

    def __init__(self, server: MemoryServer | None = None, *, create_buckets: bool = True) -> None:
        self._declarations = declared = Declarations(with_buckets=create_buckets and server is None)
        store = Store(declared.policy, makes_buckets=create_buckets)
        self.server = server or MemoryServer(declared.account, store, virtual_hosts)

    def begin(self) -> MemoryMinio:
        """Install the server and create the buckets of STORAGES."""
        self._before = pool.replacement, cache.namespace
        pool.replacement = partial(respond, self.server)
        cache.namespace = f"memory-{secrets.token_hex(8)}-"  # other processes may share Django's cache
        _forget_servers()
        setting_changed.connect(self._declarations.forget)
        try:
            for name, policy in self._declarations.policies().items():
                self.server.store.add(name, policy)
        except BaseException:  # of the settings: without this block, no other test would reach its server
            self.end()
            raise
        return MemoryMinio(self.server)

    def end(self) -> None:
        """Let requests go where they went before."""
        pool.replacement, cache.namespace = self._before
        _forget_servers()
        setting_changed.disconnect(self._declarations.forget)


def _forget_servers() -> None:
    """Forget what clients have learned of their servers."""
    from ..s3.client import S3Client
    from ..s3.connection import all_connections

    for connection in all_connections():
        if isinstance(connection, S3Client):
            connection.unconditional.clear()
