"""Whether a server works, and what is wrong with it."""
