"""What is presigned here carries the signature that the AWS SDK's own code makes of the same request."""

from __future__ import annotations

from datetime import datetime
from random import Random
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

import botocore.session
import pytest
from botocore.auth import S3SigV4PostAuth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials as AwsCredentials
from minio.credentials.credentials import Credentials

from django_minio_backend.files import keys
from django_minio_backend.models import MinioBackend
from django_minio_backend.object_urls.signing import Presigner
from tests.support.settings import made_up

if TYPE_CHECKING:
    from collections.abc import Callable

COUNT = 500  # of each of four kinds
REGIONS = ["us-east-1", "eu-west-1", "garage", "me-central-1"] * 2  # the second time with session tokens
ENDPOINT = "minio.test:9000"
LETTERS = [*"abcXYZ019 -_.~!*'();:@&=+$,/?#[]%\"<>\\^`{|}", "ü", "世", "🌍", "\u2028", "\u00a0", "%2F", "//", "a/b"]
TEXT = 'abcXYZ019-_.~/+= ;,"%'


class Signer(NamedTuple):
    """One account: the AWS SDK's client, and the same credentials for this package."""

    client: Any
    credentials: Credentials
    region: str


def signers() -> list[Signer]:
    """Accounts with and without a session token, in several regions."""
    dice = Random(1)
    session = botocore.session.Session()
    found = []
    for number, region in enumerate(REGIONS):
        access_key = text(dice, "ABCDEFGH01234567", 20, 20)
        secret_key = text(dice, "abcXYZ019+/", 8, 40)
        token = text(dice, TEXT, 30, 200).strip() or "t" if number >= len(REGIONS) // 2 else None
        client = session.create_client(
            "s3",
            region_name=region,
            endpoint_url=f"http://{ENDPOINT}",
            aws_access_key_id=access_key,
            aws_secret_access_key=secret_key,
            aws_session_token=token,
            config=Config(
                signature_version="s3v4",
                s3={"addressing_style": "path"},
                request_checksum_calculation="when_required",
            ),
        )
        found.append(Signer(client, Credentials(access_key, secret_key, token), region))
    return found


def text(dice: Random, letters: str | list[str], shortest: int, longest: int) -> str:
    return "".join(dice.choice(letters) for _ in range(dice.randint(shortest, longest)))


def key_of(dice: Random) -> str:
    while True:
        key = text(dice, LETTERS, 1, 40)
        if keys.is_clean(key):
            return key


def second_of(amz_date: str) -> int:
    return int(datetime.strptime(amz_date, "%Y%m%dT%H%M%S%z").timestamp())


def read_of(dice: Random) -> tuple[str, dict[str, Any], dict[str, str], dict[str, str]]:
    """A GET or HEAD: the AWS SDK's operation and arguments, and this package's query and headers."""
    query: dict[str, str] = {}
    arguments: dict[str, Any] = {}
    for name in ("CacheControl", "ContentDisposition", "ContentLanguage", "ContentType", "ContentEncoding"):
        if dice.random() < 0.3:
            value = text(dice, TEXT, 1, 30).strip() or "x"
            arguments[f"Response{name}"] = value
            query[f"response-{hyphenated(name)}"] = value
    return dice.choice(["get_object", "head_object"]), arguments, query, {}


def write_of(dice: Random) -> tuple[str, dict[str, Any], dict[str, str], dict[str, str]]:
    """A PUT with the headers that it has to carry."""
    headers: dict[str, str] = {"If-None-Match": "*", "Content-Length": str(dice.randint(0, 10**10))}
    arguments: dict[str, Any] = {"IfNoneMatch": "*", "ContentLength": int(headers["Content-Length"])}
    for name in ("CacheControl", "ContentType", "ContentDisposition"):
        if dice.random() < 0.5:
            arguments[name] = headers[hyphenated(name)] = text(dice, TEXT, 1, 30).strip() or "x"
    if dice.random() < 0.5:
        arguments["Metadata"] = {"origin": text(dice, "abc-019", 1, 20)}
        headers["x-amz-meta-origin"] = arguments["Metadata"]["origin"]
    return "put_object", arguments, {}, headers


def hyphenated(name: str) -> str:
    """Cache-control for CacheControl."""
    return "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("-")


@pytest.mark.parametrize(
    ("kind", "seed"), [(read_of, 1), (read_of, 2), (write_of, 3)], ids=["read", "read-more", "put"]
)
def test_presigned_urls_are_signed_as_the_aws_sdk_signs(kind: Callable[[Random], Any], seed: int) -> None:
    dice = Random(seed)
    accounts = signers()
    for _ in range(COUNT):
        client, credentials, region = dice.choice(accounts)
        bucket, key, expires = (
            dice.choice(["bucket", "my-bucket", "b.with.dots"]),
            key_of(dice),
            dice.randint(1, 604_800),
        )
        operation, arguments, query, headers = kind(dice)
        theirs = client.generate_presigned_url(
            operation, Params={"Bucket": bucket, "Key": key, **arguments}, ExpiresIn=expires
        )
        sent = dict(parse_qsl(urlsplit(theirs).query, keep_blank_values=True))
        ours = Presigner(f"http://{ENDPOINT}/{bucket}", region).url(
            {"get_object": "GET", "head_object": "HEAD", "put_object": "PUT"}[operation],
            key,
            credentials,
            second=second_of(sent["X-Amz-Date"]),
            expires=expires,
            query=query,
            headers=headers,
        )
        assert urlsplit(ours).path == urlsplit(theirs).path
        assert dict(parse_qsl(urlsplit(ours).query, keep_blank_values=True)) == sent


def test_upload_forms_are_signed_as_the_aws_sdk_signs() -> None:
    dice = Random(4)
    for _, credentials, region in signers():
        account = {
            "MINIO_ACCESS_KEY": credentials.access_key,
            "MINIO_SECRET_KEY": credentials.secret_key,
            "MINIO_SESSION_TOKEN": credentials.session_token,
        }
        storage = MinioBackend(**made_up(MINIO_REGION=region, MINIO_DEFAULT_BUCKET="bucket", **account))
        theirs = S3SigV4PostAuth(AwsCredentials(*account.values()), "s3", region)
        for _ in range(COUNT // len(REGIONS)):
            form = storage.presigned_upload(
                key_of(dice), max_size=dice.randint(1, 10**9), expires=dice.randint(1, 604_800)
            )
            request = AWSRequest()
            request.context["timestamp"] = form.fields["x-amz-date"]
            assert form.fields["x-amz-credential"] == theirs.scope(request)
            assert form.fields.get("x-amz-security-token") == credentials.session_token
            assert form.fields["x-amz-signature"] == theirs.signature(form.fields["policy"], request)
