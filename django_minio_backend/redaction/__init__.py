"""Keeps secrets and control characters out of errors, logs and tracebacks."""
