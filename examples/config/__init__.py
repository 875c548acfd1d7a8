"""The project: settings, URLs, WSGI application."""
