"""Things to try with the gallery, for the page and for the terminal."""

from collections.abc import Iterator
from typing import NamedTuple

from .context import server


class Thing(NamedTuple):
    """A thing to try: what to do and what happens then, and the command that it needs, if any."""

    text: str
    command: str = ""


def things_to_try() -> Iterator[Thing]:
    """Yield the things in the order of the page."""
    about = server()
    yield Thing("Open “Without the signature” at a private picture: the server responds with 403.")
    if stand_in := about["stand_in"]:
        yield Thing(f"Open “With a wrong signature”. {stand_in} shows the picture; a real server responds with 403.")
    else:
        yield Thing("Open “With a wrong signature”: the server responds with 403, too.")
    yield Thing(
        "Open “With a login”: this site responds with 403. Log in to the administration and open it again: the site "
        "leads you to a URL that expires after a minute, while its own link does not."
    )
    yield Thing("Upload the same picture twice. The second object gets another name, and nothing is overwritten.")
    yield Thing("Download a picture. It is saved under the name that it had on your computer.")
    yield Thing("Add notes to a picture. They are an optional file, and private even if the picture is public.")
    yield Thing("Store a file on the page “Large files”. Your browser sends it to the bucket, and not through Django.")
    yield Thing(
        "Delete a picture and open its link again: its object is still there. Run this command and reload the link, "
        "and you get 404:",
        f"{about['manage']} clean_orphaned_minio_files --min-age 0",
    )
