"""What is in a pixel: nothing is dropped or reduced without a word."""

import io

import numpy as np
import pytest
from image_files import png_bytes, ppm_bytes, random_array, tiff_bytes
from PIL import Image

from prunesim.datasets import class_folders
from prunesim.datasets.image_folder import read_image
from prunesim.datasets.listing import SUFFIXES
from prunesim.errors import PrunesimError

TWELVE_BITS = random_array(6, 5, 3, high=4096, dtype=np.uint16)


def saved(image, **options):
    file = io.BytesIO()
    image.save(file, **options)
    return file.getvalue()


def jpeg2000(array, dtype=np.uint8, **options):
    return saved(Image.fromarray(array.astype(dtype)), format="JPEG2000", **options)


def with_other_byte(content, mark, offset, change):
    """Return bytes with one changed, counted from where `mark` begins."""
    place = content.index(mark) + offset
    return content[:place] + bytes([change(content[place])]) + content[place + 1 :]


def avif(bits):
    content = saved(Image.fromarray(random_array(16, 16, 3)), format="AVIF")
    flags = {8: 0, 10: 0x40, 12: 0x60}[bits]
    return with_other_byte(content, b"av1C", 6, lambda byte: byte & ~0x60 | flags)


def jpeg(precision):
    content = saved(Image.fromarray(random_array(16, 16, 3)), format="JPEG")
    return with_other_byte(content, b"\xff\xc0", 4, lambda byte: precision)


DEEP = {
    "rgb.png": (png_bytes(TWELVE_BITS), 16),
    "rgba.png": (png_bytes(np.dstack([TWELVE_BITS, np.full((6, 5), 65535, np.uint16)])), 16),
    "grey.png": (png_bytes(TWELVE_BITS[..., 0]), 16),
    "grey_alpha.png": (png_bytes(np.dstack([TWELVE_BITS[..., 0], np.full((6, 5), 65535, np.uint16)])), 16),
    "little.tif": (tiff_bytes(TWELVE_BITS, 2), 16),
    "big.tif": (tiff_bytes(TWELVE_BITS, 2, order=">"), 16),
    "grey.tif": (tiff_bytes(TWELVE_BITS[..., :1], 1), 16),
    "alpha.tif": (tiff_bytes(np.dstack([TWELVE_BITS, TWELVE_BITS[..., 0]]), 2, (2,)), 16),
    "float.tif": (tiff_bytes(TWELVE_BITS[..., :1].astype(np.uint32), 1), 32),
    "colour.ppm": (ppm_bytes(TWELVE_BITS, 4095), 12),
    "grey.pgm": (ppm_bytes(TWELVE_BITS[..., 0], 65535), 16),
    "grey.jp2": (jpeg2000(TWELVE_BITS[..., 0], np.uint16), 16),
    "colour.j2k": (with_other_byte(jpeg2000(random_array(6, 5, 3), no_jp2=True), b"\xff\x51", 40, lambda _: 11), 12),
    "ten.avif": (avif(10), 10),
    "twelve.avif": (avif(12), 12),
    "twelve.jpg": (jpeg(12), 12),
}


@pytest.mark.parametrize("name", DEEP)
def test_more_than_8_bits_are_refused_with_the_way_to_convert(tmp_path, name):
    content, bits = DEEP[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(PrunesimError) as caught:
        read_image(tmp_path / name)
    assert str(caught.value).startswith(f"{tmp_path / name} has {bits} bits a channel")
    assert "save them with 8 bits a channel" in str(caught.value)


@pytest.mark.parametrize(("kind", "dtype"), [(2, np.int8), (2, np.int16), (3, np.float32)])
def test_signed_and_fractional_values_are_refused(tmp_path, kind, dtype):
    (tmp_path / "a.tif").write_bytes(tiff_bytes(random_array(6, 5, 1, high=100).astype(dtype), 1, sample_format=kind))
    with pytest.raises(PrunesimError, match=r"values that are signed or fractions.*; scale the values"):
        read_image(tmp_path / "a.tif")


MANY = {
    "rgb + 1": ((4, 2, (0,)), "4 channels, of which one is neither"),
    "rgb + 1 unmarked": ((4, 2, ()), "4 channels, of which one is neither"),
    "rgb + 2": ((5, 2, (0, 0)), "5 channels, of which 2 are neither"),
    "rgb + alpha + 1": ((5, 2, (2, 0)), "5 channels, of which one is neither"),
    "grey + 1": ((2, 1, (0,)), "2 channels, of which one is neither"),
    "grey + 4": ((5, 1, ()), "5 channels, of which 4 are neither"),
    "grey + 4 marked": ((5, 1, (0, 0, 0, 0)), "5 channels, of which 4 are neither"),
    "cmyk + 1": ((5, 5, (0,)), "5 channels, of which one is neither"),
}


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", MANY)
def test_channels_that_are_no_colours_are_refused(tmp_path, kind, order):
    (channels, photometric, extra), words = MANY[kind]
    content = tiff_bytes(random_array(6, 5, channels), photometric, extra, order)
    (tmp_path / "a.tif").write_bytes(content)
    with pytest.raises(PrunesimError, match=words) as caught:
        read_image(tmp_path / "a.tif")
    assert "save grey or the three channels that count" in str(caught.value)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("order", ["<", ">"])
def test_the_files_made_here_are_read_where_they_are_8_bits(tmp_path, channels, order):
    """What is refused above is refused for its bits and channels, not for how the file was made."""
    array = random_array(6, 5, channels)
    contents = {
        "a.png": png_bytes(array),
        "a.tif": tiff_bytes(array, 1 if channels == 1 else 2, order=order),
        "a.ppm": ppm_bytes(array if channels == 3 else array[..., 0], 255),
        "a.jp2": jpeg2000(array if channels == 3 else array[..., 0]),
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
        assert np.array_equal(read_image(tmp_path / name)[0], array), name
    (tmp_path / "a.avif").write_bytes(avif(8))
    assert read_image(tmp_path / "a.avif")[0].shape == (16, 16, 3)
    (tmp_path / "a.jpg").write_bytes(jpeg(8))
    assert read_image(tmp_path / "a.jpg")[0].shape == (16, 16, 3)


TRANSPARENT = {
    "rgba.png": lambda alpha: png_bytes(np.dstack([random_array(6, 5, 3), alpha])),
    "grey.png": lambda alpha: png_bytes(np.dstack([random_array(6, 5), alpha])),
    "rgba.tif": lambda alpha: tiff_bytes(np.dstack([random_array(6, 5, 3), alpha]), 2, (2,)),
}


@pytest.mark.parametrize("name", TRANSPARENT)
@pytest.mark.parametrize(("background", "behind"), [("black", 0), ("grey", 128), ("white", 255)])
def test_transparent_pixels_show_the_background(tmp_path, name, background, behind):
    alpha = np.tile(np.array([0, 64, 128, 254, 255], np.uint8), (6, 1))
    (tmp_path / name).write_bytes(TRANSPARENT[name](alpha))
    with pytest.raises(PrunesimError, match=r"partly transparent; set dataset\.background"):
        read_image(tmp_path / name)
    front = random_array(6, 5)[..., None] if name == "grey.png" else random_array(6, 5, 3)
    found, _ = read_image(tmp_path / name, background)
    share = alpha[..., None] / 255
    assert np.abs(found - (share * front + (1 - share) * behind)).max() <= 1
    assert np.array_equal(found[:, 4], front[:, 4])
    assert (found[:, 0] == behind).all()


def test_a_palette_with_a_transparent_colour(tmp_path):
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 40, 50, 60])
    image.putdata([0, 1])
    image.save(tmp_path / "a.gif", transparency=0)
    assert read_image(tmp_path / "a.gif", "white")[0].tolist() == [[[255] * 3, [40, 50, 60]]]


def test_a_background_does_not_touch_opaque_images(tmp_path):
    for array in (random_array(6, 5, 3), np.dstack([random_array(6, 5, 3), np.full((6, 5), 255, np.uint8)])):
        (tmp_path / "a.png").write_bytes(png_bytes(array))
        assert np.array_equal(read_image(tmp_path / "a.png", "white")[0], read_image(tmp_path / "a.png")[0])


def test_cmyk_becomes_red_green_and_blue(tmp_path):
    cmyk = Image.fromarray(random_array(16, 16, 4), "CMYK")
    for name in ("a.jpg", "a.tif"):
        cmyk.save(tmp_path / name)
        with Image.open(tmp_path / name) as image:
            assert image.mode == "CMYK"
            assert np.array_equal(read_image(tmp_path / name)[0], np.asarray(image.convert("RGB")))


@pytest.mark.parametrize(
    "exif", [b"Exif\0\0rubbish", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0MM\0*\0\0\0\x08\xff\xff"]
)
def test_damaged_exif_data_do_not_cost_a_whole_picture(tmp_path, exif):
    array = random_array(16, 16)
    Image.fromarray(array).save(tmp_path / "a.jpg", exif=exif)
    Image.fromarray(array).save(tmp_path / "b.jpg")
    assert np.array_equal(read_image(tmp_path / "a.jpg")[0], read_image(tmp_path / "b.jpg")[0])


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["jpg", "png", "tif", "webp"])
def test_every_orientation(tmp_path, orientation, suffix):
    turned = {
        1: lambda a: a,
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.swapaxes(0, 1),
        6: lambda a: np.rot90(a, -1),
        7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
        8: lambda a: np.rot90(a),
    }[orientation]
    image = Image.fromarray(np.repeat(np.repeat(random_array(2, 3, 3), 16, 0), 16, 1))
    options = {"lossless": True} if suffix == "webp" else {}
    image.save(tmp_path / f"plain.{suffix}", **options)
    exif = image.getexif()
    exif[0x0112] = orientation
    image.save(tmp_path / f"turned.{suffix}", exif=exif, **options)
    plain = read_image(tmp_path / f"plain.{suffix}")[0]
    assert np.array_equal(read_image(tmp_path / f"turned.{suffix}")[0], turned(plain))


def test_every_ending_is_of_a_format_that_is_read(tmp_path):
    assert class_folders.readable_endings() == SUFFIXES, "the pinned Pillow reads all of them"
    for ending in SUFFIXES:
        path = tmp_path / f"a{ending}"
        mode = {".pbm": "1", ".pgm": "L"}.get(ending, "RGB")
        Image.new(mode, (16, 16)).save(path, format="PNG" if ending == ".apng" else None)
        assert read_image(path)[0].shape[:2] == (16, 16)


def test_what_a_build_of_pillow_lacks_is_left_out(monkeypatch, tmp_path):
    monkeypatch.setattr("PIL.features.check", lambda name: name != "avif")
    assert set(SUFFIXES) - set(class_folders.readable_endings()) == {".avif"}
    for number in range(3):
        (tmp_path / "a").mkdir(exist_ok=True)
        (tmp_path / f"a/{number}.png").write_bytes(b"")
    (tmp_path / "a/3.avif").write_bytes(b"")
    classes, ignored = class_folders.list_split(tmp_path)
    assert (len(classes["a"]), ignored) == (3, [tmp_path / "a/3.avif"])
