"""django-health-check: its storage check through its view, and when the storage cannot be used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.integrations.project import required

if TYPE_CHECKING:
    from tests.integrations.project import Project

required("health_check")

SETTINGS = """
INSTALLED_APPS += ["health_check"]
STORAGES["missing"] = minio("no-such-bucket-" + PRIVATE)
"""
URLS = """
from health_check.views import HealthCheckView

def view(*aliases):
    return HealthCheckView.as_view(checks=[("health_check.Storage", {"alias": alias}) for alias in aliases])

urlpatterns += [path("health/", view("default", "public")), path("unhealthy/", view("missing"))]
"""


def test_a_storage_that_works_is_healthy_and_one_without_its_bucket_is_not(project: Project) -> None:
    script = """
browser = Client()
response = browser.get("/health/?format=json")
assert response.status_code == 200, response.content
assert len(response.json()) == 2, response.json()
assert keys() == set()
response = browser.get("/unhealthy/?format=json")
assert response.status_code == 500, response.content
"""
    project.run(script, settings=SETTINGS, urls=URLS)
