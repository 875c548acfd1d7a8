"""Exceptions for connections that cannot be encrypted; users import them from ``errors``."""

from urllib3.exceptions import SSLError


class CertificateError(SSLError):
    """The certificate of a server is not trusted, or the file of trusted ones cannot be read; not retried."""


class NotHttpsError(SSLError):
    """The server does not speak https, which MINIO_USE_HTTPS requires; not retried."""
