"""Operations on buckets and on many objects at once: policies, multi-delete, upload forms."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import quote

from ..s3_requests.bodies import content_of
from ..s3_requests.forms import check_form, read_form
from ..s3_requests.messages import (
    Request,
    RequestError,
    Response,
    element,
    iso_date,
    not_supported,
    parsed_xml,
    xml_response,
)
from ..s3_requests.policies import checked
from .objects import HTTP_NO_CONTENT, check_key, template
from .store import etag_of

if TYPE_CHECKING:
    from .call import Call

KEYS_PER_DELETION = 1_000
_NAME = re.compile(r"(?!.*\.\.)(?!\d+\.\d+\.\d+\.\d+\Z)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_OWNER = "<ID>memory</ID><DisplayName>memory</DisplayName>"


def list_buckets(call: Call) -> Response:
    """ListBuckets."""
    listed = "".join(
        f"<Bucket>{element('Name', bucket.name)}{element('CreationDate', iso_date(bucket.created))}</Bucket>"
        for _, bucket in sorted(call.store.buckets.items())
    )
    return xml_response("ListAllMyBucketsResult", f"<Owner>{_OWNER}</Owner><Buckets>{listed}</Buckets>")


def create(call: Call) -> Response:
    """CreateBucket."""
    name = call.bucket_name
    if not _NAME.fullmatch(name):
        raise RequestError("InvalidBucketName", "The specified bucket is not valid.")
    if call.request.header("x-amz-bucket-object-lock-enabled").lower() == "true":
        raise not_supported("CreateBucket with object lock")
    if name in call.store.buckets:
        message = "Your previous request to create the named bucket succeeded and you already own it."
        raise RequestError("BucketAlreadyOwnedByYou", message)
    call.store.add(name)
    return Response(200, {"location": f"/{name}"})


def head(_call: Call) -> Response:
    """HeadBucket; the server has looked for the bucket."""
    return Response(200, {"x-amz-bucket-region": "us-east-1"})


def delete(call: Call) -> Response:
    """DeleteBucket; as MinIO, it does not keep unfinished uploads."""
    if call.bucket.objects:
        raise RequestError("BucketNotEmpty", "The bucket you tried to delete is not empty")
    call.store.remove(call.bucket.name)
    return Response(HTTP_NO_CONTENT)


def get_location(_call: Call) -> Response:
    """GetBucketLocation."""
    return xml_response("LocationConstraint", "")


def get_versioning(_call: Call) -> Response:
    """GetBucketVersioning: no bucket keeps versions."""
    return xml_response("VersioningConfiguration", "")


def get_acl(_call: Call) -> Response:
    """GetBucketAcl: as on MinIO, the owner may do everything and nobody else anything."""
    kind = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="CanonicalUser"'
    grant = f"<Grant><Grantee {kind}>{_OWNER}</Grantee><Permission>FULL_CONTROL</Permission></Grant>"
    return xml_response("AccessControlPolicy", f"<Owner>{_OWNER}</Owner><AccessControlList>{grant}</AccessControlList>")


def put_acl(call: Call) -> Response:
    """PutBucketAcl: as on MinIO, only the one that every bucket has."""
    if call.request.header("x-amz-acl") != "private":
        raise not_supported("PutBucketAcl other than private")
    return Response()


def get_policy(call: Call) -> Response:
    """GetBucketPolicy."""
    if not call.bucket.policy:
        raise RequestError("NoSuchBucketPolicy", "The bucket policy does not exist")
    return Response(200, {"Content-Type": "application/json"}, call.bucket.policy)


def put_policy(call: Call) -> Response:
    """PutBucketPolicy."""
    policy = content_of(call.request, call.signed)[0]
    call.bucket.statements = checked(policy, call.bucket.name)
    call.bucket.policy = policy
    return Response(HTTP_NO_CONTENT)


def delete_policy(call: Call) -> Response:
    """DeleteBucketPolicy."""
    call.bucket.policy, call.bucket.statements = b"", []
    return Response(HTTP_NO_CONTENT)


def delete_objects(call: Call) -> Response:
    """DeleteObjects; a missing object is no error."""
    root = parsed_xml(content_of(call.request, call.signed)[0])
    keys = [found.findtext("Key", "") for found in root.findall("Object")]
    if root.tag != "Delete" or not 0 < len(keys) <= KEYS_PER_DELETION:
        raise RequestError("MalformedXML", "A deletion names 1 to 1,000 objects.")
    deleted, refused = [], []
    for key in keys:
        try:
            check_key(key)
        except RequestError as error:
            details = element("Key", key), element("Code", error.code), element("Message", error.message)
            refused.append(f"<Error>{''.join(details)}</Error>")
            continue
        call.bucket.objects.pop(key, None)
        deleted.append(f"<Deleted>{element('Key', key)}</Deleted>")
    if root.findtext("Quiet", "").lower() == "true":
        deleted = []
    return xml_response("DeleteResult", "".join((*deleted, *refused)))


def post_form(call: Call) -> Response:
    """PostObject: an upload form."""
    form = read_form(call.request)
    check_form(form, call.bucket.name, call.accounts)
    described = template(form.key, Request("POST", call.request.url, form.fields))
    stored = replace(described, content=form.content, etag=etag_of(form.content))
    call.bucket.objects[form.key] = stored
    location = f"{call.request.url.partition('?')[0].rstrip('/')}/{quote(form.key)}"
    headers = {"etag": f'"{stored.etag}"', "location": location}
    redirect = form.fields.get("success_action_redirect", "")
    if redirect:
        mark = "&" if "?" in redirect else "?"
        query = f"bucket={call.bucket.name}&key={quote(form.key, safe='')}&etag=%22{stored.etag}%22"
        return Response(303, {**headers, "location": f"{redirect}{mark}{query}"})
    status = form.fields.get("success_action_status", "")
    if status == "201":
        details = element("Location", location), element("Bucket", call.bucket.name), element("Key", form.key)
        response = xml_response("PostResponse", "".join((*details, element("ETag", headers["etag"]))), status=201)
        response.headers.update(headers)
        return response
    return Response(200 if status == "200" else HTTP_NO_CONTENT, headers)
