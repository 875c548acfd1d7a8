"""What migrations and pickles keep of a storage: the call that made it, less its secrets, or its alias."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from django.conf import settings

from .options.fields import OPTION_NAMES
from .options.hiding import without_secrets
from .options.resolution import is_self_contained
from .options.subclassing import has_own_init, is_callable_with, names_of_arguments, takes
from .redaction.secret_values import has_secret

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

HINT = "Give the field a callable that returns the storage."


class ConstructorCall(NamedTuple):
    """The call that made a storage.

    Attributes:
        kind: the storage's class.
        arguments, keywords: of the call itself. A subclass's ``__init__`` may change them before they become options.
        options: those that reached the storage's own ``__init__``.
        alias: of the storage in STORAGES; empty for a storage whose call names its own server.
        alias_was_given: whether the call named it.
        label: the storage in errors.
    """

    kind: type
    arguments: tuple[Any, ...]
    keywords: dict[str, Any]
    options: dict[str, Any]
    alias: str
    alias_was_given: bool
    label: str

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        """Return path, arguments and keywords for a migration: bucket and alias, or a subclass's own call.

        Without an alias: the other options.

        Raises:
            TypeError: a subclass's ``__init__`` cannot be called without a secret.
        """
        module = self.kind.__module__
        if module.startswith(f"{__package__}."):
            module = f"{__package__}.models"
        path = f"{module}.{self.kind.__qualname__}"
        if has_own_init(self.kind):
            return path, *self._without_secrets()
        if not self.alias:
            return path, [], {**without_secrets(self.options), "storage_name": ""}
        bucket = {"bucket_name": self.options["bucket_name"]} if self.options.get("bucket_name") else {}
        return path, [], {**bucket, "storage_name": self.alias}

    def reduce(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        """Return what a pickle calls to make the storage again, with the settings of the process that reads it.

        Raises:
            TypeError: that call would need a secret.
        """
        keywords = self.keywords
        if has_own_init(self.kind):
            if keywords == without_secrets(keywords) and not any(map(has_secret, self.arguments)):
                return partial(self.kind, *self.arguments, **keywords), ()
            if self.alias and not self.arguments and self._names_server(keywords):
                return _from_settings, (self.kind, self.alias)
        else:
            names_server = self._is_self_contained(self.options)
            extras = {} if names_server and self.alias else self.options
            if (self.alias or not names_server) and extras == without_secrets(extras):
                return partial(self.kind, storage_name=self.alias, **extras), ()
        raise TypeError(f"{self.label} cannot be pickled without its secrets. {HINT}")

    def _without_secrets(self) -> tuple[list[Any], dict[str, Any]]:
        """Return the call less its secrets; an alias stands for the server if the call names one."""
        arguments, keywords = self.arguments, self.keywords
        if any(map(has_secret, arguments)):
            keywords = {**dict(zip(names_of_arguments(self.kind, arguments), arguments, strict=True)), **keywords}
            arguments = ()
        kept = without_secrets(keywords)
        names_server = self._names_server(keywords)
        if names_server and takes(self.kind, "storage_name"):
            if self.alias:
                kept = {name: kept[name] for name in kept if name == "bucket_name" or name not in OPTION_NAMES}
            kept["storage_name"] = self.alias
        elif (names_server and kept != keywords) or not is_callable_with(self.kind, arguments, kept):
            left_out = ", ".join(name for name in keywords if name not in kept)
            raise TypeError(f"{self.label} cannot be written to a migration without its secrets ({left_out}). {HINT}")
        return list(arguments), kept

    def _names_server(self, keywords: Mapping[str, Any]) -> bool:
        """Whether both calls, the outer one and that of the storage's own ``__init__``, name the server."""
        return self._is_self_contained(keywords) and self._is_self_contained(self.options)

    def _is_self_contained(self, keywords: Mapping[str, Any]) -> bool:
        return is_self_contained(keywords, alias_was_given=self.alias_was_given)


def _from_settings(kind: type, alias: str) -> Any:
    """Make a pickled ``storages[alias]`` from the OPTIONS of the process that reads the pickle."""
    return kind(**settings.STORAGES[alias]["OPTIONS"])
