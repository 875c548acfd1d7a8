"""Things to try with the gallery, for the page and for the terminal."""

from collections.abc import Iterator

from .context import server


def things_to_try() -> Iterator[str]:
    """Yield one sentence or two for each thing."""
    about = server()
    yield "Open “Without the signature” at a private picture: the server responds with 403 AccessDenied."
    if stand_in := about["stand_in"]:
        yield f"Open “With a wrong signature”. {stand_in} shows the picture; a real server responds with 403."
    else:
        yield "Open “With a wrong signature”: the server responds with 403 SignatureDoesNotMatch."
    yield "Upload the same picture twice. The second object gets another name, and nothing is overwritten."
    yield "Download a picture. Its file has the name that it had on your computer, whatever the object's name is."
    yield "Add notes to a picture. They are an optional file, in the private bucket, even if the picture is public."
    yield "Store a file on the page “Large files”. Your browser sends it to the bucket; Django does not see its bytes."
    yield (
        "Delete a picture and open its link again: its object is still there. Then run "
        f"{about['manage']} clean_orphaned_minio_files --min-age 0 and reload the link: 404 NoSuchKey."
    )
