"""Settings of the example project.

Whatever differs from one machine to the next, and every secret, comes from environment variables; README.md lists
them. The storages are at the end.
"""

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured

BASE_DIR = Path(__file__).resolve().parent.parent


def required(name: str) -> str:
    """Return an environment variable, or say which one is missing."""
    value = os.environ.get(name, "")
    if not value:
        raise ImproperlyConfigured(f"Set the environment variable {name}; examples/README.md says what for.")
    return value


def flag(name: str, *, default: bool = False) -> bool:
    """Return whether an environment variable says yes."""
    value = os.environ.get(name, "").strip().lower()
    if value in {"1", "true", "yes", "on"}:
        return True
    if value in {"0", "false", "no", "off"}:
        return False
    if value:
        raise ImproperlyConfigured(f"The environment variable {name} has to be 1 or 0, not {value!r}.")
    return default


SECRET_KEY = required("DJANGO_SECRET_KEY")
DEBUG = flag("DJANGO_DEBUG")
ALLOWED_HOSTS = [host for host in os.environ.get("DJANGO_ALLOWED_HOSTS", "localhost,127.0.0.1").split(",") if host]

INSTALLED_APPS = [
    "gallery",
    # Before staticfiles, so that collectstatic is the one that compares and uploads in bulk.
    "django_minio_backend.apps.DjangoMinioBackendConfig",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "gallery.middleware.content_security_policy",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "gallery.context.server",
            ],
        },
    },
]

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": os.environ.get("DATABASE_PATH") or BASE_DIR / "db.sqlite3",
    },
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

LANGUAGE_CODE = "en-gb"
TIME_ZONE = "UTC"
USE_TZ = True

# Django insists on these two, but the storages below ignore them: they make every URL from the endpoint and the
# bucket.
MEDIA_URL = "media/"
STATIC_URL = "static/"

# The buckets; each has an alias in STORAGES.
BUCKET_PREFIX = os.environ.get("MINIO_BUCKET_PREFIX") or "example"
PUBLIC_BUCKET = f"{BUCKET_PREFIX}-public"
PRIVATE_BUCKET = f"{BUCKET_PREFIX}-private"
MEDIA_BUCKET = f"{BUCKET_PREFIX}-media"
STATIC_BUCKET = f"{BUCKET_PREFIX}-static"

# For the page's banner and its list of things to try; `make demo` sets both.
S3_STAND_IN = os.environ.get("S3_STAND_IN", "")
MANAGE_COMMAND = os.environ.get("MANAGE_COMMAND") or "python manage.py"

# What all storages need to know about the server.
MINIO_SERVER: dict[str, Any] = {
    "MINIO_ENDPOINT": os.environ.get("MINIO_ENDPOINT") or "127.0.0.1:9000",
    "MINIO_ACCESS_KEY": required("MINIO_ACCESS_KEY"),
    "MINIO_SECRET_KEY": required("MINIO_SECRET_KEY"),
    "MINIO_USE_HTTPS": flag("MINIO_USE_HTTPS"),
    "MINIO_REGION": os.environ.get("MINIO_REGION") or "us-east-1",
}

# Only if browsers reach the server at another endpoint than Django, as with containers.
if os.environ.get("MINIO_EXTERNAL_ENDPOINT"):
    MINIO_SERVER["MINIO_EXTERNAL_ENDPOINT"] = os.environ["MINIO_EXTERNAL_ENDPOINT"]
    MINIO_SERVER["MINIO_EXTERNAL_ENDPOINT_USE_HTTPS"] = flag("MINIO_EXTERNAL_ENDPOINT_USE_HTTPS")

STORAGES = {
    "default": {
        "BACKEND": "django_minio_backend.models.MinioBackend",
        "OPTIONS": {
            **MINIO_SERVER,
            "MINIO_DEFAULT_BUCKET": MEDIA_BUCKET,  # private, as every bucket that is not said to be public
        },
    },
    "public": {
        "BACKEND": "django_minio_backend.models.MinioBackend",
        "OPTIONS": {
            **MINIO_SERVER,
            "MINIO_DEFAULT_BUCKET": PUBLIC_BUCKET,
            "MINIO_PUBLIC_BUCKETS": [PUBLIC_BUCKET],
        },
    },
    "private": {
        "BACKEND": "django_minio_backend.models.MinioBackend",
        "OPTIONS": {
            **MINIO_SERVER,
            "MINIO_DEFAULT_BUCKET": PRIVATE_BUCKET,
            # A link to a private file works for two hours: enough for a page that stays open over lunch.
            "MINIO_URL_EXPIRY_HOURS": timedelta(hours=2),
        },
    },
    "staticfiles": {
        "BACKEND": "django_minio_backend.models.MinioBackendStatic",
        "OPTIONS": {
            **MINIO_SERVER,
            "MINIO_STATIC_FILES_BUCKET": STATIC_BUCKET,
        },
    },
}
