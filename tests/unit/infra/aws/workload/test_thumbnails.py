"""Thumbnails out of what strangers send: right way up, in sRGB, without a word of metadata, or refused."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageCms

from infra.aws.workload.settings import ImageRules
from infra.aws.workload.thumbnails import NotAnImage, Picture, picture

RULES = ImageRules(most_pixels=1_000_000, thumbnails=(32, 64))
SECRET = "37.5665N 126.9780E"


def saved(image: Image.Image, form: str, **more: Any) -> bytes:
    out = BytesIO()
    image.save(out, form, **more)
    return out.getvalue()


def two_colours(mode: str = "RGB", size: tuple[int, int] = (200, 100)) -> Image.Image:
    """Return red on the left, blue on the right."""
    image = Image.new("RGB", size, "red")
    image.paste("blue", (size[0] // 2, 0, *size))
    return image.convert(mode)


def opened(found: Picture, edge: int) -> Image.Image:
    return Image.open(BytesIO(next(each.body for each in found.thumbnails if each.edge == edge)))


def near(found: Any, wanted: tuple[int, ...]) -> bool:
    return all(abs(a - b) < 40 for a, b in zip(found, wanted, strict=True))


def test_a_picture_is_scaled_to_each_edge_and_never_blown_up() -> None:
    found = picture(saved(two_colours(size=(50, 20)), "PNG"), "image/png", RULES)

    assert (found.content_type, found.width, found.height, found.animated) == ("image/png", 50, 20, False)
    assert {each.edge: (each.width, each.height) for each in found.thumbnails} == {64: (50, 20), 32: (32, 13)}
    assert {each.content_type for each in found.thumbnails} == {"image/jpeg"}


def test_a_picture_that_was_taken_with_the_camera_on_its_side_stands_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # rotate by a quarter to the right
    found = picture(saved(two_colours(), "JPEG", exif=exif), "image/jpeg", RULES)

    assert (found.width, found.height) == (100, 200)
    shown = opened(found, 64)
    assert shown.size == (32, 64)
    assert near(shown.getpixel((16, 5)), (255, 0, 0))
    assert near(shown.getpixel((16, 60)), (0, 0, 255))


def test_nothing_of_a_files_metadata_reaches_a_thumbnail() -> None:
    exif = Image.Exif()
    exif[0x010E] = SECRET
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    files = {
        "image/jpeg": saved(two_colours(), "JPEG", exif=exif, comment=SECRET, icc_profile=profile),
        "image/png": saved(two_colours("RGBA"), "PNG", exif=exif, icc_profile=profile),
        "image/webp": saved(two_colours("RGBA"), "WEBP", exif=exif, icc_profile=profile),
        "image/gif": saved(two_colours("P"), "GIF", comment=SECRET.encode()),
    }
    for kind, data in files.items():
        assert SECRET.encode() in data
        found = picture(data, kind, RULES)
        for each in found.thumbnails:
            assert SECRET.encode() not in each.body
            shown = Image.open(BytesIO(each.body))
            assert not set(shown.info) & {"exif", "icc_profile", "comment"}
            assert len(shown.getexif()) == 0


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK", "YCbCr", "P"])
def test_every_kind_of_colour_is_shown_as_it_is_meant(mode: str) -> None:
    form = "JPEG" if mode in {"CMYK", "YCbCr"} else "PNG"
    found = picture(saved(two_colours(mode), form), f"image/{form.lower()}", RULES)

    left = opened(found, 64).convert("RGB").getpixel((8, 16))
    wanted = two_colours(mode).convert("RGB").getpixel((20, 50))
    assert isinstance(wanted, tuple)
    assert near(left, wanted)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_what_is_transparent_stays_so(mode: str) -> None:
    image = Image.new("RGBA", (100, 100), (0, 0, 0, 0))
    image.paste((255, 255, 255, 255), (50, 0, 100, 100))
    found = picture(saved(image.convert(mode), "PNG"), "image/png", RULES)

    shown = opened(found, 64)
    assert (shown.mode, shown.getpixel((5, 30))[3], shown.getpixel((60, 30))[3]) == ("RGBA", 0, 255)  # type: ignore[index]  # four channels


def test_of_an_animated_picture_the_first_one_is_shown() -> None:
    frames = [Image.new("RGB", (40, 40), colour) for colour in ("green", "red", "blue")]
    data = saved(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=50)
    found = picture(data, "image/gif", RULES)

    assert found.animated
    assert near(opened(found, 32).getpixel((10, 10)), (0, 128, 0))


def bomb(width: int, height: int) -> bytes:
    """Return a PNG of a few bytes whose head promises a huge picture."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 10)) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("data", "declared", "said"),
    [
        (bomb(60_000, 60_000), "image/png", "too many pixels"),
        (bomb(1001, 1000), "image/png", "more than 1000000"),
        (saved(two_colours(), "JPEG")[:600], "image/jpeg", "cannot be read"),
        (saved(two_colours(), "PNG"), "image/jpeg", "declared as another type"),
        (saved(two_colours(), "BMP"), "image/png", "cannot be read"),
        (b"<svg onload=alert(1)>", "image/png", "cannot be read"),
        (b"", "image/png", "cannot be read"),
    ],
)
def test_what_must_not_be_shown_is_refused_with_its_reason(data: bytes, declared: str, said: str) -> None:
    with pytest.raises(NotAnImage, match=said):
        picture(data, declared, RULES)


def test_a_type_that_the_rules_leave_out_is_refused() -> None:
    with pytest.raises(NotAnImage, match="not taken"):
        picture(saved(two_colours("P"), "GIF"), "image/gif", ImageRules(types=("image/png",)))


def test_the_same_file_makes_the_same_bytes() -> None:
    data = saved(two_colours("RGBA"), "WEBP")

    assert picture(data, "image/webp", RULES) == picture(data, "image/webp", RULES)


WHOLE = saved(two_colours(), "JPEG")


@given(place=st.integers(0, len(WHOLE) - 1), value=st.integers(0, 255), end=st.integers(0, len(WHOLE)))
def test_a_file_with_a_wrong_byte_or_a_missing_end_is_shown_or_refused_and_nothing_else(place: int, value: int, end: int) -> None:
    broken = bytearray(WHOLE)
    broken[place] = value
    for data in (bytes(broken), WHOLE[:end]):
        try:
            found = picture(data, "image/jpeg", RULES)
        except NotAnImage:
            continue
        assert found.width * found.height <= 1_000_000
