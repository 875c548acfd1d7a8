"""Settings for mypy's Django plugin alone: those of the tests, and with them the example project's application.

The plugin knows the models of one settings module, and the example's models are to be checked as well.
"""

import sys
from pathlib import Path

from tests.settings import *  # noqa: F403
from tests.settings import INSTALLED_APPS as TESTED_APPS
from tests.settings import STORAGES as TESTED_STORAGES

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "examples"))

INSTALLED_APPS = [*TESTED_APPS, "gallery"]
STORAGES = {**TESTED_STORAGES, "public": TESTED_STORAGES["default"], "private": TESTED_STORAGES["default"]}
