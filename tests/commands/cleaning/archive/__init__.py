"""An app whose models have files in all the ways that cleaning must not overlook; tests install it."""
