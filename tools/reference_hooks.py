"""MkDocs' hooks: put the generated parts into the pages that ask for them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # MkDocs loads this file by its path

from tools import reference


def on_startup(**_: Any) -> None:
    """Configure Django, which the commands and checks need."""
    reference.set_up()


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Fill a page's generated parts."""
    return reference.filled(markdown)
