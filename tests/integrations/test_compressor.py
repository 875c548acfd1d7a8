"""django-compressor with MinioBackendStatic as its storage: online, offline, and the ways to name the bucket's URL."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.integrations.project import required

if TYPE_CHECKING:
    from tests.integrations.project import Project

required("compressor")

SETTINGS = """
INSTALLED_APPS += ["compressor"]
STATICFILES_FINDERS = [
    "django.contrib.staticfiles.finders.FileSystemFinder",
    "compressor.finders.CompressorFinder",
]
COMPRESS_STORAGE_ALIAS = "staticfiles"
COMPRESS_ENABLED = True
"""
LOCATED = SETTINGS + 'STORAGES["staticfiles"]["OPTIONS"]["MINIO_LOCATION"] = "site/v 2"\n'
PUBLISHED = (
    SETTINGS
    + """
scheme = "https" if SERVER_OPTIONS["MINIO_USE_HTTPS"] else "http"
host = SERVER_OPTIONS["MINIO_ENDPOINT"].replace("127.0.0.1", "localhost")
STORAGES["staticfiles"]["OPTIONS"]["MINIO_PUBLIC_BASE_URL"] = f"{scheme}://{host}/{STATIC}"
"""
)
BY_CLASS = (
    SETTINGS
    + """
del COMPRESS_STORAGE_ALIAS
COMPRESS_STORAGE = "django_minio_backend.models.MinioBackendStatic"
"""
)
FILES = {
    "assets/css/site.css": "body { background: url('../dot.png'); color: #ff0000; }\n",
    "assets/css/other.css": "p { margin: 0px; }\n",
    "assets/dot.png": "no picture",
    "assets/js/a.js": "var first = 1; // a comment\n",
    "templates/page.html": """{% load static compress %}
{% compress css %}
<link rel="stylesheet" href="{% static 'css/site.css' %}"><link rel="stylesheet" href="{% static 'css/other.css' %}">
{% endcompress %}
{% compress js %}<script src="{% static 'js/a.js' %}"></script><script>var second = 2;</script>{% endcompress %}
""",
}
SCRIPT = """
import re
from urllib.parse import urljoin
from django.template.loader import render_to_string

assert storages["staticfiles"].base_url.endswith("/")
make_public()
call_command("collectstatic", interactive=False, verbosity=0)
if settings.COMPRESS_OFFLINE:
    call_command("compress", verbosity=0)
html = render_to_string("page.html")
css, js = re.findall(r'(?:href|src)="([^"]+)"', html)
assert "css/site.css" not in html and "/CACHE/" in css and "/CACHE/" in js, html
content = get(css).decode()
assert "margin:0" in content and "#ff0000" in content.replace("red", "#ff0000"), content
assert get(js) == b"var first=1;;var second=2;;", get(js)
reference = re.search(r"url[(]['\\"]?([^'\\")]+)", content)[1]
assert get(urljoin(css, reference)) == b"no picture", (css, reference)
"""
# References of style sheets to other files then lead from the compressed file to the files as they were.
RELATIVE = """
COMPRESS_FILTERS = {
    "css": ["compressor.filters.css_default.CssRelativeFilter", "compressor.filters.cssmin.rCSSMinFilter"],
    "js": ["compressor.filters.jsmin.rJSMinFilter"],
}
"""


OFFLINE = "COMPRESS_OFFLINE = True\n"


@pytest.mark.parametrize(
    "settings",
    [SETTINGS, BY_CLASS + OFFLINE, LOCATED, PUBLISHED + OFFLINE],
    ids=["alias", "class and offline", "location", "public base URL and offline"],
)
def test_style_sheets_and_scripts_are_compressed_and_served(project: Project, settings: str) -> None:
    project.write(FILES)
    project.run(SCRIPT, settings=settings + RELATIVE, tables=False)
