import hashlib
import os
import subprocess

import numpy as np
import pytest
from dataset_files import everything_below
from PIL import Image

from prunesim.datasets import image_folder
from prunesim.datasets.image_folder import read_image
from prunesim.errors import PrunesimError


def write_image(path, array, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path, **options)


def write_folder(folder, shape=(9, 7), suffix="png", per_class=3, classes=("cat", "dog"), seed=0):
    """Write random images and return them by split, in the order of class and name."""
    rng = np.random.default_rng(seed)
    content = {}
    for split in ("train", "test"):
        content[split] = []
        for label, name in enumerate(classes):
            for number in range(per_class):
                image = rng.integers(0, 256, shape, dtype=np.uint8)
                write_image(folder / split / name / f"{number}.{suffix}", image)
                content[split].append((image if image.ndim == 3 else image[..., None], label))
    return content


def fetch_folder(call, tmp_path, **settings):
    return call({}, name="cells", source="image_folder", path=str(tmp_path / "data"), **settings)


@pytest.mark.parametrize("shape", [(9, 7), (9, 7, 3)])
@pytest.mark.parametrize("suffix", ["png", "PNG", "bmp", "tif", "ppm"])
def test_reads_grey_and_colour(run, tmp_path, shape, suffix):
    suffix = "pgm" if suffix == "ppm" and len(shape) == 2 else suffix
    content = write_folder(tmp_path / "data", shape, suffix)
    arrays, description = fetch_folder(run, tmp_path)
    for split, pairs in content.items():
        assert np.array_equal(arrays[split, "images"], np.stack([image for image, _ in pairs]))
        assert arrays[split, "labels"].tolist() == [label for _, label in pairs]
    assert description["classes"] == ["cat", "dog"]
    assert description["shape"] == [9, 7, 3 if len(shape) == 3 else 1]
    assert description["name"] == "cells"
    assert description["source"] == "image_folder"


@pytest.mark.parametrize("shape", [(9, 7), (9, 7, 3)])
def test_reads_jpeg(run, tmp_path, shape):
    write_folder(tmp_path / "data", shape, "jpg")
    arrays, _ = fetch_folder(run, tmp_path)
    with Image.open(tmp_path / "data/train/dog/1.jpg") as image:
        expected = np.asarray(image).reshape(9, 7, -1)
    assert np.array_equal(arrays["train", "images"][4], expected)


def test_origin_is_what_sha256sum_prints(run, tmp_path):
    write_folder(tmp_path / "data", classes=("a-b", "a", "Z"))
    _, description = fetch_folder(run, tmp_path)
    assert description["classes"] == ["Z", "a", "a-b"]
    command = "find train test -type f | LC_ALL=C sort | xargs sha256sum"
    lines = subprocess.run(command, shell=True, cwd=tmp_path / "data", capture_output=True, check=True).stdout
    assert description["origin"]["files"] == {
        "count": 18,
        "ignored": 0,
        "sha256": hashlib.sha256(lines).hexdigest(),
    }
    assert description["origin"]["reader"].startswith("pillow ")


def test_resize_and_grey(run, tmp_path):
    rng = np.random.default_rng(0)
    for split in ("train", "test"):
        write_image(tmp_path / "data" / split / "cat/a.png", rng.integers(0, 256, (20, 10, 3), dtype=np.uint8))
        write_image(tmp_path / "data" / split / "dog/b.png", rng.integers(0, 256, (5, 8), dtype=np.uint8))
    arrays, description = fetch_folder(run, tmp_path, resize=[6, 4], channels=1)
    assert description["shape"] == [6, 4, 1]
    with Image.open(tmp_path / "data/test/cat/a.png") as image:
        expected = np.asarray(image.convert("L").resize((4, 6), Image.Resampling.BILINEAR))
    assert np.array_equal(arrays["test", "images"][0, ..., 0], expected)
    assert description["origin"]["resize"] == [6, 4]
    assert description["origin"]["channels"] == 1


def test_mixed_grey_and_colour_need_channels(refused, run, tmp_path):
    write_folder(tmp_path / "data")
    write_image(tmp_path / "data/train/dog/1.png", np.zeros((9, 7, 3), np.uint8))
    sentence = fetch_folder(refused, tmp_path)
    assert str(tmp_path / "data/train/dog/1.png") in sentence
    assert "dataset.channels" in sentence
    assert fetch_folder(run, tmp_path, channels=3)[1]["shape"] == [9, 7, 3]


def test_sizes_that_differ_need_resize(refused, run, tmp_path):
    write_folder(tmp_path / "data")
    write_image(tmp_path / "data/train/dog/1.png", np.zeros((9, 8), np.uint8))
    sentence = fetch_folder(refused, tmp_path)
    for word in (str(tmp_path / "data/train/dog/1.png"), "(9, 8, 1)", "(9, 7, 1)", "dataset.resize"):
        assert word in sentence
    assert fetch_folder(run, tmp_path, resize=[9, 7])[1]["shape"] == [9, 7, 1]


def test_grey_training_and_colour_test(refused, tmp_path):
    write_folder(tmp_path / "data")
    for path in (tmp_path / "data/test").rglob("*.png"):
        write_image(path, np.zeros((9, 7, 3), np.uint8))
    assert "dataset.channels" in fetch_folder(refused, tmp_path)


def test_only_the_chosen_images_are_read(run, tmp_path):
    write_folder(tmp_path / "data", per_class=5)
    _, full = fetch_folder(run, tmp_path)
    arrays, description = fetch_folder(run, tmp_path, subset={"train": 4})
    assert arrays["train", "labels"].tolist() == [0, 0, 1, 1]
    assert description["origin"]["files"]["count"] == 14
    assert full["origin"]["files"]["count"] == 20


def test_other_files_are_ignored_and_counted(run, tmp_path):
    write_folder(tmp_path / "data")
    (tmp_path / "data/train/cat/notes.txt").write_text("x")
    (tmp_path / "data/train/cat/.hidden.png").write_text("x")
    (tmp_path / "data/train/.git").mkdir()
    (tmp_path / "data/train/list.csv").write_text("x")
    arrays, description = fetch_folder(run, tmp_path)
    assert len(arrays["train", "labels"]) == 6
    assert description["origin"]["files"]["ignored"] == 2
    assert any("2 files are not images" in line for line in run.lines)


@pytest.mark.parametrize("split", ["train", "test"])
def test_missing_split(refused, tmp_path, split):
    write_folder(tmp_path / "data")
    (tmp_path / "data" / split).rename(tmp_path / "data" / "else")
    sentence = fetch_folder(refused, tmp_path)
    assert f"{tmp_path / 'data'} has no folder {split}" in sentence
    assert "train/<class>/*" in sentence


def test_classes_that_differ(refused, tmp_path):
    write_folder(tmp_path / "data")
    (tmp_path / "data/test/dog").rename(tmp_path / "data/test/wolf")
    sentence = fetch_folder(refused, tmp_path)
    assert "only train has dog; only test has wolf" in sentence


def test_one_class(refused, tmp_path):
    write_folder(tmp_path / "data", classes=("cat",))
    assert "1 class folder(s); there must be at least 2" in fetch_folder(refused, tmp_path)


def test_empty_class(refused, tmp_path):
    write_folder(tmp_path / "data")
    for path in (tmp_path / "data/test/dog").iterdir():
        path.rename(path.with_suffix(".txt"))
    assert f"{tmp_path / 'data/test/dog'} has no images" in fetch_folder(refused, tmp_path)


def test_image_outside_a_class(refused, tmp_path):
    write_folder(tmp_path / "data")
    write_image(tmp_path / "data/train/stray.png", np.zeros((9, 7), np.uint8))
    assert f"{tmp_path / 'data/train/stray.png'} lies outside" in fetch_folder(refused, tmp_path)


def test_folder_inside_a_class(refused, tmp_path):
    write_folder(tmp_path / "data")
    (tmp_path / "data/train/cat/more").mkdir()
    assert f"{tmp_path / 'data/train/cat/more'} is a folder inside" in fetch_folder(refused, tmp_path)


@pytest.mark.parametrize(
    ("link", "target", "words"),
    [
        ("train/cat/loop.png", "loop.png", "link that leads nowhere"),
        ("train/cat/gone.png", "nothing.png", "link that leads nowhere"),
        ("train/cat/up", "..", "is a folder inside"),
        ("train/cat/self.png", ".", "is a folder inside"),
        ("train/loop", "loop", "link that leads nowhere"),
        ("train/up", "..", "is a folder inside"),
    ],
)
def test_hostile_links(refused, tmp_path, link, target, words):
    write_folder(tmp_path / "data")
    (tmp_path / "data" / link).symlink_to(target)
    sentence = fetch_folder(refused, tmp_path)
    assert words in sentence
    assert str(tmp_path / "data" / link) in sentence


def test_links_to_images_are_followed(run, tmp_path):
    write_folder(tmp_path / "data")
    (tmp_path / "data/train/cat/2.png").rename(tmp_path / "elsewhere.png")
    (tmp_path / "data/train/cat/2.png").symlink_to(tmp_path / "elsewhere.png")
    assert len(fetch_folder(run, tmp_path)[0]["train", "labels"]) == 6


def test_a_pipe_is_not_waited_for(refused, tmp_path):
    write_folder(tmp_path / "data")
    os.mkfifo(tmp_path / "data/train/cat/pipe.png")
    assert "pipe.png is neither a file nor a folder" in fetch_folder(refused, tmp_path)


@pytest.mark.parametrize("suffix", ["png", "jpg", "bmp", "gif", "tif", "webp"])
@pytest.mark.parametrize("share", [0.0, 0.02, 0.6, 0.9])
def test_truncated_image(refused, tmp_path, suffix, share):
    write_folder(tmp_path / "data", (40, 40))
    path = tmp_path / "data/test/dog" / f"9.{suffix}"
    write_image(path, np.random.default_rng(0).integers(0, 256, (40, 40), dtype=np.uint8))
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    sentence = fetch_folder(refused, tmp_path)
    assert str(path) in sentence
    assert "could not be read as an image" in sentence


def test_other_content_under_the_name_of_an_image(tmp_path):
    path = tmp_path / "a.png"
    for content in (b"", b"hello", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", b"GIF89a", os.urandom(500)):
        path.write_bytes(content)
        with pytest.raises(PrunesimError, match=r"a\.png could not be read as an image"):
            read_image(path)


@pytest.mark.parametrize("kind", ["EPS", "PCX", "TGA"])
def test_only_common_formats_are_decoded(tmp_path, kind):
    # The decoder of EPS would start another program.
    Image.fromarray(np.zeros((9, 7), np.uint8)).save(tmp_path / "a.png", format=kind)
    with pytest.raises(PrunesimError, match="could not be read as an image"):
        read_image(tmp_path / "a.png")


@pytest.mark.parametrize("side", [9000, 12000, 20000])
def test_decompression_bomb(tmp_path, side):
    # Below Pillow's warning, above it, and above its error.
    Image.new("1", (side, side)).save(tmp_path / "bomb.png")
    assert (tmp_path / "bomb.png").stat().st_size < 200_000
    with pytest.raises(PrunesimError, match=r"bomb\.png .*pixels"):
        read_image(tmp_path / "bomb.png")


def test_the_limit_of_pixels_is_exact(tmp_path, monkeypatch):
    write_image(tmp_path / "a.png", np.zeros((9, 7), np.uint8))
    monkeypatch.setattr(image_folder, "MAX_PIXELS", 63)
    assert read_image(tmp_path / "a.png")[0].shape == (9, 7, 1)
    monkeypatch.setattr(image_folder, "MAX_PIXELS", 62)
    with pytest.raises(PrunesimError, match="7 x 9 pixels"):
        read_image(tmp_path / "a.png")


def test_pixel_formats(tmp_path):
    rng = np.random.default_rng(0)
    colour = rng.integers(0, 256, (6, 5, 3), dtype=np.uint8)
    opaque = np.concatenate([colour, np.full((6, 5, 1), 255, np.uint8)], axis=2)
    write_image(tmp_path / "rgba.png", opaque)
    assert np.array_equal(read_image(tmp_path / "rgba.png")[0], colour)

    grey_opaque = np.stack([colour[..., 0], np.full((6, 5), 255, np.uint8)], axis=2)
    Image.fromarray(grey_opaque, "LA").save(tmp_path / "la.png")
    assert np.array_equal(read_image(tmp_path / "la.png")[0], colour[..., :1])

    bits = rng.integers(0, 2, (6, 5)).astype(bool)
    Image.fromarray(bits).save(tmp_path / "bits.png")
    assert np.array_equal(read_image(tmp_path / "bits.png")[0][..., 0], bits * np.uint8(255))

    palette = Image.fromarray(colour).quantize(8)
    palette.save(tmp_path / "palette.png")
    assert np.array_equal(read_image(tmp_path / "palette.png")[0], np.asarray(palette.convert("RGB")))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("alpha.png", "transparent"),
        ("palette.png", "transparent"),
        ("deep.png", "I;16"),
        ("float.tif", "pixel format F"),
    ],
)
def test_pixel_formats_that_would_lose_something(tmp_path, name, words):
    made = {
        "alpha.png": lambda: Image.new("RGBA", (5, 6), (1, 2, 3, 254)),
        "palette.png": lambda: Image.new("P", (5, 6)),
        "deep.png": lambda: Image.fromarray(np.full((6, 5), 3000, np.uint16)),
        "float.tif": lambda: Image.fromarray(np.zeros((6, 5), np.float32)),
    }
    made[name]().save(tmp_path / name, **({"transparency": 0} if name == "palette.png" else {}))
    with pytest.raises(PrunesimError, match=words) as caught:
        read_image(tmp_path / name)
    assert str(tmp_path / name) in str(caught.value)


@pytest.mark.parametrize("suffix", ["gif", "tif", "webp", "png"])
def test_several_frames(tmp_path, suffix):
    frames = [Image.fromarray(np.full((6, 5), value, np.uint8)) for value in (0, 100, 200)]
    path = tmp_path / f"a.{suffix}"
    frames[0].save(path, save_all=True, append_images=frames[1:])
    with pytest.raises(PrunesimError, match="several frames"):
        read_image(path)


def test_the_second_picture_of_a_phone_is_no_frame(tmp_path):
    first, second = (Image.fromarray(np.full((8, 8), value, np.uint8)) for value in (40, 200))
    first.save(tmp_path / "a.jpg", format="MPO", save_all=True, append_images=[second])
    assert read_image(tmp_path / "a.jpg")[0].mean() == pytest.approx(40, abs=1)


def test_exif_orientation_is_applied(tmp_path):
    image = Image.fromarray(np.arange(30, dtype=np.uint8).reshape(6, 5))
    exif = image.getexif()
    exif[0x0112] = 6  # to be turned by 90 degrees clockwise
    image.save(tmp_path / "a.png", exif=exif)
    expected = np.rot90(np.arange(30, dtype=np.uint8).reshape(6, 5), -1)
    assert np.array_equal(read_image(tmp_path / "a.png")[0][..., 0], expected)


def test_nothing_is_written_beside_the_images(run, tmp_path):
    write_folder(tmp_path / "data")
    before = everything_below(tmp_path / "data")
    fetch_folder(run, tmp_path)
    assert everything_below(tmp_path / "data") == before
