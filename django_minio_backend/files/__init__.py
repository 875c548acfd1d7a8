"""One object becomes a Django file, one stream becomes one object, and names become keys."""
