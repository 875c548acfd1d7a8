"""Tests without a server: all MinIO storages work on an S3 server in memory; and assertions on their requests."""

from .assertions import assert_storage_requests
from .memory import MemoryMinioMixin, memory_minio
from .view import MemoryBucket, MemoryMinio

__all__ = ["MemoryBucket", "MemoryMinio", "MemoryMinioMixin", "assert_storage_requests", "memory_minio"]
