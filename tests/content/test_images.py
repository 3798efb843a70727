"""Pictures for mails: bounded, upright, small, cleaned, and none where there is none."""

from __future__ import annotations

import io
import struct
import zlib
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from sillage.content.images import MAX_UPLOAD, MAX_WIDTH, picture_of
from sillage.errors import BadInput


def _saved(image: Image.Image, kind: str, **how: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **how)
    return out.getvalue()


def _open(raw: bytes) -> Image.Image:
    found = Image.open(io.BytesIO(raw))
    found.load()
    return found


def test_photo_is_turned_upright_made_small_and_cleaned() -> None:
    """Twice a mail's width at most, orientation applied, and no word of where it was taken is left."""
    photo = Image.new("RGB", (4000, 3000), "#336699")
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010E] = "taken at home"
    made = picture_of(_saved(photo, "JPEG", exif=exif, comment=b"secret"), "photo.jpg")
    assert (made.type, made.width, made.height) == ("image/jpeg", MAX_WIDTH, 1600)
    assert b"taken at home" not in made.content
    assert b"secret" not in made.content
    assert not _open(made.content).getexif()


@pytest.mark.parametrize(
    ("image", "kind", "type_"),
    [
        (Image.new("RGBA", (40, 20), (255, 0, 0, 90)), "PNG", "image/png"),
        (Image.new("RGBA", (40, 20), (255, 0, 0, 90)), "WEBP", "image/png"),
        (Image.new("RGB", (40, 20), "red"), "WEBP", "image/jpeg"),
        (Image.new("CMYK", (40, 20), "red"), "JPEG", "image/jpeg"),
        (Image.new("P", (40, 20)), "GIF", "image/png"),
        (Image.new("I;16", (40, 20)), "PNG", "image/png"),
    ],
)
def test_picture_comes_out_as_what_every_mail_reader_shows(image: Image.Image, kind: str, type_: str) -> None:
    """Whatever the colours and the format, it is PNG, JPEG or GIF of the same size."""
    made = picture_of(_saved(image, kind), "x")
    assert (made.type, _open(made.content).size) == (type_, (40, 20))


def test_animation_goes_on_moving() -> None:
    """An animated GIF keeps its frames and their times, and is made small like the others."""
    frames = [Image.new("RGB", (2400, 100), colour) for colour in ("red", "green", "blue")]
    raw = _saved(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=[100, 200, 300], loop=0)
    made = _open(picture_of(raw, "a.gif").content)
    assert made.n_frames == 3
    assert made.size == (1200, 50)


def _bomb(width: int, height: int) -> bytes:
    """A PNG of few bytes that says to be very large."""
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = b"\x89PNG\r\n\x1a\n"
    for kind, data in ((b"IHDR", head), (b"IDAT", zlib.compress(bytes(1000))), (b"IEND", b"")):
        parts += struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    return parts


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "image_is_svg"),
        (b"\xef\xbb\xbf <?xml version='1.0'?><!-- x --><!DOCTYPE svg><svg/>", "image_is_svg"),
        (b"<html><script>alert(1)</script></html>", "not_an_image"),
        (b"GIF89a<script>alert(1)</script>", "not_an_image"),
        (b"%PDF-1.7", "not_an_image"),
        (b"", "not_an_image"),
        (b"BM" + bytes(100), "not_an_image"),
        (_saved(Image.new("RGB", (90, 90)), "PNG")[:60], "bad_image"),
        (_bomb(50_000, 50_000), "image_too_large"),
        (bytes(MAX_UPLOAD + 1), "image_too_large"),
    ],
)
def test_what_is_no_picture_is_refused_with_its_reason(raw: bytes, code: str) -> None:
    """By what it holds, not by how it is called: the error says what it is and what to do."""
    with pytest.raises(BadInput, match="nice") as caught:
        picture_of(raw, "nice.png")
    assert caught.value.code in {code, "bad_image", "not_an_image"}


def test_script_behind_a_picture_is_not_kept() -> None:
    """What was appended to a picture is not in what we keep."""
    raw = _saved(Image.new("RGB", (10, 10)), "PNG") + b"<script>alert(1)</script>"
    assert b"script" not in picture_of(raw, "x.png").content


@given(
    st.binary(max_size=400),
    st.sampled_from([b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"GIF89a", b"RIFF____WEBP", b""]),
)
def test_any_bytes_are_a_picture_or_a_reason(tail: bytes, head: bytes) -> None:
    """No bytes bring anything else than a picture or BadInput."""
    with suppress(BadInput):
        assert picture_of(head + tail, "x").type in {"image/png", "image/jpeg", "image/gif"}
