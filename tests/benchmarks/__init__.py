"""Speed and memory beside the raw SDK: ``make bench``."""
