"""The options of the server under test: the only place that spells them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tools.servers import Server


def options_of(server: Server, **more: Any) -> dict[str, Any]:
    """OPTIONS of a storage on this server."""
    return {
        "MINIO_ENDPOINT": server.endpoint,
        "MINIO_ACCESS_KEY": server.access_key,
        "MINIO_SECRET_KEY": server.secret_key,
        "MINIO_USE_HTTPS": server.secure,
        "MINIO_REGION": server.region,
        **more,
    }
