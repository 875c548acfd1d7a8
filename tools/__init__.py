"""Programs for the development of this library: test servers, the demo, checks."""
