"""Signature V4 of requests."""
