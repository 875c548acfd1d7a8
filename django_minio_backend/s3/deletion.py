"""Deletion of many objects by few requests (DeleteObjects)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple
from xml.sax.saxutils import escape

from .responses import XmlResponse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .client import S3Client

# Control characters: XML 1.0 has no way to write most of them, and servers lose some of the others.
_NOT_FOR_XML = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


class Deletion(NamedTuple):
    """What became of one DeleteObjects request.

    Attributes:
        deleted: keys that are gone.
        failed: the server's reason for each key that is not.
        markers: how many of the deleted live on as older versions, below a delete marker.
    """

    deleted: set[str]
    failed: dict[str, str]
    markers: int


def delete_objects(client: S3Client, bucket: str, keys: Sequence[str]) -> Deletion:
    """Delete at most 1,000 objects in one request (DeleteObjects); keys that XML cannot carry take one each.

    A key that the answer does not mention counts as failed.
    Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html

    Raises:
        urllib3.exceptions.ProtocolError: the answer is not whole; nobody knows what was deleted.
    """
    from .errors import FAILURES, status_of

    result = Deletion(set(), {}, 0)
    plain = [key for key in keys if not _NOT_FOR_XML.search(key)]
    if plain:
        result = _delete_by_xml(client, bucket, plain)
    others = [key for key in keys if _NOT_FOR_XML.search(key)]
    for number, key in enumerate(others):
        try:
            client.delete(bucket, key)
        except FAILURES as error:  # not raised: then nobody would hear of what is deleted already
            is_answer = status_of(error) is not None
            result.failed.update(dict.fromkeys([key] if is_answer else others[number:], str(error)))
            if not is_answer:
                break
        else:
            result.deleted.add(key)
    return result


def _delete_by_xml(client: S3Client, bucket: str, keys: Sequence[str]) -> Deletion:
    objects = "".join(f"<Object><Key>{escape(key)}</Key></Object>" for key in keys)
    body = f'<Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{objects}</Delete>'.encode()
    answer = XmlResponse(client.request("POST", bucket, {"delete": ""}, body=body), "DeleteResult", bucket)
    deleted = [entry for entry in answer.all("Deleted") if answer.text("Key", entry)]
    gone = {answer.text("Key", entry) for entry in deleted}.intersection(keys)
    reasons = {
        answer.text("Key", entry): f"{answer.text('Code', entry)} {answer.text('Message', entry)}".strip()
        for entry in answer.all("Error")
    }
    failed = {key: reasons.get(key, "the server does not say that it is deleted") for key in keys if key not in gone}
    marked = {answer.text("Key", entry) for entry in deleted if answer.text("DeleteMarker", entry) == "true"}
    failed |= {key: reasons[key] for key in gone & reasons.keys()}
    gone -= reasons.keys()
    return Deletion(gone, failed, len(marked & gone))
