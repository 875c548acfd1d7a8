"""Visit the running example site as a browser would, and compare what it shows with what was uploaded."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass, field
from html.parser import HTMLParser
from http import HTTPStatus
from http.cookiejar import CookieJar
from io import BytesIO
from typing import TYPE_CHECKING
from urllib.error import HTTPError
from urllib.parse import urljoin, urlsplit
from urllib.request import HTTPCookieProcessor, ProxyHandler, Request, build_opener

from PIL import Image

from tools.demo_site import USERNAME, DemoError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tools.demo_site import Site

SAMPLES = 4
TIMEOUT = 30  # seconds


@dataclass
class Page(HTMLParser):
    """What the checks look at in a page.

    Attributes:
        images: URLs by their alternative text.
        links: URLs by their label; of a button, what it copies.
        stylesheets: URLs of CSS.
        token: what Django's forms carry against forged requests.
    """

    images: dict[str, str] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    stylesheets: list[str] = field(default_factory=list)
    token: str = ""

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an image, a link, a stylesheet, or the token."""
        values = {name: value or "" for name, value in attrs}
        if tag == "img" and values.get("alt"):
            self.images[values["alt"]] = values["src"]
        elif tag in {"a", "button"} and values.get("aria-label"):
            self.links[values["aria-label"]] = values.get("href") or values.get("data-copy", "")
        elif tag == "link" and values.get("rel") == "stylesheet":
            self.stylesheets.append(values["href"])
        elif tag == "input" and values.get("name") == "csrfmiddlewaretoken":
            self.token = values["value"]


@dataclass(frozen=True)
class Answer:
    """An HTTP answer, an error's included."""

    address: str
    status: int
    content_type: str
    disposition: str
    body: bytes

    @property
    def page(self) -> Page:
        """The answer, read as HTML."""
        page = Page()
        page.feed(self.body.decode())
        return page


class Browser:
    """Enough of a browser: cookies, redirects and forms."""

    def __init__(self) -> None:
        # The servers are on this machine, or where the library reaches them: no proxy of the environment.
        self.opener = build_opener(ProxyHandler({}), HTTPCookieProcessor(CookieJar()))

    def get(self, address: str) -> Answer:
        """Fetch an address."""
        return self._answer(Request(address))  # noqa: S310 - addresses of our own servers

    def submit(
        self,
        address: str,
        fields: Mapping[str, str],
        files: Mapping[str, tuple[str, bytes]] | None = None,
        *,
        to: str = "",
    ) -> Answer:
        """Fetch the page of a form, fill in the form, and send it to the same address, or to the one in ``to``."""
        token = self.get(address).page.token
        content_type, body = encoded({"csrfmiddlewaretoken": token, **fields}, files or {})
        headers = {"Content-Type": content_type, "Referer": address}
        return self._answer(Request(to or address, data=body, headers=headers))  # noqa: S310 - the same

    def _answer(self, request: Request) -> Answer:
        try:
            response = self.opener.open(request, timeout=TIMEOUT)
        except HTTPError as error:
            response = error
        with response:
            headers = response.headers
            disposition = headers.get("Content-Disposition", "")
            return Answer(response.url, response.status, headers.get_content_type(), disposition, response.read())


def encoded(fields: Mapping[str, str], files: Mapping[str, tuple[str, bytes]]) -> tuple[str, bytes]:
    """Return the content type and the body of a form that carries files."""
    boundary = secrets.token_hex(16)
    body = BytesIO()
    for name, value in fields.items():
        body.write(f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode())
    for name, (file_name, content) in files.items():
        disposition = f'form-data; name="{name}"; filename="{file_name}"'
        body.write(f"--{boundary}\r\nContent-Disposition: {disposition}\r\n".encode())
        body.write(b"Content-Type: image/png\r\n\r\n" + content + b"\r\n")
    body.write(f"--{boundary}--\r\n".encode())
    return f"multipart/form-data; boundary={boundary}", body.getvalue()


def check_site(site: Site) -> None:
    """Make all checks, in the order in which a person would come by them."""
    browser = Browser()
    check_samples(site, browser)
    check_page(site, browser)
    check_stylesheets(browser.get(site.address), browser, "the page")
    check_refusal(site, browser)
    check_public_upload(site, browser)
    check_login(site, browser)
    check_stylesheets(browser.get(f"{site.address}admin/"), browser, "the administration")
    check_private_upload(site, browser)
    check_permission(site, browser)
    check_thumbnails(site, browser)
    check_cleaning(site)
    check_deletion(site, browser)


def check_samples(site: Site, browser: Browser) -> None:
    """The page shows the sample pictures, and each of them can be fetched."""
    answer = browser.get(site.address)
    expect(answer.status == HTTPStatus.OK, "the page answers", answer)
    images = answer.page.images
    expect(len(images) == SAMPLES, f"it shows {SAMPLES} sample pictures", answer)
    for title, address in images.items():
        picture = browser.get(address)
        is_picture = picture.status == HTTPStatus.OK and picture.content_type in {"image/png", "image/jpeg"}
        expect(is_picture, f"“{title}” is {kind_of(address)} and arrives as {picture.content_type}", picture)


def check_page(site: Site, browser: Browser) -> None:
    """The page lists things to try, and has a banner where the server is a stand-in."""
    answer = browser.get(site.address)
    expect(b"Things to try" in answer.body, "it lists things to try", answer)
    has_banner = b"Signatures are not checked here" in answer.body
    if "signatures" in site.server.capabilities:
        expect(not has_banner, "it has no banner, as the server checks signatures", answer)
    else:
        expect(has_banner, "its banner says that signatures are not checked here", answer)


def check_refusal(site: Site, browser: Browser) -> None:
    """A file that is no picture is refused, with a message."""
    fields = {"title": "No picture", "visibility": "public"}
    answer = browser.submit(site.address, fields, {"picture": ("text.png", b"just text")})
    refused = answer.status == HTTPStatus.UNPROCESSABLE_ENTITY and b"valid image" in answer.body
    expect(refused, "the page refuses a file that is no picture", answer)


def check_public_upload(site: Site, browser: Browser) -> None:
    """A picture sent by the page's form comes back, byte for byte, from a plain URL; its notes are private."""
    content, notes = noise(), noise()
    fields = {"title": "Public check", "visibility": "public"}
    files = {"picture": ("public check.png", content), "notes": ("notes on it.png", notes)}
    answer = browser.submit(site.address, fields, files)
    expect(b"is in the gallery" in answer.body, "the page's form takes a picture", answer)
    address = shown(answer, "Public check")
    expect(not urlsplit(address).query, "its URL is plain", answer)
    expect_bytes(Browser().get(address), content, "it comes back byte for byte, without any credentials")
    check_card(site, answer, "Public check", "public", "public check.png", content)
    notes_url = linked(answer, "Notes of Public check")
    expect("X-Amz-Signature=" in notes_url, "the link of its notes is presigned", answer)
    expect_bytes(Browser().get(notes_url), notes, "the notes come back byte for byte")


def check_card(site: Site, answer: Answer, title: str, access: str, name: str, content: bytes) -> None:
    """The card of a picture names its bucket, copies its URL, and downloads it under its original name."""
    bucket = f"{site.prefix}-{access}"
    expect(f"<code>{bucket}</code>".encode() in answer.body, f"the page names the bucket {bucket}", answer)
    copied = linked(answer, f"Copy link of {title}")
    expect_bytes(Browser().get(copied), content, "the link to copy opens the picture")
    saved = Browser().get(linked(answer, f"Download {title} as {name}"))
    expect_bytes(saved, content, "the download has the same bytes")
    named = saved.disposition == f'attachment; filename="{name}"'
    expect(named, f"it is saved under its original name: {saved.disposition}", saved)


def check_login(site: Site, browser: Browser) -> None:
    """The administrator can log in."""
    fields = {"username": USERNAME, "password": site.password, "next": "/admin/"}
    answer = browser.submit(f"{site.address}admin/login/", fields)
    expect(answer.address == f"{site.address}admin/", "the administrator logs in", answer)


def check_private_upload(site: Site, browser: Browser) -> None:
    """A picture sent by the administration's form comes back from a presigned URL, and from no other."""
    content = noise()
    add = f"{site.address}admin/gallery/privatepicture/add/"
    fields = {"title": "Private check", "_save": "Save"}
    answer = browser.submit(add, fields, {"picture": ("private check.png", content)})
    expect(b"added successfully" in answer.body, "the administration's form takes a picture", answer)
    page = browser.get(site.address)
    address = shown(page, "Private check")
    expect("X-Amz-Signature=" in address, "its URL on the page is presigned", page)
    expect_bytes(Browser().get(address), content, "it comes back byte for byte")
    check_card(site, page, "Private check", "private", "private check.png", content)
    bare = Browser().get(linked(page, "Without the signature: Private check"))
    expect(bare.status == HTTPStatus.FORBIDDEN, "the link without the signature is refused with 403", bare)
    wrong = Browser().get(linked(page, "With a wrong signature: Private check"))
    if "signatures" in site.server.capabilities:
        expect(wrong.status == HTTPStatus.FORBIDDEN, "the link with a wrong signature is refused with 403", wrong)
    else:
        expect_bytes(wrong, content, f"{site.server.kind} opens the link with a wrong signature, as the banner says")


def check_permission(site: Site, browser: Browser) -> None:
    """The link that does not expire is for the administrator, who may view the picture, and for nobody else."""
    page = browser.get(site.address)
    address = urljoin(site.address, linked(page, "With a login: Private check"))
    stranger = Browser().get(address)
    expect(
        stranger.status == HTTPStatus.FORBIDDEN,
        "the link for users who are logged in refuses others with 403",
        stranger,
    )
    followed = browser.get(address)
    picture = browser.get(shown(page, "Private check"))
    expect_bytes(followed, picture.body, "it leads the administrator to the picture")
    is_short = "X-Amz-Expires=60&" in followed.address
    expect(is_short, "by a presigned URL that expires after a minute", followed)
    named = followed.disposition == 'inline; filename="private check.png"'
    expect(named, f"under its original name: {followed.disposition}", followed)


def check_thumbnails(site: Site, browser: Browser) -> None:
    """The administration's list shows the pictures."""
    answer = browser.get(f"{site.address}admin/gallery/privatepicture/")
    address = shown(answer, "Private check")
    expect(browser.get(address).content_type == "image/png", "the administration's list shows it", answer)


def check_stylesheets(answer: Answer, browser: Browser, where: str) -> None:
    """CSS comes from the static bucket, as CSS."""
    addresses = [urljoin(answer.address, address) for address in answer.page.stylesheets]
    expect(bool(addresses), f"{where} names its CSS", answer)
    for address in addresses:
        style = browser.get(address)
        arrives = style.status == HTTPStatus.OK and style.content_type == "text/css" and bool(style.body)
        elsewhere = urlsplit(address).netloc != urlsplit(answer.address).netloc
        expect(arrives and elsewhere, f"{where} gets {urlsplit(address).path} from the static bucket", style)


def check_cleaning(site: Site) -> None:
    """No picture of the site counts as orphaned."""
    # Without --min-age 0 the files of the last hour would be spared, and nothing be tested.
    output = site.manage("clean_orphaned_minio_files", "--dry-run", "--check-missing", "--min-age", "0")
    for line in output.splitlines():
        print(f"    {line}")
    if ".png" in output or ".jpg" in output:
        raise DemoError("FAILED: clean_orphaned_minio_files --dry-run finds nothing to delete and nothing missing")
    print("ok  clean_orphaned_minio_files --dry-run finds nothing to delete and nothing missing", flush=True)


def check_deletion(site: Site, browser: Browser) -> None:
    """A deleted picture leaves the page; its object stays until cleaning."""
    title = "Public check"
    page = browser.get(site.address)
    address = shown(page, title)
    delete = urljoin(site.address, linked(page, f"Delete {title}"))
    answer = browser.submit(delete, {})
    gone = title not in answer.page.images and b"is deleted" in answer.body
    expect(gone, "the picture is deleted from the page, after a question", answer)
    left = browser.get(address)
    expect(left.status == HTTPStatus.OK, "its object stays in the bucket", left)
    output = site.manage("clean_orphaned_minio_files", "--min-age", "0", "--no-input")
    missing = browser.get(address)
    expect(missing.status == HTTPStatus.NOT_FOUND, f"clean_orphaned_minio_files deletes it:\n{output}", missing)
    others = [url for shown_title, url in answer.page.images.items() if browser.get(url).status != HTTPStatus.OK]
    expect(not others, "all other pictures are left", answer)


def linked(answer: Answer, label: str) -> str:
    """Return the URL of a link or a copy button in a page."""
    links = answer.page.links
    if label not in links:
        raise DemoError(f"FAILED: {answer.address} has no link “{label}”, only {', '.join(links) or 'none'}")
    return links[label]


def shown(answer: Answer, title: str) -> str:
    """Return the URL of a picture in a page."""
    images = answer.page.images
    if title not in images:
        raise DemoError(f"FAILED: {answer.address} shows no picture “{title}”, only {', '.join(images) or 'none'}")
    return urljoin(answer.address, images[title])


def noise() -> bytes:
    """Return a picture that nobody uploaded before."""
    content = BytesIO()
    Image.frombytes("RGB", (64, 48), os.urandom(64 * 48 * 3)).save(content, format="PNG")
    return content.getvalue()


def kind_of(address: str) -> str:
    """Describe a URL: presigned or plain."""
    return "private (presigned URL)" if urlsplit(address).query else "public (plain URL)"


def expect_bytes(answer: Answer, content: bytes, what: str) -> None:
    """Expect exactly these bytes."""
    expect(answer.status == HTTPStatus.OK and answer.body == content, what, answer)


def expect(holds: bool, what: str, answer: Answer) -> None:  # noqa: FBT001 - what is expected comes first
    """Report a check, or fail with what the server answered."""
    if not holds:
        # The address without its query, because a signature opens the file to whoever reads the log.
        address = answer.address.partition("?")[0]
        start = answer.body[:2000].decode(errors="replace")
        raise DemoError(f"FAILED: {what}\n{address} answered {answer.status} ({answer.content_type}):\n{start}")
    print(f"ok  {what}", flush=True)
