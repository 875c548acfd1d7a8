"""One STORAGES entry or call becomes one StorageOptions; the only reader of MINIO_* names in settings."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Mapping, MutableMapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, cast

from django.conf import settings

from ..errors import ConfigurationError, PrivatePublicMixedError
from ..redaction.secret_values import (
    HIDDEN,
    SecretText,
    carries_customer_key,
    has_secret,
    hidden,
    hidden_passwords,
    shown,
)
from .fields import FIELDS, NAMES_BY_LOWER_CASE, OPTION_NAMES, OTHER_SPELLINGS, REQUIRED, StorageOptions
from .other_libraries import SHOWN_ATTRIBUTES, WRITE_INSTEAD
from .subclassing import (
    ClassOptions,
    backend_among,
    backend_class,
    class_options,
    has_own_init,
    names_of_arguments,
    own_options,
)
from .validators import WrongValueError, without_default_port

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_WRONG = object()
_PASSWORD = re.compile(r"""(//|['"][^/@'"\s]*:(?!//)).*@""")  # [user:]password@ before a host, whatever is in it
_QUERY = re.compile(r"[?#].*")  # behind the path of a URL: a token, perhaps
_SOUNDS_SECRET = re.compile(r"(?i)minio|secret|keys?\Z|token|passw|passphrase|credential|auth(?!or)|\Asse")
# Names of earlier versions, and those of arguments that people expect.
RENAMED = {"MINIO_MEDIA_FILES_BUCKET": "MINIO_DEFAULT_BUCKET", "alias": "storage_name", "bucket": "bucket_name"}
OF_VERSION_3 = ("MINIO_ENDPOINT", "DEFAULT_FILE_STORAGE", "STATICFILES_STORAGE")


def read_options(
    given: Mapping[str, Any],
    alias: str,
    *,
    attributes: ClassOptions | None = None,
    keys_needed: bool = True,
    called: Mapping[str, Any] | None = None,
    backend: str = "",
) -> StorageOptions:
    """Check and type what one storage was given.

    Args:
        given: OPTIONS of a STORAGES entry, or a call's keyword arguments. Never changed.
        alias: the storage's alias, for errors.
        attributes: options that its class has as attributes, for errors; those that count are in ``given``.
        keys_needed: False where a storage is only named and not used, as in a migration.
        called: those that a call has put on top, whose mistakes are not STORAGES's.
        backend: name of the class that was called.

    Raises:
        ConfigurationError: with every problem that was found, not just the first.
        PrivatePublicMixedError: if a bucket in both lists is all that is wrong.
    """
    where = f"STORAGES['{alias}']" if alias else "A storage made by a call"
    in_call = f"The call {backend}(...)"
    given = in_known_case(given)
    attributes = attributes or ClassOptions()
    labels = {name: label for name, label in attributes.labels.items() if given.get(name) is attributes.values[name]}
    in_settings, of_call = _by_source(given, called or {})
    problems = [f"{where}: {problem}" for problem in attributes.problems]
    problems += [*_unknown_names(in_settings, where, labels), *_unknown_names(of_call, in_call, {})]
    found: dict[str, Any] = {}
    for name, spec in FIELDS.items():
        value = _lookup(given, name, top_level=spec.metadata["top_level"])
        found[spec.name] = spec.metadata["default"] if value is None else _WRONG
        if value is None:
            if spec.metadata["default"] is REQUIRED:
                problems.append(f"{where}: {name} is missing: {spec.metadata['meaning']}.")
            continue
        try:
            found[spec.name] = spec.metadata["parse"](value)
        except WrongValueError as wrong:
            text = "" if spec.metadata["secret"] else f"is {wrong.shown or _shown(value)}, but "
            told_by = in_call if name in of_call else where
            problems.append(f"{told_by}: {labels.get(name, name)} {text}must be {wrong}.")
    problems += _contradictions(found, where, keys_needed=keys_needed)
    mixed = _mixed_buckets(found, where)
    if problems:
        raise ConfigurationError(*problems, *mixed)
    if mixed:
        raise PrivatePublicMixedError(*mixed)
    return StorageOptions(alias=alias, **_in_one_spelling(found))


def _shown(value: object) -> str:
    """A wrong value in an error, less what a URL may hold of secrets."""
    return _QUERY.sub("***", _PASSWORD.sub(r"\1***@", shown(value)))


def _in_one_spelling(found: Mapping[str, Any]) -> dict[str, Any]:
    """The values, less the ports that endpoints need not name: whoever compares or signs them finds one spelling."""
    endpoint = without_default_port(found["endpoint"], https=found["use_https"])
    external = found["external_endpoint"]
    if external is not None:
        external = without_default_port(external, https=found["external_use_https"])
    return {**found, "endpoint": endpoint, "external_endpoint": external}


def options_of_call(
    given: Mapping[str, Any],
    kind: type,
    *,
    alias: str,
    alias_was_given: bool,
    outer_call: Mapping[str, Any] | None = None,
) -> StorageOptions:
    """Find the options of ``MinioBackend(bucket_name=..., storage_name=..., **given)``.

    A call with MINIO_* options that names no alias is self-contained: Django makes ``storages["alias"]``
    that way. So is one of a class that has a MINIO_ENDPOINT. Any other call takes the OPTIONS of its alias, with what
    was given on top. An alias given as an empty string is how migrations write a storage that no alias stands for,
    less its secrets.

    Attributes of the class count where nothing else is given. Over the OPTIONS of another class's entry, which say
    nothing of this class, they win.

    Args:
        given: the call's keyword arguments.
        kind: the storage's class.
        alias: the storage alias that the call names, or the class's default one.
        alias_was_given: whether the call named it.
        outer_call: the arguments that a subclass's ``__init__`` got before it made this call.

    Raises:
        ConfigurationError: if the alias is absent or not a MinIO storage, or an option is wrong.
    """
    attributes = class_options_of(kind)
    try:
        if is_self_contained(given, alias_was_given=alias_was_given) or (
            attributes.names_a_server and not alias_was_given and not attributes.storage_name
        ):
            own_alias = _alias_of(given if outer_call is None else outer_call, kind)
            return read_options(_layered(attributes.values, given), own_alias, attributes=attributes)
        if not alias:
            return read_options(_layered(attributes.values, given), "", attributes=attributes, keys_needed=False)
        return _on_top_of_alias(alias, given, kind, attributes, is_call=True)
    except ConfigurationError as error:
        # Storages are often made while models are imported, before the app has checked all of STORAGES.
        others = _problems_of_all_aliases()
        if set(others) <= set(error.problems):
            raise
        raise ConfigurationError(*dict.fromkeys([*error.problems, *others])) from error


def _on_top_of_alias(
    alias: str, given: Mapping[str, Any], kind: type | None, attributes: ClassOptions, *, is_call: bool = False
) -> StorageOptions:
    entry: Any = settings.STORAGES.get(alias)
    backend = backend_among(kind, entry.get("BACKEND")) if kind and isinstance(entry, Mapping) else None
    is_own = backend is not None and attributes.names_a_server
    called = kind.__name__ if kind and is_call else ""
    layers = (
        attributes.of_bases(backend),
        _options_of_alias(alias, called, may_be_empty=is_own),
        attributes.of_others(backend),
        given,
    )
    on_top = given if called else None
    return read_options(_layered(*layers), alias, attributes=attributes, called=on_top, backend=called)


def _by_source(given: Mapping[str, Any], called: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The options of the settings, and those that a call has put on top, under the same names."""
    put = {OTHER_SPELLINGS.get(name, name): value for name, value in in_known_case(called).items()}
    of_call = {name: value for name, value in given.items() if name in put and put[name] is value}
    return {name: value for name, value in given.items() if name not in of_call}, of_call


def _layered(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """Options of several sources under the names of the table; later ones win, where they have a value."""
    merged: dict[str, Any] = {}
    for layer in layers:
        for name, value in layer.items():
            known = OTHER_SPELLINGS.get(name, name)
            if known != name and layer.get(known) is not None:
                continue  # given in both spellings
            if known not in merged or not (value is None or (known == "bucket_name" and value == "")):
                merged[known] = value
    return merged


def class_options_of(kind: type | None) -> ClassOptions:
    """The options that a class has as attributes, secrets among them hidden from reports."""
    if kind is None:
        return ClassOptions()
    found = class_options(kind)
    return dataclasses.replace(found, values=hidden_options(found.values))


def _problems_of_all_aliases() -> list[str]:
    problems: list[str] = []
    for alias, entry in minio_aliases().items():
        backend = backend_class(entry)
        if backend is None or has_own_init(backend):  # checked when Django has started, as they have to be imported
            continue
        try:
            options_of_entry(entry["OPTIONS"], alias, backend)
        except ConfigurationError as error:
            problems += error.problems
    return problems


def options_of_entry(given: Mapping[str, Any], alias: str, kind: type | None = None) -> StorageOptions:
    """Options that Django makes ``storages[alias]`` of: the entry's own, or on top of those of the alias it names.

    Raises:
        ConfigurationError: an option is wrong, or there is no such alias.
    """
    given = in_known_case(given)
    attributes = class_options_of(kind)
    named = str(given.get("storage_name", ""))
    if not named and not is_self_contained(given, alias_was_given=False):
        named = attributes.storage_name
    if not named:
        return read_options(_layered(attributes.values, given), alias, attributes=attributes)
    further = {name: value for name, value in given.items() if name != "storage_name"}
    return _on_top_of_alias(named, further, kind, attributes)


def in_known_case(given: Mapping[str, Any]) -> dict[str, Any]:
    """The options with their names as this package writes them: django-dbbackup, for one, makes them lower-case.

    Names that are the same option stay as they are, which is an error for ``read_options``.
    """
    times = Counter(map(_known_case, given))
    return {known if times[known := _known_case(name)] == 1 else str(name): value for name, value in given.items()}


def _known_case(name: object) -> str:
    is_attribute = name in SHOWN_ATTRIBUTES  # HTTP_CLIENT is one, and not the option http_client
    return str(name) if is_attribute else NAMES_BY_LOWER_CASE.get(str(name).lower(), str(name))


def is_self_contained(given: Mapping[str, Any], *, alias_was_given: bool) -> bool:
    """Whether a call brings all its options itself."""
    return not alias_was_given and any(name.startswith("MINIO_") for name in given)


def without_secrets(given: Mapping[str, Any]) -> dict[str, Any]:
    """The options less those whose values nobody but the server should see."""
    return {name: value for name, value in given.items() if not (_is_secret(name) or has_secret(value))}


def without_values(text: str, options: Mapping[str, Any]) -> str:
    """A text, such as that of an error in a user's code, less the values of these options that nobody should see."""
    for value in hidden_options(options).values():
        if isinstance(value, SecretText) and value:
            text = text.replace(value, HIDDEN)
    return text


def hidden_options(given: Mapping[str, Any]) -> dict[str, Any]:
    """The same options, equal to what they were, with every value that nobody should see hidden from reports.

    What is under a name that is no option may be a secret whose name is misspelt, or a subclass's own option.
    """
    return {name: hidden(value) if _is_secret(name) else hidden_passwords(value) for name, value in given.items()}


def hidden_arguments(kind: type, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    """The same positional arguments of a call of this class, with values that nobody should see hidden."""
    if not arguments or not has_own_init(kind):
        return arguments
    names = names_of_arguments(kind, arguments)
    return tuple(
        hidden(value) if name and _is_secret(name) else hidden_passwords(value)
        for name, value in zip(names, arguments, strict=True)
    )


def differs(options: StorageOptions, name: str, value: object) -> bool:
    """Whether an option has another value than this one would become."""
    spec = FIELDS[OTHER_SPELLINGS.get(name, name)]
    try:
        return bool(spec.metadata["parse"](value) != getattr(options, spec.name))
    except WrongValueError:
        return True


def hide_secrets_of_settings() -> None:
    """Hide the secrets in STORAGES where they are, so that no frame that holds the settings' dictionaries shows them.

    Django's own frame that makes a storage is one; it is none of ours, and runs when our errors pass it.
    """
    entries: Mapping[str, Any] = settings.STORAGES
    for entry in entries.values():
        options = entry.get("OPTIONS") if isinstance(entry, Mapping) else None
        if isinstance(options, MutableMapping) and any(str(name).upper().startswith("MINIO_") for name in options):
            options.update(hidden_options(options))


def _is_secret(name: str) -> bool:
    spec = FIELDS.get(OTHER_SPELLINGS.get(name, name))
    return bool(_SOUNDS_SECRET.search(str(name)) if spec is None else spec.metadata["secret"])


def minio_aliases() -> dict[str, Mapping[str, Any]]:
    """The entries of STORAGES that have MINIO_* options, by alias; not those that are no dictionaries."""
    entries: Mapping[str, Any] = settings.STORAGES
    named = {
        alias: {**entry, "OPTIONS": hidden_options(in_known_case(options))}
        for alias, entry in entries.items()
        if isinstance(entry, Mapping) and isinstance(options := entry.get("OPTIONS"), Mapping)
    }
    return {
        alias: entry for alias, entry in named.items() if any(name.startswith("MINIO_") for name in entry["OPTIONS"])
    }


def settings_of_version_3() -> str:
    """What to read where settings of 3.x are not in STORAGES; empty where there are none."""
    found = [
        name
        for name in OF_VERSION_3
        if (value := getattr(settings, name, None))
        and (name.startswith("MINIO_") or str(value).startswith("django_minio_backend."))
    ]
    verb = "is a setting" if len(found) == 1 else "are settings"
    return f"{' and '.join(found)} {verb} of 3.x: see 'Settings of 3.x' in MIGRATIONS.md." if found else ""


def _options_of_alias(alias: str, backend: str = "", *, may_be_empty: bool) -> Mapping[str, Any]:
    """OPTIONS of an entry, less the arguments that only its class's own ``__init__`` knows.

    Args:
        alias: of the entry.
        backend: name of the class whose call needs them, for errors; empty where another entry does.
        may_be_empty: whether they need tell nothing of a server.

    Raises:
        ConfigurationError: they tell nothing of a server.
    """
    known = minio_aliases()
    entry: Any = settings.STORAGES.get(alias)
    if alias in known:
        options = cast("Mapping[str, Any]", known[alias]["OPTIONS"])
        has_others = any(name not in OPTION_NAMES for name in options)
        own = own_options(backend_class(entry), options) if has_others else ()
        return {name: value for name, value in options.items() if name not in own}
    if may_be_empty and isinstance(entry, Mapping) and isinstance(entry.get("OPTIONS") or {}, Mapping):
        return hidden_options(entry.get("OPTIONS") or {})
    if entry is None:
        raise ConfigurationError(f"STORAGES has no alias '{alias}'. {_known_aliases(known)}")
    if not isinstance(entry, Mapping) or not isinstance(entry.get("OPTIONS") or {}, Mapping):
        problem = "is not a dictionary whose OPTIONS are one"
    else:
        problem = f"is {_class_name(entry.get('BACKEND'))} without any MINIO_* option"
        if backend:
            problem = (
                f"{problem}, but {backend}(...) takes its server from there. Give the bucket an alias of its own in "
                'STORAGES and use storages["alias"], which tests can replace'
            )
    raise ConfigurationError(f"STORAGES['{alias}'] {problem}. {_known_aliases(known)}")


def _known_aliases(known: Iterable[str]) -> str:
    """The MinIO storages that there are, for errors, and where settings of 3.x belong."""
    listed = ", ".join(f"'{name}'" for name in known) or "none"
    return f"MinIO storages in STORAGES: {listed}. {settings_of_version_3()}".rstrip()


def _class_name(backend: object) -> str:
    if isinstance(backend, type):
        return f"{backend.__module__}.{backend.__qualname__}"
    return str(backend or "an entry without BACKEND")


def _alias_of(given: Mapping[str, Any], kind: type) -> str:
    """The alias whose OPTIONS are these, or an empty string."""
    entries: Mapping[str, Any] = settings.STORAGES
    for alias, entry in entries.items():
        is_same = isinstance(entry, Mapping) and in_known_case(entry.get("OPTIONS") or {}) == given
        if is_same and backend_among(kind, entry.get("BACKEND")) is kind:
            return alias
    same = (alias for alias, entry in minio_aliases().items() if entry["OPTIONS"] == given)
    return next(same, "")


def _lookup(given: Mapping[str, Any], name: str, *, top_level: bool) -> Any:
    """The value as given; None, as ``os.environ.get`` returns it, means not given."""
    for spelling in (name, *(other for other, meant in OTHER_SPELLINGS.items() if meant == name)):
        if given.get(spelling) is not None:
            return given[spelling]
    return getattr(settings, name, None) if top_level else None


def _unknown_names(given: Mapping[str, Any], where: str, labels: Mapping[str, str]) -> Sequence[str]:
    problems = []
    for name in map(str, given):
        if name in OPTION_NAMES:
            continue
        if _known_case(name) in OPTION_NAMES:
            problems.append(f"{where}: {_known_case(name)} is given twice, also as {name}; keep one.")
        else:
            problems.append(f"{where}: {labels.get(name, name)} is not an option{_hint(name)}")
    return problems


def _hint(name: str) -> str:
    """What to write instead, behind a sentence that says that there is no such option."""
    instead = WRITE_INSTEAD.get(name) or SHOWN_ATTRIBUTES.get(name)
    if instead:
        return f"; {instead}."
    nearest = [RENAMED[name]] if name in RENAMED else _nearest(name)
    return f"; did you mean {nearest[0]}?" if nearest else "."


def _nearest(name: str) -> list[str]:
    """The known name that is most like this one, whatever the case of its letters."""
    known = {option.upper(): option for option in (*sorted(OPTION_NAMES), "storage_name")}
    return [known[match] for match in get_close_matches(name.upper(), known, n=1)]


def _contradictions(found: Mapping[str, Any], where: str, *, keys_needed: bool) -> Sequence[str]:
    """Problems of options that are right one by one but not together."""
    problems = []
    if found["credentials"] is None:
        problems += [
            f"{where}: {name} is missing; set both keys, or MINIO_CREDENTIALS instead."
            for name, value in (("MINIO_ACCESS_KEY", found["access_key"]), ("MINIO_SECRET_KEY", found["secret_key"]))
            if value is None and keys_needed
        ]
    elif found["access_key"] is not None or found["secret_key"] is not None:
        problems.append(f"{where}: MINIO_CREDENTIALS stands beside MINIO_ACCESS_KEY or MINIO_SECRET_KEY; keep one way.")
    if (found["external_endpoint"] is None) != (found["external_use_https"] is None):
        problems.append(
            f"{where}: MINIO_EXTERNAL_ENDPOINT and MINIO_EXTERNAL_ENDPOINT_USE_HTTPS come together; one is missing."
        )
    if found["use_https"] is False:
        problems += [
            f"{where}: {name} has a customer's key (SSE-C), but MINIO_USE_HTTPS is False, so that everybody on the way "
            "could read the key; set MINIO_USE_HTTPS to True."
            for name in ("sse", "headers", "MINIO_OBJECT_HEADERS", "metadata")
            if carries_customer_key(_headers_of(found[FIELDS[name].name]))
        ]
    stable_for, expiry = found["stable_for"], found["url_expiry"]
    if _WRONG not in (stable_for, expiry) and stable_for is not None and stable_for > expiry / 2:
        problems.append(
            f"{where}: MINIO_URL_STABLE_FOR is {stable_for}, more than half of MINIO_URL_EXPIRY_HOURS ({expiry}): "
            "a URL given at the end of that span would have too little life left."
        )
    if isinstance(found["public_base_url"], str) and len(found["public_buckets"]) > 1:
        problems.append(
            f"{where}: MINIO_PUBLIC_BASE_URL is one URL for several public buckets; map each bucket name to its URL."
        )
    return problems


def _headers_of(value: Any) -> Any:
    """The headers that server-side encryption (``sse``) adds to uploads, or the value, if it is not that."""
    return value.headers() if callable(getattr(value, "headers", None)) else value


def _mixed_buckets(found: Mapping[str, Any], where: str) -> Sequence[str]:
    private, public = found["private_buckets"], found["public_buckets"]
    if _WRONG in (private, public):
        return []
    return [
        f"{where}: bucket '{bucket}' is in both MINIO_PRIVATE_BUCKETS and MINIO_PUBLIC_BUCKETS; keep it in one."
        for bucket in private
        if bucket in public
    ]
