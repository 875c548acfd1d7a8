"""The sockets of requests.

``connections`` sends, ``responses`` receives, and ``cancellation`` ends what nobody needs any more.
"""
