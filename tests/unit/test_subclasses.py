"""Subclasses: options as class attributes, an ``__init__`` of their own, and what is kept of them."""

from __future__ import annotations

import copy
import pickle
import re
import sys
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest
from django.core.files.storage import storages
from django.test.utils import override_settings
from hypothesis import given
from hypothesis import strategies as st

from django_minio_backend.aliases import check_settings, minio_storages
from django_minio_backend.errors import ConfigurationError
from django_minio_backend.models import MinioBackend, MinioBackendStatic, MinioManifestStaticStorage
from django_minio_backend.options.fields import OPTION_NAMES
from django_minio_backend.options.names import SHOWN_ATTRIBUTES, WRITE_INSTEAD
from django_minio_backend.utils import PrivatePublicMixedError
from tests.support.settings import SECRET_KEY, entry, made_up, storages_set

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "subclass.md"


class Contracts(MinioBackend):
    """Attributes that are options."""

    bucket_name = "private"
    replace_existing = True
    MINIO_LOCATION: str | None = "contracts"
    MINIO_URL_CACHE_PREFIX = "class_"
    folder = "the user's own"


class Overridden(Contracts):
    """What one class sets, another one sets anew, or back."""

    bucket_name = "other"
    MINIO_LOCATION = None


class Yearly:
    """A mixin."""

    MINIO_URL_EXPIRY_HOURS = timedelta(hours=2)
    user_metadata = MappingProxyType({"kept": "10 years"})


class Invoices(Yearly, MinioBackend):
    """A mixin before the library's class."""


class Receipts(MinioBackend, Yearly):
    """A mixin behind the library's class."""


class OfMedia(MinioBackend):
    """Attributes that name an alias."""

    storage_name = "media"


class Elsewhere(MinioBackend):
    """Attributes that name a server."""

    MINIO_ENDPOINT = "elsewhere.test"
    MINIO_ACCESS_KEY = "someone"
    MINIO_SECRET_KEY = "hush-of-the-class"
    MINIO_USE_HTTPS = True


class Assets(MinioBackendStatic):
    """Attributes of static files."""

    bucket_name = "assets"
    replace_existing = False
    MINIO_STATIC_GZIP = True


class Hashed(MinioManifestStaticStorage):
    """Attributes of static files with hashed names."""

    bucket_name = "hashed"
    manifest_storage: Any = "media"


class Tenants(MinioBackend):
    """An argument of its own, and all options."""

    def __init__(self, tenant: str, **options: Any) -> None:
        self.tenant = tenant
        super().__init__(bucket_name=f"tenant-{tenant}", **options)


class Fixed(MinioBackend):
    """No argument but its own."""

    def __init__(self, tenant: str = "a") -> None:
        super().__init__(bucket_name=f"tenant-{tenant}", storage_name="default")


class Nothing(MinioBackend):
    """No argument at all, and a server in the code."""

    def __init__(self) -> None:
        super().__init__(**made_up(bucket_name="nothing"))


class Replacing(MinioBackend):
    """An option that it sets over all others."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{**options, "replace_existing": True})


class Popping(MinioBackend):
    """An argument that the signature does not name."""

    def __init__(self, **options: Any) -> None:
        self.tenant = options.pop("tenant", "")
        super().__init__(**options)


class Keyed(MinioBackend):
    """A secret of its own."""

    def __init__(self, tenant: str, api_token: str, **options: Any) -> None:
        self.tenant = tenant
        self.sent = len(api_token)
        super().__init__(bucket_name=f"tenant-{tenant}", **options)


class Sealed(MinioBackend):
    """A server in its own arguments, and no way to name an alias."""

    def __init__(self, MINIO_SECRET_KEY: str = "") -> None:  # noqa: N803 - the option's name
        super().__init__(**made_up(MINIO_SECRET_KEY=MINIO_SECRET_KEY or "hush-of-the-code"))


class Broken(MinioBackend):
    """An __init__ that fails."""

    def __init__(self, **options: Any) -> None:
        raise LookupError(f"no tenant for {options['MINIO_SECRET_KEY']}")


def path_of(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def of(kind: type, **options: Any) -> dict[str, Any]:
    return entry(options, path_of(kind))


@pytest.fixture(autouse=True)
def aliases() -> Iterator[None]:
    with storages_set(
        default=entry(made_up(MINIO_PUBLIC_BUCKETS=["public"], bucket_name="public")),
        media=entry(made_up(MINIO_ENDPOINT="media.test", MINIO_DEFAULT_BUCKET="photos")),
    ):
        yield


def problem_of(kind: Callable[..., Any], **options: Any) -> str:
    with pytest.raises(ConfigurationError) as told:
        kind(**options)
    (problem,) = told.value.problems
    return problem


# Class attributes


def test_attributes_of_a_class_are_options_of_its_storages() -> None:
    storage = Contracts()
    assert storage.bucket == storage.bucket_name == storage.options.bucket_name == "private"
    assert storage.replace_existing is storage.options.replace_existing is True
    assert storage.key("a.txt") == "contracts/a.txt"
    assert not storage.is_bucket_public
    assert storage.folder == "the user's own"


def test_a_class_attribute_wins_over_the_entry_of_another_class() -> None:
    assert Contracts("", "default").bucket == "private"  # whose own storage is the public bucket
    assert MinioBackend().bucket == "public"


def test_options_of_its_own_entry_win_over_class_attributes() -> None:
    with storages_set(contracts=of(Contracts, **made_up(bucket_name="box", replace_existing=False))):
        storage = storages["contracts"]
        again = Contracts(storage_name="contracts")
        assert check_settings()["contracts"] == storage.options  # type: ignore[attr-defined]
    for one in (storage, again):
        assert one.bucket == one.bucket_name == "box"  # type: ignore[attr-defined]
        assert one.replace_existing is one.options.replace_existing is False  # type: ignore[attr-defined]
        assert one.options.location == "contracts"  # type: ignore[attr-defined]


def test_a_subclass_of_an_entrys_class_wins_over_it_with_what_it_sets_itself() -> None:
    with storages_set(contracts=of(Contracts, **made_up(bucket_name="box", MINIO_LOCATION="entry"))):
        storage = Overridden(storage_name="contracts")
    assert (storage.bucket, storage.options.location) == ("other", "entry")


@pytest.mark.parametrize("absent", [None, ""])
def test_an_option_that_is_not_given_leaves_the_class_attribute(absent: str | None) -> None:
    with storages_set(contracts=of(Contracts, **made_up(bucket_name=absent))):
        assert storages["contracts"].bucket == Contracts(storage_name="contracts").bucket == "private"  # type: ignore[attr-defined]
        assert check_settings()["contracts"].bucket_name == "private"


def test_arguments_of_a_call_win_over_class_attributes() -> None:
    storage = Contracts("called", replace_existing=False, MINIO_LOCATION="x", storage_name="media")
    assert (storage.bucket, storage.replace_existing, storage.options.location) == ("called", False, "x")
    assert storage.base_url == "http://media.test"


def test_class_attributes_win_over_settings_outside_of_storages() -> None:
    with override_settings(MINIO_URL_CACHE_PREFIX="top_"):
        assert Contracts().options.url_cache_prefix == "class_"
        assert MinioBackend().options.url_cache_prefix == "top_"


def test_a_class_overrides_what_it_inherits_and_none_takes_it_back() -> None:
    storage = Overridden()
    assert (storage.bucket, storage.options.location, storage.replace_existing) == ("other", "", True)


@pytest.mark.parametrize("kind", [Invoices, Receipts])
def test_attributes_of_mixins_count(kind: type[MinioBackend]) -> None:
    assert kind().options.url_expiry == timedelta(hours=2)
    assert kind().options.metadata == {"kept": "10 years"}
    assert kind(metadata={"kept": "1 year"}).options.metadata == {"kept": "1 year"}
    assert kind(user_metadata={"kept": "1 year"}).options.metadata == {"kept": "1 year"}


def test_storage_name_as_an_attribute_gives_the_alias() -> None:
    assert OfMedia().options.alias == "media"
    assert OfMedia(storage_name="default").options.alias == "default"
    with storages_set(default=entry(made_up()), media=entry(made_up(MINIO_REGION="x")), own=of(OfMedia)):
        assert storages["own"].options.region == check_settings()["own"].region == "x"  # type: ignore[attr-defined]
    with storages_set(media=entry(made_up(MINIO_REGION="x")), own=of(OfMedia, **made_up())):
        assert storages["own"].options.region == check_settings()["own"].region == "us-east-1"  # type: ignore[attr-defined]


def test_a_class_with_a_server_of_its_own_needs_no_alias() -> None:
    with storages_set(own=of(Elsewhere, bucket_name="box")):
        assert Elsewhere().base_url == "https://elsewhere.test"
        assert storages["own"].options == check_settings()["own"]  # type: ignore[attr-defined]
        assert storages["own"].deconstruct()[2] == {"bucket_name": "box", "storage_name": "own"}  # type: ignore[attr-defined]
        assert Elsewhere(storage_name="own").options == storages["own"].options  # type: ignore[attr-defined]


def test_the_keys_of_a_class_are_in_no_repr_and_no_migration() -> None:
    storage = Elsewhere("box")
    path, arguments, kept = storage.deconstruct()
    assert (path, arguments, kept) == (path_of(Elsewhere), [], {"bucket_name": "box", "storage_name": ""})
    assert Elsewhere(**kept).options == storage.options
    shown = repr([storage, storage.options, vars(storage), kept])
    assert "hush" not in shown
    assert b"hush" not in pickle.dumps(storage)


def test_static_classes_take_class_attributes_and_always_replace() -> None:
    storage = Assets(storage_name="default")
    assert storage.bucket == storage.bucket_name == "assets"
    assert storage.replace_existing is storage.options.replace_existing is True
    assert storage.options.static_gzip
    assert storage.is_bucket_public
    assert Hashed(storage_name="default").bucket == "hashed"
    assert Hashed(storage_name="default").manifest_storage is storages["media"]


def test_a_wrong_value_is_reported_with_the_class() -> None:
    class Wrong(MinioBackend):
        MINIO_REGION = "eu west"
        bucket_name = "No"

    with pytest.raises(ConfigurationError) as told:
        Wrong()
    region, bucket = told.value.problems
    assert region.startswith("STORAGES['default']: Wrong.MINIO_REGION is 'eu west', but must be")
    assert bucket.startswith("STORAGES['default']: Wrong.bucket_name is 'No', but must be")


def test_a_misspelt_option_is_reported_with_the_class() -> None:
    class Wrong(MinioBackend):
        MINIO_LOCATOIN = "x"

    problem = "STORAGES['default']: Wrong.MINIO_LOCATOIN is not an option; did you mean MINIO_LOCATION?"
    assert problem_of(Wrong) == problem


def test_wrong_attributes_of_a_backend_are_found_on_start() -> None:
    class Wrong(MinioBackend):
        default_acl = None

    globals()["Wrong"] = Wrong
    Wrong.__qualname__ = "Wrong"
    with storages_set(media=of(Wrong, **made_up())), pytest.raises(ConfigurationError, match=r"Wrong\.default_acl"):
        check_settings()


@pytest.mark.parametrize("decorator", [property, cached_property], ids=["property", "cached property"])
@pytest.mark.parametrize("name", ["bucket_name", "replace_existing", "MINIO_LOCATION", "storage_name", "location"])
def test_an_option_cannot_be_computed_anew_each_time(name: str, decorator: Callable[..., Any]) -> None:
    kind = type("Tenant", (MinioBackend,), {name: decorator(lambda _: "a")})
    problem = problem_of(kind)
    assert problem.startswith(f"STORAGES['default']: Tenant.{name} is ")
    assert "write MINIO_LOCATION" in problem or "give the field a function" in problem


@pytest.mark.parametrize("name", ["bucket_name", "replace_existing", "headers"])
def test_a_method_named_like_an_option_is_reported(name: str) -> None:
    kind = type("Tenant", (MinioBackend,), {name: lambda self: f"{self}"})
    assert f"Tenant.{name} is a method" in problem_of(kind)


def test_a_function_is_an_option_where_options_may_be_functions() -> None:
    class Cached(MinioBackend):
        def MINIO_OBJECT_HEADERS(name: str) -> dict[str, str]:  # type: ignore[misc]  # noqa: N802, N805 - an option
            return {"Cache-Control": f"max-age={len(name)}"}

    class Static(MinioBackend):
        MINIO_OBJECT_HEADERS = staticmethod(str.split)

    class Method(MinioBackend):
        def MINIO_OBJECT_HEADERS(self, name: str) -> dict[str, str]:  # noqa: N802 - the option's name
            return {name: name}

    headers: Any = Cached().options.object_headers
    assert headers("ab") == {"Cache-Control": "max-age=2"}
    assert callable(Static().options.object_headers)
    assert "Method.MINIO_OBJECT_HEADERS must be a function that is called with (name), without self" in problem_of(
        Method
    )


# Names of other libraries


@pytest.mark.parametrize("name", sorted(WRITE_INSTEAD | SHOWN_ATTRIBUTES))
def test_a_name_of_another_library_says_what_to_write(name: str) -> None:
    instead = (WRITE_INSTEAD | SHOWN_ATTRIBUTES)[name]
    kind = type("Old", (MinioBackend,), {name: None})
    assert problem_of(kind) == f"STORAGES['default']: Old.{name} is not an option; {instead}."
    assert problem_of(MinioBackend, storage_name="default", **{name: "x"}).endswith(
        f": {name} is not an option; {instead}."
    )
    with storages_set(default=entry(made_up(**{name: "x"}))), pytest.raises(ConfigurationError) as told:
        check_settings()
    assert told.value.problems == (f"STORAGES['default']: {name} is not an option; {instead}.",)


def test_no_name_of_ours_is_another_librarys() -> None:
    storage = MinioManifestStaticStorage(storage_name="default")
    assert not [name for name in WRITE_INSTEAD if hasattr(storage, name) or name in OPTION_NAMES]
    assert all(hasattr(storage, name) for name in SHOWN_ATTRIBUTES)


@pytest.mark.parametrize("text", (WRITE_INSTEAD | SHOWN_ATTRIBUTES).values())
def test_what_is_to_be_written_are_options(text: str) -> None:
    words = text.replace("(", " ").replace(",", " ").replace(":", " ").split()
    assert all(word in OPTION_NAMES for word in words if word.startswith("MINIO_"))


@given(name=st.from_regex(r"\A[a-z_]{1,12}\Z"))
def test_other_attributes_are_the_users_own(name: str) -> None:
    if name in OPTION_NAMES | set(WRITE_INSTEAD) | set(SHOWN_ATTRIBUTES) | {"storage_name"} or hasattr(
        MinioBackend, name
    ):
        return
    storage = type("Own", (MinioBackend,), {name: "x", "__module__": __name__})()
    assert getattr(storage, name) == "x"


@pytest.mark.parametrize("name", ["gzip", "verify", "location", "bucket"])
def test_methods_with_names_of_other_libraries_are_the_users_own(name: str) -> None:
    kind = type("Own", (MinioBackend,), {name: lambda _: 5})
    assert getattr(kind(), name)() == 5


# Attributes of a storage


@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
def test_an_option_that_is_set_on_a_storage_is_an_error(*, before: bool) -> None:
    class Late(MinioBackend):
        def __init__(self, bucket: str, **options: Any) -> None:
            if before:
                self.bucket_name = bucket
            super().__init__(**options)
            if not before:
                self.bucket_name = bucket

    problem = problem_of(Late, bucket="private")
    assert "Late sets bucket_name on itself, which changes no option" in problem
    assert Late(bucket="private", bucket_name="private").bucket == "private"


# An __init__ of its own


def test_a_class_with_an_init_of_its_own_may_be_a_backend() -> None:
    with storages_set(
        default=entry(made_up()),
        tenant=of(Tenants, tenant="a", **made_up(MINIO_REGION="x")),
        fixed=of(Fixed),
        other=of(Fixed, tenant="b"),
        nothing=of(Nothing),
        replacing=of(Replacing, **made_up(replace_existing=False)),
        popping=of(Popping, tenant="a", **made_up()),
    ):
        found = check_settings()
        made = minio_storages()
    assert {alias: storage.options for alias, storage in made.items()} == found
    buckets = {alias: options.bucket_name for alias, options in found.items()}
    assert buckets == {
        "default": "",
        "tenant": "tenant-a",
        "fixed": "tenant-a",
        "other": "tenant-b",
        "nothing": "nothing",
        "replacing": "",
        "popping": "",
    }
    assert found["tenant"].region == "x"
    assert found["tenant"].alias == "tenant"
    assert found["replacing"].replace_existing


def test_other_storages_may_stand_on_an_alias_with_options_of_its_class() -> None:
    with storages_set(default=entry(made_up()), tenant=of(Tenants, tenant="a", **made_up(MINIO_REGION="x"))):
        assert MinioBackend(storage_name="tenant").options.region == "x"
        assert Tenants("b", storage_name="tenant").bucket == "tenant-b"


def test_an_option_that_neither_the_library_nor_the_class_takes_is_an_error() -> None:
    with storages_set(media=of(Contracts, tenant="a", **made_up())), pytest.raises(ConfigurationError) as told:
        check_settings()
    assert told.value.problems == ("STORAGES['media']: tenant is not an option.",)
    with (
        storages_set(media=of(Tenants, tenant="a", tennant="b", **made_up())),
        pytest.raises(ConfigurationError) as told,
    ):
        check_settings()
    assert told.value.problems == ("STORAGES['media']: tennant is not an option.",)


@pytest.mark.parametrize(
    ("kind", "options", "reason"),
    [
        (Tenants, made_up(), "missing 1 required positional argument: 'tenant'"),
        (Fixed, {"tennant": "a"}, "unexpected keyword argument 'tennant'"),
        (Broken, made_up(), "LookupError: 'no tenant for ***'"),
    ],
    ids=["argument missing", "argument unknown", "code that fails"],
)
def test_an_init_that_fails_is_reported_with_alias_and_class(kind: type, options: dict[str, Any], reason: str) -> None:
    others = {"default": entry(made_up()), "media": entry(made_up(MINIO_REGION="eu west"))}
    with storages_set(**others, own=of(kind, **options)), pytest.raises(ConfigurationError) as told:
        check_settings()
    region, own = told.value.problems
    assert region.startswith("STORAGES['media']: MINIO_REGION")
    assert own.startswith(f"STORAGES['own']: {kind.__name__} cannot be made of these OPTIONS: ")
    assert reason.replace("'no tenant", "no tenant").replace("***'", "***") in own
    assert SECRET_KEY not in own


def test_buckets_that_an_init_calls_both_public_and_private_are_reported() -> None:
    with (
        storages_set(own=of(Replacing, **made_up(MINIO_PUBLIC_BUCKETS=["both"], MINIO_PRIVATE_BUCKETS=["both"]))),
        pytest.raises(PrivatePublicMixedError, match=r"STORAGES\['own'\]: bucket 'both'"),
    ):
        check_settings()
    with (
        storages_set(
            default=entry(made_up(MINIO_PUBLIC_BUCKETS=["both"])),
            own=of(Replacing, **made_up(MINIO_PRIVATE_BUCKETS=["both"])),
        ),
        pytest.raises(PrivatePublicMixedError, match=r"'both' .* private in STORAGES\['own'\]"),
    ):
        check_settings()


# Its own call


@pytest.mark.parametrize(
    ("make", "arguments", "kept"),
    [
        (lambda: Fixed("b"), ["b"], {}),
        (lambda: Fixed(tenant="b"), [], {"tenant": "b"}),
        (Nothing, [], {}),
        (lambda: Tenants("a", replace_existing=True), ["a"], {"replace_existing": True}),
        (lambda: Tenants("a", storage_name="media", MINIO_SECRET_KEY="hush"), ["a"], {"storage_name": "media"}),
        (lambda: Replacing(bucket_name="boxes"), [], {"bucket_name": "boxes"}),
        (lambda: storages["tenant"], [], {"tenant": "a", "storage_name": "tenant"}),
        (lambda: storages["replacing"], [], {"bucket_name": "box", "storage_name": "replacing"}),
        (lambda: storages["fixed"], [], {"tenant": "c"}),
        (Sealed, [], {}),
    ],
    ids=[
        *("positional", "keyword", "nothing", "option on top", "secret on top", "keywords only"),
        *("entry", "entry of options", "entry of an argument", "server in the code"),
    ],
)
def test_a_subclass_is_kept_as_its_own_call(
    make: Callable[[], Any], arguments: list[Any], kept: dict[str, Any]
) -> None:
    with storages_set(
        default=entry(made_up()),
        media=entry(made_up(MINIO_ENDPOINT="media.test")),
        tenant=of(Tenants, tenant="a", **made_up()),
        replacing=of(Replacing, **made_up(bucket_name="box")),
        fixed=of(Fixed, tenant="c"),
    ):
        storage = make()
        assert storage.deconstruct() == (path_of(type(storage)), arguments, kept)
        again = type(storage)(*arguments, **kept)
        assert again.bucket == storage.bucket
        assert again.options.alias == storage.options.alias
        assert again.deconstruct() == storage.deconstruct()
        assert copy.deepcopy(storage) is storage


@pytest.mark.parametrize(
    "make",
    [
        Contracts,
        lambda: Contracts("boxes", storage_name="media", replace_existing=False),
        lambda: Elsewhere("boxes"),
        OfMedia,
        lambda: Fixed("b"),
        Nothing,
        lambda: Tenants("a", replace_existing=True),
        lambda: storages["tenant"],
        lambda: storages["keyed"],
        lambda: storages["contracts"],
        lambda: storages["elsewhere"],
    ],
    ids=[
        *("attributes", "attributes and a call", "server of the class", "alias of the class", "argument", "nothing"),
        *("argument and option", "entry", "entry with a secret", "entry of attributes", "entry of a server"),
    ],
)
def test_a_subclass_is_pickled_without_secrets_and_comes_back(make: Callable[[], Any]) -> None:
    with storages_set(
        default=entry(made_up()),
        media=entry(made_up(MINIO_ENDPOINT="media.test")),
        tenant=of(Tenants, tenant="a", **made_up()),
        keyed=of(Keyed, tenant="a", api_token="hush", **made_up()),
        contracts=of(Contracts, **made_up()),
        elsewhere=of(Elsewhere),
    ):
        storage = make()
        pickled = pickle.dumps(storage)
        assert b"hush" not in pickled
        again = pickle.loads(pickled)  # noqa: S301 - our own
    assert type(again) is type(storage)
    assert again.options == storage.options
    assert getattr(again, "tenant", "") == getattr(storage, "tenant", "")


@pytest.mark.parametrize(
    "make",
    [
        lambda: Tenants("a", MINIO_SECRET_KEY="hush", storage_name="media"),
        lambda: Keyed("a", "hush"),
        lambda: Tenants("a", **made_up()),
        lambda: Sealed("hush"),
    ],
    ids=["secret on top", "secret of its own", "server of no alias", "secret by position"],
)
def test_a_subclass_whose_call_has_secrets_cannot_be_pickled(make: Callable[[], Any]) -> None:
    storage = make()
    with pytest.raises(TypeError, match=r"cannot be pickled without its secrets\. Give the field a callable") as told:
        pickle.dumps(storage)
    assert "hush" not in str(told.value)
    assert "hush" not in repr(vars(storage))


def test_a_server_of_no_alias_is_kept_without_its_secrets() -> None:
    storage = Tenants(tenant="a", **made_up(MINIO_REGION="x"))
    _, arguments, kept = storage.deconstruct()
    assert "MINIO_SECRET_KEY" not in kept
    again = Tenants(*arguments, **kept)
    assert (again.bucket, again.options.region) == ("tenant-a", "x")
    assert again.deconstruct() == storage.deconstruct()


@pytest.mark.parametrize(
    "make",
    [lambda: Keyed("a", "hush"), lambda: Keyed("a", api_token="hush", storage_name="media")],
    ids=["by position", "by name"],
)
def test_a_subclass_that_cannot_be_called_without_a_secret_is_reported_when_the_migration_is_written(
    make: Callable[[], Any],
) -> None:
    with pytest.raises(TypeError, match=r"without its secrets \(api_token\)\. Give the field a callable") as told:
        make().deconstruct()
    assert "hush" not in str(told.value)


# The document


def test_the_example_of_the_documentation_does_what_it_says() -> None:
    page = PAGE.read_text(encoding="utf-8")
    classes, setting, *_ = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    names: dict[str, Any] = {"SERVER": made_up(), "__name__": "shop.storages"}
    exec(compile(f"{classes}\n{setting}", str(PAGE), "exec"), names)  # noqa: S102 - our own
    module = ModuleType("shop.storages")
    vars(module).update(names)
    with (
        mock.patch.dict(sys.modules, {"shop": ModuleType("shop"), "shop.storages": module}),
        storages_set(names["STORAGES"]),
    ):
        found = check_settings()
        contracts, acme = names["Contracts"](), names["Tenants"]("acme", storage_name="default")
        calls = [acme.deconstruct(), storages["acme"].deconstruct()]  # type: ignore[attr-defined]
    assert found["contracts"].bucket_name == contracts.bucket == "contracts"
    assert found["acme"].location == acme.options.location == "tenants/acme"
    for path, arguments, kept in calls:
        words = [repr(one) for one in arguments] + [f"{name}={value!r}" for name, value in sorted(kept.items())]
        written = f"{path.rpartition('.')[2]}({', '.join(words)})"
        assert written in " ".join(page.split())
