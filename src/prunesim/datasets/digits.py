"""scikit-learn's digits: the data set that is always there."""

import hashlib

import numpy as np

from prunesim.datasets import originals
from prunesim.datasets.source import Source, array_split, reader_version
from prunesim.study.seeds import derive_seed

TEST_SHARE = 0.2
LARGEST_VALUE = 16


def read(settings, work, known, log):
    """Read 1797 grey images of 8 x 8, their values 0..16 scaled to 0..255.

    There is no official split: a fixed fifth of each class is the test set.
    """
    from sklearn.datasets import load_digits

    digits = load_digits()
    arrays = {"images": digits.images.astype(np.uint8), "labels": digits.target.astype("<i8")}
    log(f"reading the digits of {reader_version('scikit-learn')}")
    advice = "this release of scikit-learn carries other digits, so install the pinned one"
    files = []
    for name, array in arrays.items():
        digests = {"sha256": hashlib.sha256(array.tobytes()).hexdigest()}
        verified = originals.check(f"load_digits().{name}", digests, known.get(name), advice)
        files.append({"file": f"load_digits().{name}", "sha256": digests["sha256"], "verified": verified})
    images = np.rint(arrays["images"] * (255 / LARGEST_VALUE)).astype(np.uint8)[..., None]
    labels = arrays["labels"]

    rng = np.random.default_rng(derive_seed(0, "subset", "digits"))
    test = np.zeros(labels.size, dtype=bool)
    for label in range(10):
        members = np.flatnonzero(labels == label)
        test[rng.permutation(members)[: round(TEST_SHARE * members.size)]] = True
    splits = {
        name: array_split(name, images[chosen], labels[chosen]) for name, chosen in (("train", ~test), ("test", test))
    }
    origin = {"from": "scikit-learn", "reader": reader_version("scikit-learn"), "files": files}
    return Source([str(label) for label in range(10)], splits, lambda: origin)
