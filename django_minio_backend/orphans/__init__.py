"""Objects that no row refers to: found, compared, deleted."""
