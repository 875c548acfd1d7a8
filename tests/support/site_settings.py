"""Settings of a site that is started in a process of its own; its STORAGES and apps are in the environment."""

from __future__ import annotations

import json
import os
from typing import Any

SECRET_KEY = "used by tests alone"
USE_TZ = True
INSTALLED_APPS = [
    "django_minio_backend.apps.DjangoMinioBackendConfig",
    *os.environ.get("TEST_APPS", "").split(),
]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
STORAGES: dict[str, dict[str, Any]] = json.loads(os.environ["TEST_STORAGES"])
