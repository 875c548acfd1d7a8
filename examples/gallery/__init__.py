"""A small picture gallery that keeps its files in public and private buckets."""
