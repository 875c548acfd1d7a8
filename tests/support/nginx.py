"""A real nginx on loopback, which runs for the length of a block."""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tools.processes import free_port, running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CONFIGURATION = """{user}
worker_processes 1;
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 256; }}
http {{
    access_log off;
    server_tokens off;
    types {{ text/plain txt; video/mp4 mp4; }}
    default_type application/octet-stream;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port};
        {locations}
    }}
}}
"""


def nginx_program() -> str:
    """The program; skips the test where it is missing, unless REQUIRE_NGINX is set."""
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])
    program = shutil.which("nginx", path=path)
    if program is None:
        assert not os.environ.get("REQUIRE_NGINX"), "nginx is not installed (Debian: apt-get install nginx-light)"
        pytest.skip("not installed: nginx (Debian: apt-get install nginx-light)")
    return program


@contextmanager
def nginx(folder: Path, locations: str) -> Iterator[str]:
    """Run nginx with these locations, and give its ``host:port``."""
    program, port = nginx_program(), free_port()
    configuration = folder / "nginx.conf"
    user = "user root;" if os.geteuid() == 0 else ""  # else nobody, who may not read the folders of tests
    configuration.write_text(CONFIGURATION.format(user=user, folder=folder, port=port, locations=locations))
    command = [program, "-p", str(folder), "-e", str(folder / "error.log"), "-c", str(configuration)]
    with running(command, endpoint=f"127.0.0.1:{port}", log=folder / "nginx.log"):
        yield f"127.0.0.1:{port}"
