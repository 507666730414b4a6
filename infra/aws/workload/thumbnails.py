"""Makes thumbnails out of a file that a stranger sent. Pure: bytes in, bytes out, the same ones every time.

What the file really is is read from its content. Only the first picture of an animated one is shown. Orientation is applied and
colours become sRGB, because all metadata (camera, place, profiles, comments) is left behind.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO

from PIL import Image, ImageCms, ImageOps

from infra.aws.workload.settings import ImageRules

FORMATS = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp", "GIF": "image/gif"}
QUALITY = 85
CLEAR = ("RGBA", "LA", "PA", "RGBa", "La")


class NotAnImage(Exception):
    """The file is not an image that may be shown; the text says why."""


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """One thumbnail whose longest edge is at most ``edge``; a smaller picture is not blown up."""

    edge: int
    width: int
    height: int
    content_type: str
    suffix: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Picture:
    """What a file holds: its real type, its size as it is seen (after rotation), and its thumbnails."""

    content_type: str
    width: int
    height: int
    animated: bool
    thumbnails: tuple[Thumbnail, ...]


def picture(data: bytes, declared: str, rules: ImageRules) -> Picture:
    """Return what ``data`` shows. NotAnImage when it is no image, a broken, too large or another one than ``declared``."""
    try:
        return _picture(data, declared, rules)
    except (NotAnImage, MemoryError):  # too little memory is this machine's fault, not the file's
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise NotAnImage("it would unpack to too many pixels") from None
    except Exception as error:  # noqa: BLE001 - decoders raise almost anything on a broken file: all of it means that
        raise NotAnImage(f"it cannot be read as an image ({type(error).__name__})") from None


def _picture(data: bytes, declared: str, rules: ImageRules) -> Picture:
    with Image.open(BytesIO(data), formats=tuple(FORMATS)) as opened:  # reads the head only
        real = FORMATS[str(opened.format)]
        if real not in rules.types:
            raise NotAnImage(f"it is {real}, which is not taken")
        if real != declared:
            raise NotAnImage(f"it is {real}, and was declared as another type")
        if opened.width * opened.height > rules.most_pixels:
            raise NotAnImage(f"it has {opened.width} x {opened.height} pixels, more than {rules.most_pixels} in all")
        animated = bool(getattr(opened, "is_animated", False))
        if animated:
            opened.seek(0)
        opened.load()
        shown = _plain(ImageOps.exif_transpose(opened))
    return Picture(real, shown.width, shown.height, animated, _made(shown, sorted(rules.thumbnails, reverse=True)))


def _plain(image: Image.Image) -> Image.Image:
    """Return the picture as RGB or RGBA in sRGB, with nothing but its pixels."""
    profile, alpha = image.info.get("icc_profile"), None
    if image.mode in CLEAR or "transparency" in image.info:
        image = image.convert("RGBA")
        alpha = image.getchannel("A")
        image = image.convert("RGB")
    plain = _in_srgb(image, profile) or image.convert("RGB")
    if alpha is not None:
        plain.putalpha(alpha)
    plain.info = {}
    return plain


def _in_srgb(image: Image.Image, profile: bytes | None) -> Image.Image | None:
    """Return the picture with its colour profile applied; None when it has none that can be."""
    if not profile or image.mode not in ("RGB", "CMYK", "L"):
        return None
    try:
        return ImageCms.profileToProfile(
            image, ImageCms.ImageCmsProfile(BytesIO(profile)), ImageCms.createProfile("sRGB"), outputMode="RGB"
        )
    except (ImageCms.PyCMSError, OSError, ValueError):
        return None  # a profile that nobody can read is no reason to refuse a picture


def _made(shown: Image.Image, edges: Sequence[int]) -> tuple[Thumbnail, ...]:
    """Return a thumbnail for each edge, largest first: each is made out of the one before."""
    found = []
    for edge in edges:
        shown = shown.copy()
        shown.thumbnail((edge, edge), Image.Resampling.LANCZOS)
        found.append(_encoded(shown, edge))
    return tuple(found)


def _encoded(image: Image.Image, edge: int) -> Thumbnail:
    clear = image.mode == "RGBA"
    out = BytesIO()
    if clear:
        image.save(out, "PNG")
    else:
        image.save(out, "JPEG", quality=QUALITY)
    kind, suffix = ("image/png", "png") if clear else ("image/jpeg", "jpg")
    return Thumbnail(edge, image.width, image.height, kind, suffix, out.getvalue())
