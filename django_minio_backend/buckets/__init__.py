"""Buckets: their policies, what differs from the settings, and how they are created."""
