"""Shows the requests that storages send to their servers: in tests, on pages while developing, and to load balancers.

The panel for Django Debug Toolbar is in ``instrumentation.panel``, which imports the toolbar.
"""

from ..transport.request_log import StorageRequest, StorageRequests, storage_requests
from .health_view import storage_health
from .server_timing import ServerTimingMiddleware

__all__ = ["ServerTimingMiddleware", "StorageRequest", "StorageRequests", "storage_health", "storage_requests"]
