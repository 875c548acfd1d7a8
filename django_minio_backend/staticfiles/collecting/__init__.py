"""Runs of collectstatic: what a static storage does while this package's command or Django's runs."""
