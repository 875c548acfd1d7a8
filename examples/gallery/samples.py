"""Pictures to start with, painted by Pillow, so that the project need not bring any along."""

import math
from collections.abc import Iterator, Sequence
from io import BytesIO
from random import Random

from django.core.files.base import ContentFile
from PIL import Image, ImageDraw, ImageFilter, ImageOps

WIDTH, HEIGHT = 1200, 900


def sample_pictures() -> "Iterator[tuple[str, bool, ContentFile[bytes]]]":
    """Give each picture as its title, whether it is for everybody, and its file."""
    yield "Sunrise over the hills", True, as_file(sunrise(), "sunrise.jpg")
    yield "Moon above the sea", False, as_file(moon(), "moon.png")
    yield "Dunes at noon", True, as_file(dunes(), "dunes.jpg")
    yield "Coloured glass", False, as_file(glass(), "glass.png")


def as_file(picture: Image.Image, name: str) -> "ContentFile[bytes]":
    """Encode a picture in the format of its name."""
    content = BytesIO()
    picture.save(content, format="PNG" if name.endswith(".png") else "JPEG", quality=88)
    return ContentFile(content.getvalue(), name=name)


def sunrise() -> Image.Image:
    """Paint a red sky, a sun and four ranges of hills."""
    picture = gradient("#3b2a63", "#ffb56b", "#f0647a")
    glow(picture, (760, 470), 330, "#ffe0a0")
    disc(picture, (760, 470), 78, "#fff3cf")
    for base, height, colour in (
        (560, 70, "#8d4a78"),
        (640, 60, "#643a6c"),
        (730, 55, "#432b57"),
        (820, 40, "#261b3a"),
    ):
        waves(picture, base, height, colour)
    return picture


def moon() -> Image.Image:
    """Paint a night with stars, a moon, and its light on the water."""
    picture = gradient("#060b24", "#39639b", "#152a5c")
    draw = ImageDraw.Draw(picture)
    dice = Random(7)  # noqa: S311 - the same stars every time, no secret
    for _ in range(160):
        x, y, size = dice.randrange(WIDTH), dice.randrange(520), dice.choice((1, 1, 2))
        draw.ellipse((x, y, x + size, y + size), fill="#dfe9ff")
    glow(picture, (420, 250), 260, "#9fc0ff")
    disc(picture, (420, 250), 92, "#f4f1dc")
    draw.rectangle((0, 600, WIDTH, HEIGHT), fill="#0b1c3f")
    for line in range(26):
        reach = 20 + line * 7 + dice.randrange(30)
        y = 610 + line * 11
        draw.line((420 - reach, y, 420 + reach, y), fill="#c9d6ee" if line % 2 else "#5f7db3", width=3)
    return picture


def dunes() -> Image.Image:
    """Paint a blue sky over four rows of sand."""
    picture = gradient("#2f8fc4", "#f6ead2", "#a9d5e5")
    disc(picture, (930, 170), 60, "#fffbe8")
    for base, height, colour in (
        (470, 50, "#e9bd7a"),
        (570, 75, "#dca35b"),
        (690, 65, "#c98744"),
        (810, 45, "#a96a31"),
    ):
        waves(picture, base, height, colour)
    return picture


def glass() -> Image.Image:
    """Paint panes of coloured glass in leading."""
    picture = Image.new("RGB", (WIDTH, HEIGHT), "#10222a")
    draw = ImageDraw.Draw(picture)
    colours = ("#0f7c8a", "#13a89e", "#f2b134", "#ed553b", "#f6d55c", "#3c6e91", "#8e5ea2", "#cfe8e4")
    dice = Random(3)  # noqa: S311 - the same panes every time, no secret
    side = 150
    for left in range(0, WIDTH, side):
        for top in range(0, HEIGHT, side):
            right, bottom = left + side, top + side
            corners = [(left, top), (right, top), (right, bottom), (left, bottom)]
            turn = dice.randrange(4)
            corners = corners[turn:] + corners[:turn]
            for pane in (corners[:3], [*corners[2:], corners[0]]):
                draw.polygon(pane, fill=dice.choice(colours), outline="#10222a", width=6)
    return picture


def gradient(top: str, bottom: str, middle: str) -> Image.Image:
    """Return a picture that goes from one colour through another to a third."""
    shades = Image.linear_gradient("L").resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)
    return ImageOps.colorize(shades, black=top, white=bottom, mid=middle, midpoint=110)


def disc(picture: Image.Image, centre: Sequence[int], radius: int, colour: str) -> None:
    """Paint a disc with a soft edge."""
    mask = Image.new("L", picture.size)
    x, y = centre
    ImageDraw.Draw(mask).ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)
    picture.paste(colour, mask=mask.filter(ImageFilter.GaussianBlur(1.5)))


def glow(picture: Image.Image, centre: Sequence[int], radius: int, colour: str) -> None:
    """Paint light that fades with the distance."""
    light = ImageOps.invert(Image.radial_gradient("L")).resize((2 * radius, 2 * radius))
    mask = Image.new("L", picture.size)
    mask.paste(light, (centre[0] - radius, centre[1] - radius))
    picture.paste(colour, mask=mask.point(lambda shade: max(0, shade - 74)))


def waves(picture: Image.Image, base: int, height: int, colour: str) -> None:
    """Paint a hilly ground from a height of the picture down."""
    outline = [(x, base + height * hilly(x / WIDTH, base)) for x in range(0, WIDTH + 10, 10)]
    ImageDraw.Draw(picture).polygon([(0, HEIGHT), *outline, (WIDTH, HEIGHT)], fill=colour)


def hilly(place: float, start: int) -> float:
    """Return how high the ground is, between -1 and 1; each start gives another outline."""
    return 0.7 * math.sin(5 * place + start) + 0.3 * math.sin(13 * place + 2 * start)
