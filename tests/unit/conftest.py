from __future__ import annotations

from hypothesis import settings

# Two workers on two busy cores: how long one example takes says nothing.
settings.register_profile("unit", deadline=None)
settings.load_profile("unit")
