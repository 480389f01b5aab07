import errno
import json
import resource

import numpy as np
import pytest
from dataset_files import everything_below, python, small_set, write_idx
from hypothesis import given
from hypothesis import strategies as st

from prunesim.datasets import convert
from prunesim.datasets.convert import balanced_subset, convert_image, fetch, mean_and_std
from prunesim.errors import PrunesimError
from prunesim.storage.files import read_json
from prunesim.study.seeds import derive_seed

pytestmark = pytest.mark.slow

label_lists = st.lists(st.integers(0, 4), min_size=1, max_size=80)


@given(label_lists, st.integers(0, 2**32), st.data())
def test_subset_is_as_balanced_as_the_data_allow(labels, seed, data):
    labels = np.array(labels)
    count = data.draw(st.integers(1, labels.size))
    chosen = balanced_subset(labels, 5, count, seed)
    assert chosen.size == count
    assert (np.diff(chosen) > 0).all()
    taken, available = np.bincount(labels[chosen], minlength=5), np.bincount(labels, minlength=5)
    # A class gives at least one less than any other, unless it gave all it has.
    short = taken < taken.max() - 1
    assert (taken[short] == available[short]).all()
    assert np.array_equal(chosen, balanced_subset(labels, 5, count, seed))


@given(label_lists, st.integers(0, 2**32), st.data())
def test_a_smaller_subset_is_part_of_a_larger_one(labels, seed, data):
    labels = np.array(labels)
    larger = data.draw(st.integers(1, labels.size))
    smaller = data.draw(st.integers(1, larger))
    assert set(balanced_subset(labels, 5, smaller, seed)) <= set(balanced_subset(labels, 5, larger, seed))


def test_subset_depends_on_the_seed_and_the_remainder_is_drawn():
    labels = np.repeat(np.arange(10), 50)
    assert not np.array_equal(balanced_subset(labels, 10, 100, 0), balanced_subset(labels, 10, 100, 1))
    extras = {int(np.bincount(labels[balanced_subset(labels, 10, 101, seed)]).argmax()) for seed in range(40)}
    assert len(extras) > 5


def test_subset_of_a_data_set(run, tmp_path):
    made = small_set(train=60, test=30)
    known = write_idx(tmp_path / "data", made)
    subset = {"train": 25, "test": 10, "seed": 3}
    arrays, description = run(known, name="mnist", path=str(tmp_path / "data"), subset=subset)
    for split, count in (("train", 25), ("test", 10)):
        labels = made[split, "labels"].astype(np.int64)
        chosen = balanced_subset(labels, 10, count, derive_seed(3, "subset", split))
        assert np.array_equal(arrays[split, "images"][..., 0], made[split, "images"][chosen])
        assert np.array_equal(arrays[split, "labels"], labels[chosen])
    assert sorted(description["class_counts"]["train"]) == [2] * 5 + [3] * 5
    assert description["class_counts"]["test"] == [1] * 10
    assert description["counts"] == {"train": 25, "test": 10}
    assert description["origin"]["subset"] == subset
    values = arrays["train", "images"] / 255
    assert description["mean"] == pytest.approx([values.mean()], rel=1e-12)


@pytest.mark.parametrize(
    ("subset", "words"),
    [
        ({"train": 61}, ["dataset.subset.train is 61", "only 60 train"]),
        ({"test": 31}, ["dataset.subset.test is 31", "only 30 test"]),
        ({"train": 9}, ["dataset.subset.train is 9", "10 classes"]),
    ],
)
def test_subsets_that_cannot_be(refused, tmp_path, subset, words):
    known = write_idx(tmp_path / "data", small_set(train=60, test=30))
    sentence = refused(known, name="mnist", path=str(tmp_path / "data"), subset=subset)
    for word in words:
        assert word in sentence


@given(
    st.integers(1, 3).flatmap(
        lambda channels: st.lists(st.lists(st.integers(0, 255), min_size=channels, max_size=channels), min_size=1)
    )
)
def test_mean_and_std(pixels):
    pixels = np.array(pixels, dtype=np.uint8)
    histogram = np.stack([np.bincount(column, minlength=256) for column in pixels.T])
    mean, std = mean_and_std(histogram)
    assert mean == pytest.approx((pixels / 255).mean(axis=0), rel=1e-12, abs=1e-15)
    assert std == pytest.approx((pixels / 255).std(axis=0), rel=1e-9, abs=1e-9)


def test_std_of_a_constant_is_zero():
    histogram = np.zeros((1, 256), dtype=np.int64)
    histogram[0, 93] = 10**9
    assert mean_and_std(histogram) == ([93 / 255], [0.0])


def test_blocks_do_not_change_the_result(run, tmp_path, monkeypatch):
    known = write_idx(tmp_path / "data", small_set())
    arrays, description = run(known, name="mnist", path=str(tmp_path / "data"), channels=3)
    for size in (1, 7 * 90, 40 * 90):
        monkeypatch.setattr(convert, "BUFFER_BYTES", size)
        again, described = run(known, name="mnist", path=str(tmp_path / "data"), channels=3)
        assert described == description
        assert all(np.array_equal(again[key], arrays[key]) for key in arrays)


def test_channels_and_size():
    rng = np.random.default_rng(0)
    grey, colour = (rng.integers(0, 256, (8, 6, channels), dtype=np.uint8) for channels in (1, 3))
    assert np.array_equal(convert_image(grey, None, None), grey)
    assert np.array_equal(convert_image(grey, 1, [8, 6]), grey)
    assert np.array_equal(convert_image(colour, 3, [8, 6]), colour)
    assert np.array_equal(convert_image(grey, 3, None), np.repeat(grey, 3, axis=2))
    luma = convert_image(colour, 1, None)
    assert luma.shape == (8, 6, 1)
    assert np.abs(luma[..., 0] - colour @ [0.299, 0.587, 0.114]).max() < 1
    assert convert_image(colour, None, [4, 9]).shape == (4, 9, 3)
    assert convert_image(grey, 3, [4, 9]).shape == (4, 9, 3)
    # Half the size with antialiasing: no pixel is left out.
    checks = np.indices((8, 8)).sum(axis=0)[..., None] % 2 * np.uint8(255)
    assert np.abs(convert_image(checks.astype(np.uint8), None, [4, 4])[1:-1, 1:-1].astype(int) - 127).max() <= 16


def test_digits(tmp_path):
    description = fetch({"name": "digits"}, tmp_path / "digits", log=lambda line: None)
    assert description["counts"] == {"train": 1438, "test": 359}
    assert description["shape"] == [8, 8, 1]
    assert description["classes"] == list("0123456789")
    assert all(entry["verified"] for entry in description["origin"]["files"])
    assert description["origin"]["reader"].startswith("scikit-learn ")
    images, labels = (
        {split: np.load(tmp_path / f"digits/{split}_{kind}.npy") for split in ("train", "test")}
        for kind in ("images", "labels")
    )
    from sklearn.datasets import load_digits

    original = load_digits()
    rows = {split: images[split].reshape(-1, 64) for split in images}
    together = np.concatenate([np.c_[rows[split], labels[split]] for split in rows])
    expected = np.c_[np.rint(original.data * 255 / 16), original.target]
    # Every image is in one half, once.
    assert np.array_equal(together[np.lexsort(together.T)], expected[np.lexsort(expected.T)])
    assert images["train"].max() == 255
    shares = np.bincount(labels["test"]) / np.bincount(original.target)
    assert np.abs(shares - 0.2).max() < 0.003
    # The split is fixed for ever: results of other releases are compared with it.
    assert labels["test"][:12].tolist() == [3, 7, 5, 7, 9, 8, 7, 2, 0, 3, 3, 6]


def test_digits_of_another_release_are_refused(refused):
    known = {"images": "sha256:" + "0" * 64}
    assert "install the pinned one" in refused(known, name="digits")


def test_full_disk(tmp_path, monkeypatch):
    before = fetch({"name": "digits"}, tmp_path / "digits", log=lambda line: None)

    def full(*arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(np.lib.format, "write_array_header_1_0", full)
    with pytest.raises(PrunesimError, match=r"disk is full: .*digits/train_images\.npy could not"):
        fetch({"name": "digits", "channels": 3}, tmp_path / "digits", log=lambda line: None)
    assert everything_below(tmp_path) == [
        "digits",
        *sorted(["digits/dataset.json", *(f"digits/{name}" for name in before["sha256"])]),
    ]
    assert read_json(tmp_path / "digits/dataset.json") == before


def test_full_disk_while_originals_are_copied(tmp_path):
    write_idx(tmp_path / "data", small_set(train=4000))
    settings = {"name": "mine", "source": "mnist", "path": str(tmp_path / "data")}

    # A limit on the size of a file stands in for the disk: the system refuses the write in the same place.
    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    done = fetch_in_a_process(settings, tmp_path / "out/set", preexec_fn=limit)
    assert done.returncode == 2
    assert "train-images-idx3-ubyte could not be written: File too large" in done.stderr
    assert everything_below(tmp_path / "out") == []


def test_full_disk_while_arrays_are_written(tmp_path):
    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))

    done = fetch_in_a_process({"name": "digits"}, tmp_path / "out/set", preexec_fn=limit)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "out/set/train_images.npy could not be written: File too large" in done.stderr
    assert everything_below(tmp_path / "out") == ["set"]


def test_no_description_of_other_arrays_is_left(tmp_path, monkeypatch):
    fetch({"name": "digits"}, tmp_path / "digits", log=lambda line: None)

    def fail(*arguments):
        raise PrunesimError("no space for it.")

    monkeypatch.setattr(convert, "write_json", fail)
    with pytest.raises(PrunesimError, match="no space for it"):
        fetch({"name": "digits", "channels": 3}, tmp_path / "digits", log=lambda line: None)
    assert np.load(tmp_path / "digits/train_images.npy").shape == (1438, 8, 8, 3)
    assert not (tmp_path / "digits/dataset.json").exists()


def test_output_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(PrunesimError, match=r"file/set could not be written"):
        fetch({"name": "digits"}, tmp_path / "file" / "set", log=lambda line: None)
    with pytest.raises(PrunesimError, match=r"file/train_images\.npy could not be written"):
        fetch({"name": "digits"}, tmp_path / "file", log=lambda line: None)


def fetch_in_a_process(settings, output, **options):
    arguments = ["-m", "prunesim", "fetch", "--settings", json.dumps(settings), "--output", output]
    return python(*arguments, **options)


def test_command(tmp_path):
    done = fetch_in_a_process({"name": "digits", "subset": {"train": 100}}, tmp_path / "digits")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert "scikit-learn" in lines[0]
    assert lines[-1] == f"{tmp_path / 'digits'}: 100 training and 359 test images"
    assert np.load(tmp_path / "digits/train_images.npy").shape == (100, 8, 8, 1)


@pytest.mark.parametrize(
    ("settings", "words"),
    [("{name: digits}", "--settings is not valid JSON"), ("3", "mapping"), ('{"name": "x"}', "dataset.source")],
)
def test_command_refuses(tmp_path, settings, words):
    done = python("-m", "prunesim", "fetch", "--settings", settings, "--output", tmp_path / "out")
    assert done.returncode == 2
    assert done.stderr.startswith("prunesim fetch: ")
    assert done.stderr.count("\n") == 1
    assert words in done.stderr
    assert not (tmp_path / "out").exists()
