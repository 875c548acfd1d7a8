"""The sockets of requests: ``connections`` sends and receives, and ``cancellation`` ends what nobody needs any more."""
