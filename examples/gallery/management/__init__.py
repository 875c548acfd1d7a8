"""The gallery in the shell of Django's command line: ``manage.py``."""
