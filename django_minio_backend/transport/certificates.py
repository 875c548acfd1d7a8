"""Errors for untrusted certificates and for unreadable files of trusted ones: the reason, and what to do."""

from __future__ import annotations

import os
import ssl
from typing import TYPE_CHECKING

import certifi
from urllib3.exceptions import MaxRetryError, ProxyError, SSLError
from urllib3.util.ssl_match_hostname import CertificateError as HostnameError

from ..certificate_errors import CertificateError, NotHttpsError
from ..errors import ConfigurationError
from ..redaction.request_description import origin

if TYPE_CHECKING:
    from urllib3 import PoolManager

_HOSTNAME_MISMATCH, _ADDRESS_MISMATCH = 62, 64
# OpenSSL's reasons for a response that is not TLS; "record layer failure" since OpenSSL 3.2
_PLAIN_TEXT = frozenset({"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE"})
_UNKNOWN_ISSUER = (
    "If your own authority signed it, name the file with that authority's certificate in the environment "
    "variable SSL_CERT_FILE (or in ca_certs of the pool that MINIO_HTTP_CLIENT is)."
)
_OTHER_NAME = (
    "Set MINIO_ENDPOINT to a host name that is in the certificate, or have the name added to it; URLs for browsers can "
    "name another host by MINIO_EXTERNAL_ENDPOINT."
)
_ADVICE = {  # by OpenSSL's codes, https://docs.openssl.org/master/man3/X509_STORE_CTX_get_error/
    9: "It is not valid yet: check the clocks of this machine and of the server.",
    10: "Renew it on the server, or correct this machine's clock.",
    _HOSTNAME_MISMATCH: _OTHER_NAME,
    _ADDRESS_MISMATCH: _OTHER_NAME,
}


def trusted_authorities(*, needed: bool) -> str:
    """Return the path of the file with the certificates of trusted authorities: SSL_CERT_FILE, or certifi's.

    Raises:
        ConfigurationError: ``needed``, and SSL_CERT_FILE does not name a file with certificates.
    """
    path = os.environ.get("SSL_CERT_FILE")
    if path and needed:
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
        except OSError as error:  # ssl's errors are OSErrors, too
            raise ConfigurationError(
                f"The environment variable SSL_CERT_FILE names '{path}', but no certificates can be read there: "
                f"{error.strerror or error}. Correct the path, or unset the variable to use certifi's list."
            ) from error
    return path or certifi.where()


def failure_of(error: BaseException | None) -> Exception | None:
    """Return the TLS error in an error of urllib3 that no retry can mend; None if there is none."""
    if isinstance(error, MaxRetryError):
        error = error.reason
    if isinstance(error, ProxyError):
        error = error.original_error
    cause = error.args[0] if isinstance(error, SSLError) and error.args else None
    if isinstance(cause, (ssl.SSLCertVerificationError, HostnameError)):
        return cause
    if isinstance(cause, ssl.SSLError):
        return cause if cause.reason in _PLAIN_TEXT or "record layer failure" in str(cause).lower() else None
    return cause if isinstance(cause, OSError) else None


def certificate_error(url: str, error: Exception, pool: PoolManager) -> CertificateError | NotHttpsError | None:
    """Return the error for a connection that cannot be encrypted; None if a request failed for another reason."""
    cause = failure_of(error)
    if cause is None:
        return None
    if isinstance(cause, ssl.SSLError) and not isinstance(cause, ssl.SSLCertVerificationError):
        return NotHttpsError(
            f"{origin(url)} does not speak https. Set MINIO_USE_HTTPS to False (for an external endpoint "
            "MINIO_EXTERNAL_ENDPOINT_USE_HTTPS), or name the server's https port in the endpoint."
        )
    if not isinstance(cause, (ssl.SSLCertVerificationError, HostnameError)):
        return CertificateError(
            f"The certificate of {origin(url)} cannot be checked, since '{pool.connection_pool_kw.get('ca_certs')}', "
            f"the file with the certificates of trusted authorities, cannot be read: {cause}."
        )
    code = getattr(cause, "verify_code", _HOSTNAME_MISMATCH)
    reason = str(getattr(cause, "verify_message", cause)).rstrip(".")
    return CertificateError(
        f"The certificate of {origin(url)} is not trusted: {reason}. {_ADVICE.get(code, _UNKNOWN_ISSUER)}"
    )
