"""A request in words: which server, which object, and nothing that may be secret."""

from __future__ import annotations

from urllib.parse import urlsplit

from .escaping import escape_control_characters


def origin(url: str) -> str:
    """``scheme://host:port`` of a URL and nothing else of it: user names, paths and queries may hold secrets."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return "a URL that is not valid"
    host = f"[{host}]" if ":" in host else host
    return printable(f"{parts.scheme}://{host}" + (f":{port}" if port else ""))


def request_line(method: str, url: str) -> str:
    """Method, endpoint and path; without the query, which may hold a signature or a token."""
    return f"{method} {origin(url)}{printable(urlsplit(url).path)}"


def printable(text: str) -> str:
    """What a server sent, in one line of bounded length that steers no terminal."""
    return escape_control_characters(text[:1024])
