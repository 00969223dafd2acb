"""Pictures: what they are, told by decoding them, and their thumbnails."""

from __future__ import annotations

import io
from dataclasses import dataclass
from threading import BoundedSemaphore
from typing import BinaryIO

from PIL import Image, ImageOps, UnidentifiedImageError

from gis_service.errors import WrongType

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "TIFF")
MOST_PIXELS = Image.MAX_IMAGE_PIXELS or 0
"""Pillow's own bound, 89 million: a decompression bomb is small as a file and fills the memory when it is opened."""
_EDGE = 480
_DECODERS = BoundedSemaphore(2)  # a large picture takes some 300 MB for a moment


@dataclass(frozen=True)
class Picture:
    """A picture that decodes: its format, one of FORMATS, and its thumbnail as WebP."""

    format: str
    thumbnail: bytes


def picture(file: BinaryIO) -> Picture | None:
    """Decode a picture of an allowed format; None where the bytes are of none.

    Raises
    ------
    WrongType
        Where it is damaged, or larger than MOST_PIXELS.
    """
    try:
        with _DECODERS:
            file.seek(0)
            with Image.open(file, formats=FORMATS) as image:
                _bounded(image)
                image.verify()
            file.seek(0)
            with Image.open(file, formats=FORMATS) as image:
                # two pictures in one JPEG, as phones make them, are a JPEG to everybody else
                kind = "JPEG" if image.format == "MPO" else str(image.format)
                return Picture(kind, _thumbnail(image))
    except UnidentifiedImageError:
        return None
    except WrongType:
        raise
    except Exception as error:  # what a hostile picture makes a decoder raise is anybody's guess
        raise WrongType("图片已损坏，无法打开。", "The picture is damaged and cannot be opened.") from error


def _bounded(image: Image.Image) -> None:
    if image.width * image.height > MOST_PIXELS:
        raise WrongType(
            f"图片像素过多（{image.width}×{image.height}），最多 {MOST_PIXELS:,} 像素。",
            f"The picture has too many pixels ({image.width} × {image.height}); at most {MOST_PIXELS:,} are taken.",
        )


def _thumbnail(image: Image.Image) -> bytes:
    """Draw it small and upright, as WebP; pixels only, so that place and camera stay with the original."""
    image.thumbnail((_EDGE, _EDGE))
    upright = ImageOps.exif_transpose(image)
    drawn = upright.convert("RGBA" if upright.has_transparency_data else "RGB")
    bare = Image.new(drawn.mode, drawn.size)
    bare.paste(drawn)
    sink = io.BytesIO()
    bare.save(sink, "WEBP", quality=80)
    return sink.getvalue()
