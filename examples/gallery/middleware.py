"""The Content-Security-Policy of all pages, the admin included."""

from collections.abc import Callable

from django.core.files.storage import storages
from django.http import HttpRequest, HttpResponse

Respond = Callable[[HttpRequest], HttpResponse]


def content_security_policy(get_response: Respond) -> Respond:
    """Send a policy that allows what comes from this site and from the S3 server, and nothing inline.

    ``connect-src`` is for direct uploads, the other directives for pictures and static files in buckets. Django 6.0 and
    newer have a middleware and a setting for this (SECURE_CSP).
    """
    server = getattr(storages["private"], "base_url_external", "")
    policy = (
        f"default-src 'none'; script-src 'self' {server}; style-src {server}; img-src {server}; font-src {server}; "
        f"connect-src 'self' {server}; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )

    def respond(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        response["Content-Security-Policy"] = policy
        return response

    return respond
