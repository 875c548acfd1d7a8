"""The storages of the gallery's files.

They are functions, and the models name the functions: so a migration file holds the function's name and nothing of the
settings, and another bucket needs no new migration. Each bucket has an alias of its own in STORAGES, where tests can
put another storage.
"""

from django.core.files.storage import Storage, storages


def get_public_storage() -> Storage:
    """Return the bucket that anybody may read from."""
    return storages["public"]


def get_private_storage() -> Storage:
    """Return the bucket whose files are reached by signed links only."""
    return storages["private"]
