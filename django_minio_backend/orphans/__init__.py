"""Cleaning of orphans, the objects that no row refers to; its door is `cleanup_scopes`, `compare`, `delete_orphans`."""
