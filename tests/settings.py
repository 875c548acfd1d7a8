"""Django's settings for the tests; the server is the one that tests/plugin.py started."""

from __future__ import annotations

import os
from typing import Any

from tests.support.server_options import options_of
from tools.servers import Server, server_from_environment

# One set of buckets for each worker of pytest-xdist, so that the workers do not meet.
WORKER = os.environ.get("PYTEST_XDIST_WORKER", "main")
PRIVATE_BUCKET = f"site-private-{WORKER}"
PUBLIC_BUCKET = f"site-public-{WORKER}"
STATIC_BUCKET = f"site-static-{WORKER}"

SECRET_KEY = "used by tests alone"
DEBUG = False
ALLOWED_HOSTS = ["*"]
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
ROOT_URLCONF = "tests.app.urls"

INSTALLED_APPS = [
    "django_minio_backend.apps.DjangoMinioBackendConfig",  # before staticfiles, for its collectstatic
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "tests.app",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

MEDIA_URL = "/media/"
STATIC_URL = "/static/"

# The placeholder is for mypy and others that import this file without a server.
PLACEHOLDER = Server("none", "127.0.0.1:9", "placeholder", "placeholder")
SERVER_OPTIONS = options_of(server_from_environment() or PLACEHOLDER)
STORAGES: dict[str, dict[str, Any]] = {
    "default": {
        "BACKEND": "django_minio_backend.models.MinioBackend",
        "OPTIONS": {
            **SERVER_OPTIONS,
            "MINIO_DEFAULT_BUCKET": PRIVATE_BUCKET,
            "MINIO_PRIVATE_BUCKETS": [PRIVATE_BUCKET],
            "MINIO_PUBLIC_BUCKETS": [PUBLIC_BUCKET],
        },
    },
    "staticfiles": {
        "BACKEND": "django_minio_backend.models.MinioBackendStatic",
        "OPTIONS": {**SERVER_OPTIONS, "MINIO_STATIC_FILES_BUCKET": STATIC_BUCKET},
    },
}
