"""What lies in a folder of images besides sound images: said, counted or refused, and all at once."""

import json
import unicodedata

import numpy as np
import pytest
from image_files import png_bytes, random_array
from PIL import Image

from prunesim.datasets.convert import convert_image, fetch
from prunesim.errors import PrunesimError


@pytest.fixture
def pets(tmp_path):
    """Return a sound folder of 2 x 4 training and 2 x 2 test images, all of them different."""
    rng = np.random.default_rng(0)
    for split, count in (("train", 4), ("test", 2)):
        for name in ("cat", "dog"):
            (tmp_path / "pets" / split / name).mkdir(parents=True)
            for number in range(count):
                pixels = rng.integers(0, 256, (9, 8), dtype=np.uint8)
                (tmp_path / "pets" / split / name / f"{number}.png").write_bytes(png_bytes(pixels))
    return tmp_path / "pets"


@pytest.fixture
def fetched(pets, tmp_path, capfd):
    """Return a function that fetches the folder and returns its description and what was said as a warning."""

    def call(**settings):
        out = tmp_path / "out"
        fetch({"name": "pets", "source": "image_folder", "path": str(pets), **settings}, out, log=lambda line: None)
        return json.loads((out / "dataset.json").read_text()), capfd.readouterr().err

    return call


@pytest.fixture
def refused(fetched, tmp_path):
    """Return a function that expects one sentence, and that nothing is left behind."""

    def call(**settings):
        with pytest.raises(PrunesimError) as caught:
            fetched(**settings)
        assert not (tmp_path / "out").exists() or list((tmp_path / "out").iterdir()) == []
        assert "\n" not in str(caught.value)
        return str(caught.value)

    return call


def test_a_sound_folder_says_nothing(fetched):
    description, said = fetched()
    assert said == ""
    assert set(description["origin"]["files"]) == {"count", "ignored", "sha256"}
    assert set(description["origin"]) == {"from", "path", "reader", "files", "resize", "channels", "subset"}


# files left out


def test_what_is_left_out_is_counted_by_class_and_ending(pets, fetched):
    for name in ("train/cat/a.heic", "train/cat/b.HEIC", "train/dog/c.txt", "train/list.csv", "test/dog/README"):
        (pets / name).write_bytes(b"x")
    description, said = fetched()
    expected = {"train/cat": {".heic": 2}, "train/dog": {".txt": 1}, "train": {".csv": 1}, "test/dog": {"": 1}}
    assert description["origin"]["files"]["left_out"] == expected
    assert description["origin"]["files"]["ignored"] == 5
    assert said.startswith(f"prunesim: warning: {pets}: 5 files left out")
    for words in ("train/cat (2 .heic)", "train/dog (1 .txt)", "and 1 more folders."):
        assert words in said
    assert said.count("\n") == 1


@pytest.mark.parametrize("others", [3, 4, 20])
def test_a_class_that_loses_half_is_refused(pets, refused, fetched, others):
    for number in range(others):
        (pets / f"train/dog/x{number}.heic").write_bytes(b"x")
    if others < 4:
        assert "3 .heic" in fetched()[1]
        return
    sentence = refused()
    assert f"{pets / 'train/dog'} has 4 images and {others} files that would be left out ({others} .heic)" in sentence
    assert "convert them to PNG" in sentence


def test_what_goes_with_an_image_is_not_lost(pets, fetched):
    """Boxes and captions often lie beside their image, under its name."""
    for image in list(pets.rglob("*.png")):
        image.with_suffix(".xml").write_text("<box/>")
    description, said = fetched()
    assert description["counts"] == {"train": 8, "test": 4}
    assert "12 files left out" in said


def test_a_class_of_other_files_alone_says_which(pets, refused):
    for image in (pets / "test/dog").iterdir():
        image.rename(image.with_suffix(".heic"))
    assert "has no images but 2 .heic; a class folder needs one whose name ends in .png" in refused()


@pytest.mark.parametrize("name", ["__MACOSX/cat", "@eaDir/cat", ".thumbnails/cat", "cat/__MACOSX"])
def test_folders_of_systems_are_passed_over(pets, fetched, name):
    before, _ = fetched()
    (pets / "train" / name).mkdir(parents=True)
    (pets / "train" / name / "._0.png").write_bytes(b"x")
    (pets / "train" / name / "0.png").write_bytes(b"x")
    (pets / "train/cat/Thumbs.db").write_bytes(b"x")
    assert fetched() == (before, "")


# classes


def test_a_class_is_the_same_however_its_accent_is_written(pets, fetched):
    composed, apart = (unicodedata.normalize(form, "Löwe") for form in ("NFC", "NFD"))
    assert composed != apart
    (pets / "train/dog").rename(pets / "train" / composed)
    (pets / "test/dog").rename(pets / "test" / apart)
    description, _ = fetched()
    assert description["classes"] == [composed, "cat"]
    assert description["class_counts"] == {"train": [4, 4], "test": [2, 2]}


def test_a_class_that_is_there_in_both_ways_is_refused(pets, refused):
    for split in ("train", "test"):
        for form in ("NFC", "NFD"):
            folder = pets / split / unicodedata.normalize(form, "Löwe")
            folder.mkdir()
            (folder / "0.png").write_bytes(png_bytes(random_array(9, 8)))
    assert "has the class Löwe twice" in refused()


@pytest.mark.parametrize("name", ["val", "valid", "validation"])
def test_validation_images_in_place_of_test_images(pets, refused, name):
    (pets / "test").rename(pets / name)
    sentence = refused()
    assert f"has no folder test; image_folder reads train/<class>/* and test/<class>/*; it has {name}" in sentence
    assert "rename it to test" in sentence


def test_validation_images_beside_test_images_are_said_not_to_be_read(pets, fetched):
    (pets / "val").mkdir()
    assert f"{pets / 'val'} is not read: validation images are held out of train" in fetched()[1]


def test_a_class_on_one_side_only(pets, refused):
    (pets / "test/dog").rename(pets / "else")
    assert "differ: only train has dog." in refused()


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_classes_of_few_images(pets, fetched, count):
    for image in pets.glob("train/*/*.png"):
        if int(image.stem) >= count:
            image.unlink()
    description, _ = fetched()
    assert description["class_counts"]["train"] == [count, count]


# the same image twice


def test_an_image_of_train_in_test_is_said(pets, fetched):
    (pets / "test/dog/copy.png").write_bytes((pets / "train/dog/1.png").read_bytes())
    with Image.open(pets / "train/cat/2.png") as image:
        image.save(pets / "test/cat/other file.bmp")
    description, said = fetched()
    assert description["origin"]["files"]["in_train_and_test"] == 2
    assert "2 images of test are also in train, as" in said
    assert f"{pets / 'test/cat/other file.bmp'} and {pets / 'train/cat/2.png'}" in said


def test_images_of_one_colour_in_other_sizes_are_not_the_same(pets, fetched):
    (pets / "train/cat/a.png").write_bytes(png_bytes(np.zeros((6, 8), np.uint8)))
    (pets / "test/cat/a.png").write_bytes(png_bytes(np.zeros((8, 6), np.uint8)))
    assert fetched(resize=[9, 8])[1] == ""


def test_damaged_exif_data_are_said(pets, fetched):
    Image.fromarray(random_array(9, 8)).save(pets / "train/cat/a.jpg", exif=b"Exif\0\0rubbish")
    assert f"1 image with damaged EXIF data, as {pets / 'train/cat/a.jpg'}" in fetched()[1]


# all faults at once


def test_all_bad_images_are_named_at_once(pets, refused):
    (pets / "train/cat/0.png").write_bytes(b"no image")
    (pets / "train/cat/1.png").write_bytes((pets / "train/cat/2.png").read_bytes()[:70])
    (pets / "train/dog/3.png").write_bytes(png_bytes(random_array(9, 8, 3, dtype=np.uint16)))
    (pets / "test/cat/0.png").write_bytes(png_bytes(np.zeros((9, 8, 4), np.uint8)))
    (pets / "test/dog/1.png").write_bytes(b"")
    sentence = refused()
    assert sentence.startswith("5 images cannot be used: ")
    for name, words in (
        ("train/cat/0.png", "could not be read as an image"),
        ("train/cat/1.png", "could not be read as an image"),
        ("train/dog/3.png", "has 16 bits a channel"),
        ("test/cat/0.png", "is partly transparent"),
        ("test/dog/1.png", "could not be read as an image"),
    ):
        assert f"{pets / name} {words}" in sentence
    for advice in ("take it out of the folder", "scale the values that count", "set dataset.background"):
        assert sentence.count(advice) == 1


def test_many_bad_images_are_counted(pets, refused):
    for image in pets.rglob("*.png"):
        image.write_bytes(b"no image")
    sentence = refused()
    assert sentence.startswith("12 images cannot be used: ")
    assert sentence.count("could not be read") == 10
    assert "; and 2 more. What helps: " in sentence


def test_images_of_other_shapes_are_counted(pets, refused):
    for name in ("cat/3.png", "dog/0.png", "dog/1.png"):
        (pets / "train" / name).write_bytes(png_bytes(random_array(9, 10)))
    sentence = refused()
    assert f"{pets / 'train/cat/3.png'} has the shape (9, 10, 1)" in sentence
    assert "(and 2 more differ); set dataset.resize" in sentence


# proportions


def test_stretch_is_what_it_was():
    image = random_array(20, 10, 3)
    expected = np.asarray(Image.fromarray(image).resize((8, 8), Image.Resampling.BILINEAR))
    assert np.array_equal(convert_image(image, None, [8, 8]), expected)
    assert np.array_equal(convert_image(image, None, [8, 8], "stretch", "white"), expected)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    ("shape", "size"), [((20, 10), (8, 8)), ((10, 20), (8, 8)), ((3, 30), (7, 5)), ((5, 5), (4, 9))]
)
def test_pad_keeps_all_of_the_image_and_its_proportions(channels, shape, size):
    image = np.full((*shape, channels), 200, np.uint8)
    found = convert_image(image, None, size, "pad", "black")
    assert found.shape == (*size, channels)
    rows, columns = (np.flatnonzero((found[..., 0] == 200).any(axis)) for axis in (1, 0))
    scale = min(size[0] / shape[0], size[1] / shape[1])
    assert len(rows) == max(1, round(shape[0] * scale))
    assert len(columns) == max(1, round(shape[1] * scale))
    # In the middle, to a pixel, and nothing but the image and the border.
    for places, side in ((rows, size[0]), (columns, size[1])):
        assert abs(places[0] - (side - 1 - places[-1])) <= 1
    assert set(np.unique(found)) <= {0, 200}
    assert convert_image(image, None, size, "pad", "white").max() == (255 if found.min() == 0 else 200)


@pytest.mark.parametrize(("shape", "size"), [((20, 10), (8, 8)), ((10, 20), (8, 8)), ((30, 30), (6, 9))])
def test_crop_cuts_off_both_ends_alike(shape, size):
    """A ramp along the side that is cut keeps its middle and its slope."""
    axis = 0 if shape[0] / size[0] > shape[1] / size[1] else 1
    ramp = np.arange(shape[axis], dtype=np.uint8) * 8
    image = np.broadcast_to(ramp[:, None] if axis == 0 else ramp, shape)[..., None]
    found = convert_image(image, None, size, "crop")[..., 0].astype(float)
    scale = max(size[0] / shape[0], size[1] / shape[1])
    centres = (np.arange(size[axis]) + 0.5 - size[axis] / 2) / scale + shape[axis] / 2 - 0.5
    profile = found.mean(1 - axis)
    assert np.abs(profile - 8 * centres)[1:-1].max() <= 1
    assert np.ptp(found, axis=1 - axis).max() == 0


@pytest.mark.parametrize("fit", ["pad", "crop"])
def test_images_that_fit_are_only_scaled(fit):
    image = random_array(18, 12, 3)
    assert np.array_equal(convert_image(image, None, [9, 6], fit), convert_image(image, None, [9, 6]))


def test_the_settings_reach_the_arrays_and_the_description(pets, fetched, tmp_path):
    for image in pets.rglob("*.png"):
        image.write_bytes(png_bytes(np.dstack([np.full((4, 8), 40, np.uint8), np.zeros((4, 8), np.uint8)])))
    description, _ = fetched(resize=[8, 8], fit="pad", background="grey")
    assert np.unique(np.load(tmp_path / "out/train_images.npy")).tolist() == [128]
    assert (description["origin"]["fit"], description["origin"]["background"]) == ("pad", "grey")
