import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from autokd.data.sources import decode
from autokd.data.sources.decode import decode_each, decode_images, find_form
from autokd.errors import DataError

WriteImages = Callable[..., list[Path]]


def _save(path: Path, pixels: object, mode: str | None = None) -> Path:
    image = Image.fromarray(np.asarray(pixels))
    (image if mode is None else image.convert(mode)).save(path)
    return path


def test_lossless_colour_images_come_back_as_they_were(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3), dtype=np.uint8)
    paths = [_save(tmp_path / f"{index}.png", image) for index, image in enumerate(pixels)]
    decoded = decode_images(paths, image_size=None)
    assert torch.equal(decoded, torch.from_numpy(pixels.transpose(0, 3, 1, 2).copy()))


@pytest.mark.parametrize("mode", ["L", "LA", "1"])
def test_grey_images_have_one_channel(write_images: WriteImages, mode: str) -> None:
    paths = write_images("grey", 2, mode=mode)
    expected = np.asarray(Image.open(paths[1]).convert("L"))
    decoded = decode_images(paths, image_size=None)
    assert decoded.shape == (2, 1, 8, 8)
    assert torch.equal(decoded[1, 0], torch.from_numpy(expected.copy()))


@pytest.mark.parametrize("mode", ["RGBA", "P"])
def test_transparency_and_palettes_become_three_channels(
    write_images: WriteImages, mode: str
) -> None:
    paths = write_images("colour", 2, mode=mode)
    expected = np.asarray(Image.open(paths[0]).convert("RGB")).transpose(2, 0, 1)
    assert torch.equal(decode_images(paths, image_size=None)[0], torch.from_numpy(expected.copy()))


def test_a_palette_with_transparency_is_read_without_a_warning(tmp_path: Path) -> None:
    image = Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8), mode=None).convert("P")
    image.save(tmp_path / "p.png", transparency=bytes(range(64)))
    assert decode_images([tmp_path / "p.png"], image_size=None).shape == (1, 3, 8, 8)


@pytest.mark.parametrize("order", [["L", "RGB"], ["RGB", "L"]])
def test_among_colour_images_a_grey_one_repeats_its_channel(
    write_images: WriteImages, order: list[str]
) -> None:
    paths = [write_images(mode, 1, mode=mode)[0] for mode in order]
    decoded = decode_images(paths, image_size=None)
    grey = decoded[order.index("L")]
    expected = torch.from_numpy(np.asarray(Image.open(paths[order.index("L")])).copy())
    assert torch.equal(grey, expected.expand(3, 8, 8))
    colour = np.asarray(Image.open(paths[order.index("RGB")])).transpose(2, 0, 1)
    assert torch.equal(decoded[order.index("RGB")], torch.from_numpy(colour.copy()))


def test_the_form_is_read_from_headers_without_decoding_all(
    write_images: WriteImages, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = write_images("grey", 3, mode="L") + write_images("colour", 1)
    decoded: list[Path] = []
    decode_whole = decode._decode

    def note(path: Path, *, image_size: int | None) -> Any:
        decoded.append(path)
        return decode_whole(path, image_size=image_size)

    monkeypatch.setattr(decode, "_decode", note)
    form = find_form(paths, image_size=None)
    assert form == (3, 8, None, paths[0])
    assert decoded == paths[:1]
    assert find_form(paths[:3], image_size=16)[:3] == (1, 16, 16)


def test_a_header_that_promised_grey_is_held_to_it(write_images: WriteImages) -> None:
    grey, colour = write_images("grey", 1, mode="L"), write_images("colour", 1)
    form = find_form(grey, image_size=None)
    with pytest.raises(DataError, match=r"colour/000.png: its header says that it is grey"):
        list(decode_each(colour, form))


def test_image_size_takes_the_centre_square(tmp_path: Path) -> None:
    pixels = np.zeros((16, 40, 3), dtype=np.uint8)
    pixels[:, 12:28] = (200, 100, 50)  # the centre; all else is black
    path = _save(tmp_path / "wide.png", pixels)
    decoded = decode_images([path], image_size=8)
    expected = torch.tensor([200, 100, 50], dtype=torch.uint8)[:, None, None]
    assert torch.equal(decoded[0], expected.expand(3, 8, 8))


def test_image_size_brings_small_large_and_narrow_images_together(
    write_images: WriteImages,
) -> None:
    sizes = [(8, 8), (300, 300), (10, 40), (16, 16)]
    paths = [
        write_images(f"{width}x{height}", 1, size=(width, height))[0] for width, height in sizes
    ]
    assert decode_images(paths, image_size=16).shape == (4, 3, 16, 16)


def test_an_image_of_the_wanted_size_is_left_untouched(write_images: WriteImages) -> None:
    paths = write_images("same", 2, size=(16, 16))
    as_is = decode_images(paths, image_size=None)
    assert torch.equal(decode_images(paths, image_size=16), as_is)


def test_threads_decode_the_same_in_the_same_order(
    write_images: WriteImages, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = write_images("many", 25)
    alone = decode_images(paths, image_size=None)
    monkeypatch.setattr(decode, "_THREADS_FROM_BYTES", 0)
    monkeypatch.setattr(decode, "_AT_ONCE", 10)
    assert torch.equal(decode_images(paths, image_size=None), alone)


def test_a_different_size_is_refused_with_both_files_and_sizes(write_images: WriteImages) -> None:
    paths = write_images("a", 1) + write_images("b", 1, size=(10, 12))
    message = r"b/000.png is 10x12 pixels, but .*a/000.png is 8x8; set \[data.image_size\]"
    with pytest.raises(DataError, match=message):
        decode_images(paths, image_size=None)


def test_an_image_that_is_not_square_is_refused_with_its_size(write_images: WriteImages) -> None:
    paths = write_images("a", 1, size=(9, 8))
    message = r"a/000.png is 9x8 pixels, but images must be square; set \[data.image_size\]"
    with pytest.raises(DataError, match=message):
        decode_images(paths, image_size=None)


@pytest.mark.parametrize("size", [7, 225])
def test_images_outside_8_to_224_pixels_are_refused(write_images: WriteImages, size: int) -> None:
    paths = write_images("a", 1, size=(size, size))
    with pytest.raises(DataError, match=rf"000.png is {size}x{size} .* must be in \[8, 224\]"):
        decode_images(paths, image_size=None)


def test_a_text_file_is_refused_by_name(write_images: WriteImages) -> None:
    paths = write_images("a", 2)
    paths[1].write_text("not an image")
    with pytest.raises(DataError, match=r"a/001.png: not an image that can be read"):
        decode_images(paths, image_size=None)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp"])
def test_a_truncated_image_is_refused_by_name(write_images: WriteImages, suffix: str) -> None:
    paths = write_images("a", 2, size=(32, 32), suffix=suffix)
    whole = paths[1].read_bytes()
    paths[1].write_bytes(whole[: len(whole) * 3 // 4])
    with pytest.raises(DataError, match=rf"a/001{suffix}: damaged or unreadable image: .+"):
        decode_images(paths, image_size=None)


def test_a_file_that_vanished_is_refused_by_name(write_images: WriteImages) -> None:
    paths = write_images("a", 2)
    paths[1].unlink()
    with pytest.raises(DataError, match=r"a/001.png: damaged or unreadable image: .*No such file"):
        decode_images(paths, image_size=None)


def test_sixteen_bits_a_channel_are_refused(tmp_path: Path) -> None:
    path = _save(tmp_path / "deep.png", np.full((8, 8), 40_000, dtype=np.uint16))
    with pytest.raises(DataError, match=r"deep.png: images must have eight bits .* found 16$"):
        decode_images([path], image_size=None)


def _deep_png(colour_type: int, n_channels: int) -> bytes:
    """A PNG of 8 x 8 pixels with 16 bits a channel, by hand: Pillow writes none with colour."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        checked = kind + content
        return struct.pack(">I", len(content)) + checked + struct.pack(">I", zlib.crc32(checked))

    rows = (b"\0" + bytes(8 * n_channels * 2)) * 8
    header = struct.pack(">IIBBBBB", 8, 8, 16, colour_type, 0, 0, 0)
    parts = [(b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("rgb.png", _deep_png(2, 3)),
        ("rgba.png", _deep_png(6, 4)),
        ("grey_alpha.png", _deep_png(4, 2)),
        ("rgb.ppm", b"P6 # a comment\n8 8\n4095\n" + bytes(8 * 8 * 3 * 2)),
    ],
)
def test_deep_colours_that_pillow_would_squeeze_are_refused(
    tmp_path: Path, name: str, content: bytes
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(
        DataError, match=rf"{name}: images must have eight bits a channel, found 1"
    ):
        decode_images([tmp_path / name], image_size=None)


@pytest.mark.parametrize("suffix", [".tif", ".ppm", ".bmp", ".webp"])
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_eight_bits_are_read_from_any_kind_of_file(
    write_images: WriteImages, tmp_path: Path, suffix: str, mode: str
) -> None:
    (path,) = write_images("plain", 1, mode=mode)
    again = tmp_path / f"again{suffix}"
    Image.open(path).save(again)
    channels = 3 if mode == "RGB" or suffix == ".webp" else 1
    assert decode_images([again], image_size=None).shape == (1, channels, 8, 8)
