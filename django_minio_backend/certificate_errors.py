"""The exceptions for connections that cannot be encrypted; users import them from ``errors``."""

from urllib3.exceptions import SSLError


class CertificateError(SSLError):
    """The certificate of a server is not trusted, or the file of trusted ones cannot be read; not tried again."""


class NotHttpsError(SSLError):
    """What listens on the port does not speak https, which MINIO_USE_HTTPS asks for; not tried again."""
