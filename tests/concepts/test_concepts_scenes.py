"""Scenes whose masks are exact, and the folder that holds them."""

import json
from itertools import islice

import numpy as np
import pytest
from PIL import Image

from prunesim.datasets import scenes
from prunesim.datasets.concept_folder import read_annotated, write_annotated
from prunesim.errors import PrunesimError

IMAGES, LABELS, CLASSES = scenes.digits()


def composed(count=40, shape=(8, 8, 3), seed=0, multiple=2):
    return list(scenes.compose(count, shape, IMAGES, LABELS, seed, multiple))


@pytest.mark.parametrize("shape", [(8, 8, 3), (8, 8, 1), (9, 13, 3)])
@pytest.mark.parametrize("multiple", [1, 3])
def test_masks_are_the_pixels_drawn(shape, multiple):
    tones = scenes.BRIGHTNESS if shape[2] == 1 else scenes.COLOURS
    category = "brightness" if shape[2] == 1 else "colour"
    seen = set()
    for scene in composed(60, shape, multiple=multiple):
        height, width = scene.image.shape[:2]
        assert (height, width) == (shape[0] * multiple, shape[1] * multiple)
        masks = scene.masks
        for number, colour in enumerate(tones.values(), 1):
            np.testing.assert_array_equal(masks[category] == number, (scene.image == colour).all(axis=2))
        painted = scene.image.any(axis=2)
        np.testing.assert_array_equal(painted, masks[category] > 0)
        # Of a digit each pixel is painted; a patch of texture is there between its lines too.
        assert not (masks["object"] > 0)[~painted].any()
        assert not (painted & (masks["object"] == 0) & (masks["texture"] == 0)).any()
        assert not ((masks["object"] > 0) & (masks["texture"] > 0)).any()
        region = (masks["object"] > 0) | (masks["texture"] > 0)
        columns, rows = np.meshgrid(np.arange(width), np.arange(height))
        np.testing.assert_array_equal(masks["side"], np.where(region, 1 + (columns >= width / 2), 0))
        np.testing.assert_array_equal(masks["height"], np.where(region, 1 + (rows >= height / 2), 0))
        seen |= {(name, int(value)) for name, mask in masks.items() for value in np.unique(mask) if value}
    labels = scenes.categories(CLASSES, shape[2])
    assert seen == {(name, 1 + i) for name, known in labels.items() for i in range(len(known))}


def test_textures_and_silhouettes_by_hand():
    assert scenes.texture("horizontal stripes", (3, 2)).tolist() == [[True] * 2, [False] * 2, [True] * 2]
    assert scenes.texture("vertical stripes", (2, 3)).tolist() == [[True, False, True]] * 2
    assert scenes.texture("dots", (2, 3)).tolist() == [[True, False, True], [False] * 3]
    image = np.array([[0, 100], [49, 50]], np.uint8)
    assert scenes.silhouette(image, (2, 2)).tolist() == [[False, True], [False, True]]
    assert scenes.silhouette(image, (4, 4)).tolist() == [[False, False, True, True]] * 4
    assert not scenes.silhouette(np.zeros((2, 2), np.uint8), (3, 3)).any()


def test_scenes_depend_on_their_seed_and_number_alone():
    many, few, other = composed(20), composed(5), composed(5, seed=1)
    for one, two in zip(many, few, strict=False):
        np.testing.assert_array_equal(one.image, two.image)
        assert all(np.array_equal(one.masks[name], two.masks[name]) for name in one.masks)
    assert not np.array_equal(few[0].image, other[0].image)
    lazy = scenes.compose(10**9, (8, 8, 3), IMAGES, LABELS, 0, 2)
    np.testing.assert_array_equal(next(islice(lazy, 3, None)).image, few[3].image)


def test_what_scenes_cannot_be_made_of():
    with pytest.raises(PrunesimError, match=r"6 x 9 pixels is too small .* at least 2"):
        next(scenes.compose(1, (6, 9, 1), IMAGES, LABELS, 0))
    with pytest.raises(PrunesimError, match="takes 4"):
        next(scenes.compose(1, (8, 8, 4), IMAGES, LABELS, 0))
    colour = np.random.default_rng(0).integers(0, 256, (3, 4, 4, 3), np.uint8)
    with pytest.raises(PrunesimError, match="pets are in colour"):
        scenes.things(colour, [0, 1, 2], "pets")
    np.testing.assert_array_equal(scenes.things(np.repeat(IMAGES[..., None], 3, 3), LABELS, "x")[0], IMAGES)


@pytest.fixture
def folder(tmp_path):
    output = tmp_path / "scenes"
    assert write_annotated(output, composed(4), scenes.categories(CLASSES, 3), {"seed": 0}) == 4
    return output


@pytest.fixture
def read(folder, tmp_path):
    (tmp_path / "scratch").mkdir()
    return lambda: read_annotated(folder, tmp_path / "scratch")


def test_a_folder_is_read_as_it_was_written(folder, read):
    found = read()
    assert found.names == ["0000.png", "0001.png", "0002.png", "0003.png"]
    assert found.concepts[0] == ("object", "0")
    assert found.concepts[10:12] == [("colour", "red"), ("colour", "green")]
    assert found.categories.tolist() == [0] * 10 + [1] * 7 + [2] * 3 + [3] * 2 + [4] * 2
    before = {"object": 0, "colour": 10, "texture": 17, "side": 20, "height": 22}
    for index, scene in enumerate(composed(4)):
        np.testing.assert_array_equal(found.images[index], scene.image)
        for place, (name, mask) in enumerate(scene.masks.items()):
            np.testing.assert_array_equal(found.labels[index, place], np.where(mask, mask + before[name], 0))


def test_the_same_bytes_twice(folder, tmp_path):
    write_annotated(tmp_path / "again", composed(4), scenes.categories(CLASSES, 3), {"seed": 0})
    files = sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    assert len(files) == 4 * 6 + 1
    assert all((folder / path).read_bytes() == (tmp_path / "again" / path).read_bytes() for path in files)


def test_masks_of_other_kinds_and_sizes(folder, read):
    """A mask may be missing, of 16 bits, of a palette or smaller than the image; hidden files are passed over."""
    (folder / "masks/texture/0001.png").unlink()
    (folder / "masks/texture/.DS_Store").touch()
    for path in folder.glob("masks/*/*.png"):
        mask = np.asarray(Image.open(path))[::2, ::2]
        if path.name == "0000.png":
            Image.fromarray(mask.astype(np.uint16)).save(path)
        else:
            image = Image.fromarray(mask, "P")
            image.putpalette([7, 9, 200] * 256)
            image.save(path)
    found = read()
    assert not found.labels[1, 2].any()
    scene = composed(4)[2]
    np.testing.assert_array_equal(found.labels[2, 0], scene.masks["object"][::2, ::2])


def test_labels_beyond_8_bits(folder, read):
    about = json.loads((folder / "concepts.json").read_text())
    about["categories"]["texture"] += [f"t{i}" for i in range(900)]
    (folder / "concepts.json").write_text(json.dumps(about))
    Image.fromarray(np.full((16, 16), 903, np.uint16)).save(folder / "masks/texture/0000.png")
    found = read()
    assert found.labels[0, 2].min() == 17 + 903
    assert found.concepts[17 + 902] == ("texture", "t899")


def test_nothing_is_written_over_and_nothing_half_written_stays(folder, tmp_path):
    with pytest.raises(PrunesimError, match="is there already"):
        write_annotated(folder, composed(1), scenes.categories(CLASSES, 3), {})

    def broken():
        yield composed(1)[0]
        raise PrunesimError("no more")

    with pytest.raises(PrunesimError, match="no more"):
        write_annotated(tmp_path / "new", broken(), scenes.categories(CLASSES, 3), {})
    (tmp_path / "empty").mkdir()
    write_annotated(tmp_path / "empty", composed(1), scenes.categories(CLASSES, 3), {})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "scenes"]


def index(categories, **more):
    return lambda folder: (folder / "concepts.json").write_text(json.dumps({"categories": categories, **more}))


def put(name, content):
    def change(folder):
        path = folder / name
        if isinstance(content, np.ndarray):
            Image.fromarray(content).save(path)
        else:
            path.write_bytes(content)

    return change


def moved(old, new):
    return lambda folder: (folder / old).rename(folder / new)


def emptied(folder):
    for path in (folder / "images").iterdir():
        path.unlink()


HOSTILE = {
    "no index": (lambda folder: (folder / "concepts.json").unlink(), r"concepts.json does not exist"),
    "no JSON": (put("concepts.json", b"{"), "is not valid JSON"),
    "no text": (put("concepts.json", b"\xff\xfe\x00"), "is not valid JSON"),
    "deep JSON": (put("concepts.json", b"[" * 100_000), "is not valid JSON"),
    "a list": (put("concepts.json", b"[]"), 'must be an object with "categories"'),
    "no categories": (index({}), 'must be an object with "categories"'),
    "unknown keys": (index({"object": ["0"]}, images=3), 'must be an object with "categories"'),
    "a path": (index({"../object": ["0"]}), "category '../object' is the name of a folder"),
    "an absolute path": (index({"/etc": ["0"]}), "category '/etc' is the name of a folder"),
    "dots": (index({"..": ["0"]}), r"category '\.\.' is the name of a folder"),
    "no labels": (index({"object": []}), "category 'object' needs a list of labels"),
    "numbers": (index({"object": [1]}), "category 'object' needs a list of labels"),
    "twice": (index({"object": ["a", "a"]}), "needs a list of labels, texts of one line, each once"),
    "lines": (index({"object": ["a\nb"]}), "needs a list of labels"),
    "too many": (index({"object": [f"a{i}" for i in range(65_536)]}), "more than 65535 labels"),
    "no masks": (index({"other": ["a"]}), "masks/other does not exist"),
    "no images": (moved("images", "pictures"), "images does not exist"),
    "empty": (emptied, "images holds no image"),
    "a name": (moved("images/0000.png", "images/a b.png"), "a b.png' is no image"),
    "another file": (put("images/notes.txt", b"x"), "notes.txt' is no image"),
    "a folder": (lambda folder: (folder / "images/x.png").mkdir(), "x.png' is no image"),
    "mask alone": (moved("images/0003.png", "images/0004.png"), "0003.png is the mask of no image"),
    "image of another size": (
        put("images/0002.png", np.zeros((8, 8, 3), np.uint8)),
        r"0002.png is of 8 x 8 x 3, but the first image, 0000.png is of 16 x 16 x 3; all must be alike",
    ),
    "grey among colour": (put("images/0002.png", np.zeros((16, 16), np.uint8)), "0002.png is of 16 x 16 x 1"),
    "mask of another size": (
        put("masks/side/0002.png", np.zeros((8, 8), np.uint8)),
        r"0002.png is of 8 x 8, but the first mask, .*/object/0000.png is of 16 x 16",
    ),
    "a label too many": (
        put("masks/side/0002.png", np.full((16, 16), 3, np.uint8)),
        "holds the label 3, but concepts.json names 2 of its category",
    ),
    "colours": (
        put("masks/side/0002.png", np.zeros((16, 16, 3), np.uint8)),
        "pixel format RGB; a mask has one integer",
    ),
    "half a mask": (put("masks/side/0002.png", b"\x89PNG\r\n\x1a\n"), "could not be read as a PNG image"),
    "half an image": (put("images/0002.png", b"\x89PNG\r\n\x1a\n"), "could not be read as an image"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_folders_are_refused_in_sentences(name, folder, read):
    change, words = HOSTILE[name]
    change(folder)
    with pytest.raises(PrunesimError, match=words) as refused:
        read()
    assert "\n" not in str(refused.value)
    assert str(refused.value).endswith(".")
