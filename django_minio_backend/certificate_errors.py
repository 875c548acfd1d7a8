"""The exception for certificates that are not trusted; users import it from ``errors``."""

from urllib3.exceptions import SSLError


class CertificateError(SSLError):
    """The certificate of a server is not trusted, or the file of trusted ones cannot be read; not tried again."""
