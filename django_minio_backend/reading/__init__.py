"""One object as a seekable stream: ``reader`` sends ranged requests, and ``read_ahead`` several at a time."""
