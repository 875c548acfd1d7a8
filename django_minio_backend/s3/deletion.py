"""Deletion of many objects by few requests (DeleteObjects)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple
from xml.sax.saxutils import escape

from .errors import FAILURES, status_of
from .responses import XmlResponse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .client import S3Client

# Control characters: XML 1.0 has no way to write most of them, and servers lose some of the others.
_NOT_FOR_XML = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


class Deletion(NamedTuple):
    """The result of a deletion.

    Attributes:
        deleted: keys of deleted objects.
        failed: for each other key the server's reason.
        markers: how many of the deleted objects still exist as older versions, below a delete marker.
    """

    deleted: set[str]
    failed: dict[str, str]
    markers: int


def delete_objects(client: S3Client, bucket: str, keys: Sequence[str]) -> Deletion:
    """Delete at most 1,000 objects in one request (DeleteObjects), and one more for each key that XML cannot carry.

    A key that is missing in the response counts as failed.
    Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html

    Raises:
        urllib3.exceptions.ProtocolError: the response is incomplete, so it is unknown what was deleted.
    """
    result = Deletion(set(), {}, 0)
    plain = [key for key in keys if not _NOT_FOR_XML.search(key)]
    if plain:
        result = _delete_by_xml(client, bucket, plain)
    others = [key for key in keys if _NOT_FOR_XML.search(key)]
    for number, key in enumerate(others):
        try:
            client.delete(bucket, key)
        except FAILURES as error:  # not raised, or the caller would not know what is deleted already
            has_response = status_of(error) is not None
            result.failed.update(dict.fromkeys([key] if has_response else others[number:], str(error)))
            if not has_response:
                break
        except ValueError as error:  # of the SDK, for keys with "." or ".." between slashes and for white space
            result.failed[key] = str(error) or "the SDK refuses this key"
        else:
            result.deleted.add(key)
    return result


def _delete_by_xml(client: S3Client, bucket: str, keys: Sequence[str]) -> Deletion:
    objects = "".join(f"<Object><Key>{escape(key)}</Key></Object>" for key in keys)
    body = f'<Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{objects}</Delete>'.encode()
    xml = XmlResponse(client.request("POST", bucket, {"delete": ""}, body=body), "DeleteResult", bucket)
    deleted = [entry for entry in xml.all("Deleted") if xml.text("Key", entry)]
    gone = {xml.text("Key", entry) for entry in deleted}.intersection(keys)
    reasons = {
        xml.text("Key", entry): f"{xml.text('Code', entry)} {xml.text('Message', entry)}".strip()
        for entry in xml.all("Error")
    }
    failed = {key: reasons.get(key, "the server does not report that it is deleted") for key in keys if key not in gone}
    marked = {xml.text("Key", entry) for entry in deleted if xml.text("DeleteMarker", entry) == "true"}
    failed |= {key: reasons[key] for key in gone & reasons.keys()}
    gone -= reasons.keys()
    return Deletion(gone, failed, len(marked & gone))
