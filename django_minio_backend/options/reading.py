"""Reads options: checks and types those of one storage, and returns one frozen StorageOptions."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from django.conf import settings

from ..errors import ConfigurationError, PrivatePublicMixedError
from ..redaction.secret_values import carries_customer_key, shown
from .endpoints import WrongValueError, without_default_port
from .fields import FIELDS, OTHER_SPELLINGS, REQUIRED, StorageOptions
from .names import in_known_case, unknown_names
from .subclassing import ClassOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from .fields import Option

_WRONG = object()


def read_options(
    options: Mapping[str, Any],
    alias: str,
    *,
    attributes: ClassOptions | None = None,
    keys_needed: bool = True,
    from_call: Mapping[str, Any] | None = None,
    class_name: str = "",
) -> StorageOptions:
    """Check and type the options of one storage.

    Args:
        options: of a STORAGES entry, or a call's keyword arguments. Never changed.
        alias: the storage's alias, for errors.
        attributes: options that its class has as attributes, for errors; those that count are in ``options``.
        keys_needed: False where a storage is only named and not used, as in a migration.
        from_call: those among the options that a call set on top of an alias, for errors.
        class_name: the class that was called.

    Raises:
        ConfigurationError: with every problem, not just the first.
        PrivatePublicMixedError: only the lists of buckets contradict each other.
    """
    where = f"STORAGES['{alias}']" if alias else "A storage made by a call"
    options = in_known_case(options)
    attributes = attributes or ClassOptions({}, {})
    labels = {name: label for name, label in attributes.labels.items() if options.get(name) is attributes.values[name]}
    sources = dict.fromkeys(_set_by_call(options, from_call or {}), f"The call {class_name}(...)")
    values, wrong = _read_values(options, labels)
    problems = [f"{where}: {problem}" for problem in attributes.problems]
    problems += [f"{sources.get(name, where)}: {text}" for name, text in (*unknown_names(options, labels), *wrong)]
    checks = (_missing_keys, *_CHECKS) if keys_needed else _CHECKS
    problems += [f"{where}: {problem}" for check in checks for problem in check(values)]
    mixed = [f"{where}: {problem}" for problem in _mixed_buckets(values)]
    if problems:
        raise ConfigurationError(*problems, *mixed)
    if mixed:
        raise PrivatePublicMixedError(*mixed)
    return StorageOptions(alias, _without_default_ports(values))


def differs(options: StorageOptions, name: str, value: object) -> bool:
    """Whether an option has another value than this one would be read as."""
    option = FIELDS[OTHER_SPELLINGS.get(name, name)]
    try:
        return bool(option.parse(value) != getattr(options, option.attribute))
    except WrongValueError:
        return True


def _set_by_call(options: Mapping[str, Any], from_call: Mapping[str, Any]) -> list[str]:
    """Names of the options that a call set."""
    by_call = {OTHER_SPELLINGS.get(name, name): value for name, value in in_known_case(from_call).items()}
    return [str(name) for name, value in options.items() if name in by_call and by_call[name] is value]


def _read_values(options: Mapping[str, Any], labels: Mapping[str, str]) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """The values by attribute, and each wrong option with its problem; a wrong value is left out as ``_WRONG``."""
    values: dict[str, Any] = {}
    problems = []
    for name, option in FIELDS.items():
        value = _lookup(options, option)
        values[option.attribute] = option.default if value is None else _WRONG
        if value is None:
            if option.default is REQUIRED:
                problems.append((name, f"{name} is missing: {option.meaning}."))
            continue
        try:
            values[option.attribute] = option.parse(value)
        except WrongValueError as error:
            text = "" if option.secret else f"is {error.shown or _without_url_secrets(value)}, but "
            problems.append((name, f"{labels.get(name, name)} {text}must be {error}."))
    return values, problems


def _lookup(options: Mapping[str, Any], option: Option) -> Any:
    """The value that is set; None, as ``os.environ.get`` returns it, means not set."""
    for name in (option.name, *(other for other, known in OTHER_SPELLINGS.items() if known == option.name)):
        if options.get(name) is not None:
            return options[name]
    return getattr(settings, option.name, None) if option.top_level else None


def _without_url_secrets(value: object) -> str:
    """The repr of a value, without user info and query of a URL in it."""
    user_info = r"""(//|['"][^/@'"\s]*:(?!//)).*@"""  # [user:]password@ before a host
    return re.sub(r"[?#].*", "***", re.sub(user_info, r"\1***@", shown(value)))


def _without_default_ports(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values, with one spelling of each endpoint for all that compare or sign it."""
    endpoint = without_default_port(values["endpoint"], https=values["use_https"])
    external = values["external_endpoint"]
    if external is not None:
        external = without_default_port(external, https=values["external_use_https"])
    return {**values, "endpoint": endpoint, "external_endpoint": external}


# Options that are right one by one but not together


def _missing_keys(values: Mapping[str, Any]) -> Iterator[str]:
    if values["credentials"] is None:
        for attribute in ("access_key", "secret_key"):
            if values[attribute] is None:
                yield f"MINIO_{attribute.upper()} is missing; set both keys, or MINIO_CREDENTIALS instead."


def _credentials_and_keys(values: Mapping[str, Any]) -> Iterator[str]:
    keys = values["access_key"], values["secret_key"]
    if values["credentials"] is not None and keys != (None, None):
        yield "MINIO_CREDENTIALS is set together with MINIO_ACCESS_KEY or MINIO_SECRET_KEY; keep one way."


def _half_an_external_endpoint(values: Mapping[str, Any]) -> Iterator[str]:
    if (values["external_endpoint"] is None) != (values["external_use_https"] is None):
        yield "MINIO_EXTERNAL_ENDPOINT and MINIO_EXTERNAL_ENDPOINT_USE_HTTPS come together; one is missing."


def _customer_key_without_https(values: Mapping[str, Any]) -> Iterator[str]:
    if values["use_https"] is not False:
        return
    for name in ("sse", "headers", "MINIO_OBJECT_HEADERS", "metadata"):
        value = values[FIELDS[name].attribute]
        headers = value.headers() if callable(getattr(value, "headers", None)) else value  # of sse
        if carries_customer_key(headers):
            yield (
                f"{name} has a customer's key (SSE-C), but MINIO_USE_HTTPS is False, so that everybody on the way "
                "could read the key; set MINIO_USE_HTTPS to True."
            )


def _signing_window_too_long(values: Mapping[str, Any]) -> Iterator[str]:
    window, expiry = values["signing_window"], values["url_expiry"]
    if _WRONG not in (window, expiry) and window is not None and window > expiry / 2:
        yield (
            f"MINIO_URL_STABLE_FOR is {window}, more than half of MINIO_URL_EXPIRY_HOURS ({expiry}): a URL that is "
            "returned at the end of that time would expire too soon."
        )


def _one_url_of_several_buckets(values: Mapping[str, Any]) -> Iterator[str]:
    url, buckets = values["public_base_url"], values["public_buckets"]
    if isinstance(url, str) and buckets is not _WRONG and len(buckets) > 1:
        yield "MINIO_PUBLIC_BASE_URL is one URL for several public buckets; map each bucket name to its URL."


def _mixed_buckets(values: Mapping[str, Any]) -> Iterator[str]:
    private, public = values["private_buckets"], values["public_buckets"]
    if _WRONG not in (private, public):
        for bucket in private:
            if bucket in public:
                yield f"bucket '{bucket}' is in both MINIO_PRIVATE_BUCKETS and MINIO_PUBLIC_BUCKETS; keep it in one."


_CHECKS: tuple[Callable[[Mapping[str, Any]], Iterator[str]], ...] = (
    _credentials_and_keys,
    _half_an_external_endpoint,
    _customer_key_without_https,
    _signing_window_too_long,
    _one_url_of_several_buckets,
)
