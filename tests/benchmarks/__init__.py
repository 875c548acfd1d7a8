"""Speed and memory, compared with the SDK: ``make bench``."""
