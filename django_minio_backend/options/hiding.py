"""Hides secrets among options, so that no error, report or frame shows them."""

from __future__ import annotations

import re
from collections.abc import Mapping, MutableMapping
from typing import Any

from django.conf import settings

from ..redaction.secret_values import HIDDEN, SecretText, has_secret, hidden, hidden_passwords
from .fields import FIELDS, OTHER_SPELLINGS
from .subclassing import has_own_init, names_of_arguments

# Names of other options whose values are hidden.
_SECRET_NAMES = r"(?i)minio|secret|keys?\Z|token|passw|passphrase|credential|auth(?!or)|\Asse"  # noqa: S105 - a pattern


def hidden_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options, equal to what they were, with the repr of every secret hidden.

    The value of an unknown name may be a secret, since the name may be misspelt or a subclass's own option.
    """
    return {name: _hidden(name, value) for name, value in options.items()}


def hidden_arguments(storage_class: type, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    """The positional arguments of a call of this class, with the repr of every secret hidden."""
    if not arguments or not has_own_init(storage_class):
        return arguments
    return tuple(map(_hidden, names_of_arguments(storage_class, arguments), arguments))


def without_secrets(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options without secrets."""
    return {name: value for name, value in options.items() if not (_is_secret(name) or has_secret(value))}


def without_values(text: str, options: Mapping[str, Any]) -> str:
    """A text, such as that of an error in a user's code, with the secrets among these options replaced by asterisks."""
    for value in hidden_options(options).values():
        if isinstance(value, SecretText) and value:
            text = text.replace(value, HIDDEN)
    return text


def hide_secrets_of_settings() -> None:
    """Hide the secrets within STORAGES, so that no frame that holds the settings' dictionaries shows them.

    Django's own frame that makes a storage is one of those frames.
    """
    entries: Mapping[str, Any] = settings.STORAGES
    for entry in entries.values():
        options = entry.get("OPTIONS") if isinstance(entry, Mapping) else None
        if isinstance(options, MutableMapping) and any(str(name).upper().startswith("MINIO_") for name in options):
            options.update(hidden_options(options))


def _hidden(name: str, value: Any) -> Any:
    return hidden(value) if _is_secret(name) else hidden_passwords(value)


def _is_secret(name: str) -> bool:
    option = FIELDS.get(OTHER_SPELLINGS.get(name, name))
    return bool(re.search(_SECRET_NAMES, str(name))) if option is None else option.secret
