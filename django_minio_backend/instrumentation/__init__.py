"""Shows the requests that storages send to their servers: in tests, on pages while developing, and to load balancers."""

from ..transport.request_log import StorageRequest, StorageRequests, storage_requests

__all__ = ["StorageRequest", "StorageRequests", "storage_requests"]
