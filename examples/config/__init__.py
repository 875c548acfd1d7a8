"""The project: settings, addresses, WSGI application."""
