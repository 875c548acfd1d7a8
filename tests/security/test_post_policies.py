"""A form for a direct upload, changed in 56 ways: whoever holds it stores the one file that it is for, or nothing."""

from __future__ import annotations

import base64
import json
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from minio.credentials.credentials import Credentials
from minio.error import S3Error

from django_minio_backend.models import MinioBackend
from django_minio_backend.object_urls.signing import SigningContext

if TYPE_CHECKING:
    from collections.abc import Callable

    import urllib3
    from minio import Minio

    from django_minio_backend.direct_uploads.presigned import PresignedUpload
    from tools.servers import Server

pytestmark = pytest.mark.needs("signatures")

SMALLEST, LARGEST = 5, 5  # bytes: the form is for a file of exactly so many
CONTENT = b"hello"
EVIL = "http://evil.test/"
Field = tuple[str, Any]


class Sent(NamedTuple):
    """What goes out: where to, the fields in their order, and the query of the URL."""

    url: str
    fields: list[Field]


class Setting(NamedTuple):
    """A form, and what there is around it."""

    form: PresignedUpload
    fields: dict[str, str]
    bucket: str
    other_bucket: str
    key: str
    server: Server

    def send(self, *, url: str = "", content: bytes | None = CONTENT, **changed: str | None) -> Sent:
        """The form with other fields (a double underscore is a hyphen; None takes one away)."""
        named = {name.replace("__", "-"): value for name, value in changed.items()}
        fields: list[Field] = [(name, value) for name, value in {**self.fields, **named}.items() if value is not None]
        file: list[Field] = [] if content is None else [("file", ("a.txt", content, "text/plain"))]
        return Sent(url or self.form.url, [*fields, *file])

    def policy(self, change: Callable[[dict[str, Any]], object]) -> str:
        """The form's policy, changed."""
        policy = json.loads(base64.b64decode(self.fields["policy"]))
        change(policy)
        return base64.b64encode(json.dumps(policy).encode()).decode()

    def sign(self, access_key: str, secret_key: str, policy: str) -> Sent:
        """The form with this policy, signed by this account at the form's own time."""
        second = int(datetime.strptime(self.fields["x-amz-date"], "%Y%m%dT%H%M%S%z").timestamp())
        moment = SigningContext.of(Credentials(access_key, secret_key), second, self.server.region)
        return self.send(policy=policy, x__amz__credential=moment.credential, x__amz__signature=moment.sign(policy))


def expired(given: Setting) -> Sent:
    """A form as the storage has made it, long ago."""
    policy = given.policy(lambda policy: policy.update(expiration="2020-01-01T00:00:00.000Z"))
    return given.sign(given.server.access_key, given.server.secret_key, policy)


def in_order(order: Callable[[list[Field]], list[Field]]) -> Callable[[Setting], Sent]:
    def variant(given: Setting) -> Sent:
        sent = given.send()
        return Sent(sent.url, order(sent.fields))

    return variant


def next_day(given: Setting) -> str:
    date = given.fields["x-amz-date"]
    return (datetime.strptime(date, "%Y%m%dT%H%M%S%z") + timedelta(days=1)).strftime("%Y%m%dT%H%M%SZ")


TAGGING = "<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>"

VARIANTS: dict[str, Callable[[Setting], Sent]] = {
    # Another place
    "another-key": lambda given: given.send(key="other.txt"),
    "key-outside": lambda given: given.send(key="../other.txt"),
    "key-with-a-suffix": lambda given: given.send(key=f"{given.key}.html"),
    "key-as-a-prefix": lambda given: given.send(key=f"{given.key}/other.txt"),
    "key-with-a-slash": lambda given: given.send(key=f"/{given.key}"),
    "key-with-a-detour": lambda given: given.send(key=f"x/../{given.key}"),
    "key-in-upper-case": lambda given: given.send(key=given.key.upper()),
    "key-percent-encoded": lambda given: given.send(key=given.key.replace("/", "%2F")),
    "key-with-a-null": lambda given: given.send(key=f"{given.key}\0.html"),
    "key-from-the-file": lambda given: given.send(key="${filename}"),
    "key-ending-as-the-file": lambda given: given.send(key=given.key[:-5] + "${filename}"),
    "no-key": lambda given: given.send(key=None),
    "empty-key": lambda given: given.send(key=""),
    "two-keys-ours-first": in_order(lambda fields: [*fields[:-1], ("key", "other.txt"), fields[-1]]),
    "two-keys-ours-last": in_order(lambda fields: [("key", "other.txt"), *fields]),
    "key-by-another-case": in_order(lambda fields: [*fields[:-1], ("Key", "other.txt"), fields[-1]]),
    "another-bucket": lambda given: given.send(url=given.form.url.replace(given.bucket, given.other_bucket)),
    "another-bucket-by-field": lambda given: given.send(bucket=given.other_bucket),
    "both-buckets": lambda given: given.send(
        url=given.form.url.replace(given.bucket, given.other_bucket), bucket=given.bucket
    ),
    "key-in-the-url": lambda given: given.send(url=f"{given.form.url}/other.txt"),
    "query-in-the-url": lambda given: given.send(url=f"{given.form.url}?delete"),
    # Another content
    "larger": lambda given: given.send(content=CONTENT + b"!"),
    "much-larger": lambda given: given.send(content=CONTENT * 400_000),
    "smaller": lambda given: given.send(content=CONTENT[:-1]),
    "empty": lambda given: given.send(content=b""),
    "no-file": lambda given: given.send(content=None),
    "two-files": in_order(lambda fields: [*fields, ("file", ("b.txt", CONTENT * 2, "text/html"))]),
    "file-first": in_order(lambda fields: [fields[-1], *fields[:-1]]),
    "file-in-the-middle": in_order(lambda fields: [*fields[:4], fields[-1], *fields[4:-1]]),
    "another-type": lambda given: given.send(Content__Type="text/html"),
    "type-with-a-suffix": lambda given: given.send(Content__Type="text/plain, text/html"),
    "no-type": lambda given: given.send(Content__Type=None),
    "two-types": in_order(lambda fields: [("Content-Type", "text/html"), *fields]),
    # More than was asked for
    "metadata": lambda given: given.send(x__amz__meta__role="admin"),
    "acl": lambda given: given.send(acl="public-read"),
    "acl-header": lambda given: given.send(x__amz__acl="public-read-write"),
    "tags": lambda given: given.send(tagging=TAGGING),
    "redirect": lambda given: given.send(success_action_redirect=EVIL),
    "old-redirect": lambda given: given.send(redirect=EVIL),
    "status": lambda given: given.send(success_action_status="201"),
    "website-redirect": lambda given: given.send(x__amz__website__redirect__location=EVIL),
    "cache-control": lambda given: given.send(Cache__Control="max-age=31536000"),
    "encoding": lambda given: given.send(Content__Encoding="gzip"),
    "disposition": lambda given: given.send(Content__Disposition="attachment"),
    "storage-class": lambda given: given.send(x__amz__storage__class="REDUCED_REDUNDANCY"),
    # Another signature
    "expired": expired,
    "longer-life": lambda given: given.send(
        policy=given.policy(lambda policy: policy.update(expiration="2099-01-01T00:00:00.000Z"))
    ),
    "no-conditions": lambda given: given.send(policy=given.policy(lambda policy: policy.update(conditions=[]))),
    "no-policy": lambda given: given.send(policy=None),
    "no-signature": lambda given: given.send(x__amz__signature=None),
    "another-signature": lambda given: given.send(x__amz__signature="0" * 64),
    "no-credential": lambda given: given.send(x__amz__credential=None),
    "another-secret": lambda given: given.sign(given.server.access_key, "guessed-secret", given.fields["policy"]),
    "another-account": lambda given: given.sign("someone-else", "guessed-secret", given.fields["policy"]),
    "another-date": lambda given: given.send(x__amz__date=next_day(given)),
    "old-algorithm": lambda given: given.send(
        x__amz__algorithm=None,
        x__amz__signature=None,
        AWSAccessKeyId=given.fields["x-amz-credential"].split("/")[0],
        signature=given.fields["x-amz-signature"],
    ),
}
# Variants that add fields of which the policy says nothing; SeaweedFS heeds them.
MORE_FIELDS = {"redirect", "cache-control", "encoding", "disposition"}


@pytest.fixture
def other_bucket(sdk: Minio, bucket_name: Callable[[], str]) -> str:
    name = bucket_name()
    sdk.make_bucket(bucket_name=name)
    return name


@pytest.fixture
def given(server: Server, minio_options: dict[str, Any], other_bucket: str) -> Setting:
    storage = MinioBackend(**minio_options, MINIO_LOCATION="inbox")
    form = storage.presigned_upload("a.txt", max_size=LARGEST, size=SMALLEST)
    return Setting(form, form.fields, storage.bucket, other_bucket, form.fields["key"], server)


def stored(sdk: Minio, bucket: str) -> list[str]:
    return [str(found.object_name) for found in sdk.list_objects(bucket_name=bucket, recursive=True)]


def post(http: urllib3.PoolManager, sent: Sent) -> urllib3.BaseHTTPResponse:
    return http.request("POST", sent.url, fields=sent.fields, redirect=False)


def test_there_are_56_variants() -> None:
    assert len(VARIANTS) == 56


def test_the_form_as_it_is_stores_the_file(given: Setting, sdk: Minio, http: urllib3.PoolManager) -> None:
    unchanged = given.sign(given.server.access_key, given.server.secret_key, given.fields["policy"])
    assert unchanged == given.send()
    assert post(http, given.send()).status == 204
    assert stored(sdk, given.bucket) == [given.key]


@pytest.mark.parametrize(
    "variant",
    [pytest.param(name, marks=pytest.mark.needs("strict-forms") if name in MORE_FIELDS else ()) for name in VARIANTS],
)
def test_a_changed_form_stores_what_it_was_for_or_nothing(
    given: Setting, server: Server, sdk: Minio, http: urllib3.PoolManager, variant: str
) -> None:
    response = post(http, VARIANTS[variant](given))
    assert response.status < 500, response.data
    assert EVIL not in response.headers.get("location", "")
    assert stored(sdk, given.other_bucket) == []
    keys = stored(sdk, given.bucket)
    if response.status >= 400:
        assert keys == []
        return
    assert keys in ([], [given.key])
    if keys:
        check_as_asked(sdk, given)
        address = f"http://{server.endpoint}/{given.bucket}/{given.key}"
        assert http.request("GET", address, redirect=False).status == 403


def check_as_asked(sdk: Minio, given: Setting) -> None:
    """Whether the stored object is what the form is for, and nothing more."""
    found = sdk.stat_object(bucket_name=given.bucket, object_name=given.key)
    assert (found.size, found.content_type) == (len(CONTENT), "text/plain")
    metadata = {name.lower(): value for name, value in (found.metadata or {}).items()}
    assert not [name for name in metadata if name.startswith(("x-amz-meta-", "x-amz-website"))]
    assert metadata.get("x-amz-storage-class", "STANDARD") == "STANDARD"
    assert not {"cache-control", "content-encoding", "content-disposition"} & metadata.keys()
    try:
        assert not sdk.get_object_tags(bucket_name=given.bucket, object_name=given.key)
    except S3Error as error:
        assert error.code in ("NoSuchTagSet", "NotImplemented")  # noqa: PT017 - tags that are none are either
