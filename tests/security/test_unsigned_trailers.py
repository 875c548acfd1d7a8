"""What MinIO's last community release takes without a signature does not get through the example's proxy."""

from __future__ import annotations

import io
import re
import shutil
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest

from django_minio_backend.models import MinioBackend
from tools.processes import free_port, running

if TYPE_CHECKING:
    from collections.abc import Iterator

    import urllib3

    from tools.servers import Server

pytestmark = pytest.mark.needs("signatures")

ROOT = Path(__file__).resolve().parents[2]
TRAILER = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"


@pytest.fixture
def nginx(server: Server, tmp_path: Path) -> Iterator[str]:
    """``host:port`` of an nginx in front of the server, configured as in the example."""
    program = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
    if program is None:
        pytest.skip("not installed: nginx (Debian: apt-get install nginx-light)")
    if server.kind != "minio":
        pytest.skip(f"{server.kind} checks the signature")
    port = free_port()
    text = (ROOT / "examples" / "nginx.conf").read_text(encoding="utf-8")
    text = re.sub(r"( *server minio\d:\d+;\n)+", f"server {server.endpoint};\n", text)
    text = text.replace("listen 9000", f"listen 127.0.0.1:{port}")
    text = text.replace("listen 9001", f"listen 127.0.0.1:{free_port()}")
    temporary = "".join(
        f"{kind}_temp_path {tmp_path}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    text = text.replace("http {\n", f"http {{\n{temporary}", 1)
    configuration = tmp_path / "nginx.conf"
    configuration.write_text(f"daemon off;\npid {tmp_path}/pid;\n{text}", encoding="utf-8")
    endpoint = f"127.0.0.1:{port}"
    command = [program, "-c", str(configuration), "-e", str(tmp_path / "errors.log")]
    with running(command, endpoint=endpoint, log=tmp_path / "output.log"):
        yield endpoint


@pytest.fixture
def storage(minio_options: dict[str, Any], nginx: str) -> MinioBackend:
    """A storage of a site that reaches the server by the proxy."""
    return MinioBackend(**{**minio_options, "MINIO_ENDPOINT": nginx})


def forge(http: urllib3.PoolManager, storage: MinioBackend, headers: dict[str, str]) -> urllib3.BaseHTTPResponse:
    """Write an archive with nothing but what a signed URL shows."""
    shown = parse_qs(urlsplit(storage.url("any.txt")).query)["X-Amz-Credential"][0]
    url = f"{storage.base_url}/{storage.bucket}/a.tar?X-Amz-Credential={quote(shown, safe='')}"
    content = archive()
    unpacked = "x-amz-meta-snowball-auto-extract" in headers
    body = content if unpacked else b"%x\r\n%s\r\n0\r\n\r\n\r\n" % (len(content), content)
    return http.request("PUT", url, body=body, headers={**headers, "x-amz-decoded-content-length": str(len(content))})


def archive() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        tar.addfile(tarfile.TarInfo("other.txt"))
    return buffer.getvalue()


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"x-amz-content-sha256": TRAILER}, id="plain"),
        pytest.param({"X-AMZ-Content-SHA256": TRAILER, "Authorization": "none"}, id="wrong-authorization"),
        pytest.param({"x_amz_content_sha256": "UNSIGNED-PAYLOAD", "x-amz-content-sha256": TRAILER}, id="underscores"),
        pytest.param({"x-amz-content-sha256": TRAILER, "x-amz-meta-snowball-auto-extract": "true"}, id="archive"),
        pytest.param(
            {"x-amz-content-sha256": TRAILER, "x-amz-meta-snowball-auto-extract": "true", "Authorization": "none"},
            id="archive-and-wrong-authorization",
        ),
    ],
)
def test_no_upload_without_a_signature_passes_the_proxy(
    storage: MinioBackend, http: urllib3.PoolManager, headers: dict[str, str]
) -> None:
    assert forge(http, storage, headers).status in (400, 403)
    assert storage.listdir("") == ([], [])


def test_what_is_signed_passes_the_proxy(storage: MinioBackend, http: urllib3.PoolManager) -> None:
    upload = storage.presigned_upload("a.txt", max_size=7, size=7, method="PUT")
    assert http.request("PUT", upload.url, body=b"content", headers=upload.headers).status == 200
    with storage.open("b.txt", "w") as file:
        file.write("content")
    for name in (upload.name, "b.txt"):
        assert http.request("GET", storage.url(name)).data == b"content"


def test_the_readme_shows_the_lines_of_the_example() -> None:
    page = (ROOT / "docs" / "how-to" / "direct-uploads.md").read_text(encoding="utf-8")
    example = (ROOT / "examples" / "nginx.conf").read_text(encoding="utf-8")
    lines = page.partition("```nginx\n")[2].partition("```")[0].splitlines()
    assert len(lines) == 5
    assert {line.strip() for line in lines} <= {line.strip() for line in example.splitlines()}
