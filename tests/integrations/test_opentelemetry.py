"""OpenTelemetry's instrumentation of urllib3, as docs/how-to/monitoring.md sets it up: spans, and no secret in them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tests.integrations.project import required
from tools.check_documents import DOCS

if TYPE_CHECKING:
    from tests.integrations.project import Project

required("opentelemetry.sdk")
required("opentelemetry.instrumentation.urllib3")

PAGE = (DOCS / "how-to" / "monitoring.md").read_text(encoding="utf-8")
(SET_UP,) = re.findall(r"```python\n(from opentelemetry.*?)```", PAGE, re.DOTALL)

SCRIPT = """
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

spans = InMemorySpanExporter()
trace.set_tracer_provider(TracerProvider())
trace.get_tracer_provider().add_span_processor(SimpleSpanProcessor(spans))
tracer = trace.get_tracer("test")
"""
SAVE_AND_READ = """
with tracer.start_as_current_span("page") as page:
    name = default_storage.save("a.txt", ContentFile(b"content"))
    assert default_storage.open(name).read() == b"content"
    default_storage.listdir("")
finished = [span for span in spans.get_finished_spans() if span.name != "page"]
assert [span.name for span in finished] == ["HEAD", "PUT", "GET", "GET"], finished
assert [span.attributes["http.status_code"] for span in finished] == [404, 200, 206, 200]
assert {span.parent.span_id for span in finished} == {page.get_span_context().span_id}
text = "".join(span.to_json() for span in finished)
assert f"{settings.PRIVATE}/a.txt" in text
for secret in (settings.SERVER_OPTIONS["MINIO_SECRET_KEY"], "ignature", "AWS4", "X-Amz", "?", "list-type"):
    assert secret not in text, secret
"""
PARTS = """
from django_minio_backend.models import MinioBackend

storage = MinioBackend(
    **settings.SERVER_OPTIONS, MINIO_DEFAULT_BUCKET=settings.PRIVATE, MINIO_MULTIPART_UPLOAD=True,
    MINIO_MULTIPART_THRESHOLD=6 * 1024**2, MINIO_MULTIPART_PART_SIZE=5 * 1024**2,
)
with tracer.start_as_current_span("page") as page:
    storage.save("a.bin", ContentFile(bytes(12 * 1024**2)))
finished = [span for span in spans.get_finished_spans() if span.name != "page"]
assert sorted(span.name for span in finished) == ["HEAD", "POST", "POST", "PUT", "PUT", "PUT"], finished
assert {span.parent.span_id for span in finished} == {page.get_span_context().span_id}
"""
WEB_IDENTITY = """
import urllib3
from minio.credentials import WebIdentityProvider
from django_minio_backend.models import MinioBackend

def provider():
    return WebIdentityProvider(
        jwt_provider_func=lambda: {"access_token": "TOKEN-0123456789ABCDEF", "expires_in": 3600},
        sts_endpoint="http://127.0.0.1:1",
        http_client=urllib3.PoolManager(retries=urllib3.Retry(1, backoff_factor=0)),
    )

storage = MinioBackend(
    MINIO_ENDPOINT="127.0.0.1:1", MINIO_USE_HTTPS=False, MINIO_DEFAULT_BUCKET="bucket", MINIO_CREDENTIALS=provider
)
try:
    storage.exists("a.txt")
except urllib3.exceptions.HTTPError:
    pass
(span,) = spans.get_finished_spans()
assert span.events and "Max retries exceeded" in span.to_json(), span.to_json()
assert "TOKEN" not in span.to_json(), span.to_json()
"""


def test_a_save_and_a_read_have_spans_without_signatures(project: Project) -> None:
    project.run(SCRIPT + SET_UP + SAVE_AND_READ, tables=False)


def test_parts_that_threads_send_are_children_of_the_save(project: Project) -> None:
    project.run(SCRIPT + SET_UP + PARTS, tables=False)


def test_a_failed_request_for_credentials_shows_no_token(project: Project) -> None:
    project.run(SCRIPT + SET_UP + WEB_IDENTITY, tables=False)
