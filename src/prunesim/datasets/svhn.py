"""SVHN, cropped digits: train_32x32.mat and test_32x32.mat."""

import numpy as np

from prunesim.datasets import originals
from prunesim.datasets.source import Source, array_split, folder_of_originals, origin_of_files, record, verify
from prunesim.errors import PrunesimError


def read(settings, work, known, log):
    """Copy, check and read the two files; torchvision's class does the reading (the digit 0 has label 0)."""
    from torchvision.datasets import SVHN

    entries = {split: SVHN.split_list[split][:2] for split in ("train", "test")}
    folder, served = folder_of_originals(settings, {name: [url] for url, name in entries.values()}, work, known, log)
    # Checked here against `known`, so torchvision's own table is not used a second time.
    unchecked = {"split_list": {split: (*entry, None) for split, entry in entries.items()}}
    reader = type("SVHN", (SVHN,), unchecked)
    files, splits = [], {}
    for split, (_, name) in entries.items():
        path = originals.find(folder, ("", "SVHN", "svhn"), [name])
        digests = originals.write_hashed(originals.chunks(path), work / name)
        verified = verify(path, digests, known.get(name), settings, log)
        files.append(record(path, folder, digests["sha256"], verified, served))
        try:
            _check_variables(path, work / name)
            loaded = reader(work, split=split)
        except PrunesimError:
            raise
        # scipy's reader raises many kinds of error for a damaged file.
        except Exception as error:
            raise PrunesimError(f"{path} is truncated or damaged ({error}); get the file again.") from error
        (work / name).unlink()
        splits[split] = array_split(split, loaded.data.transpose(0, 2, 3, 1), np.atleast_1d(loaded.labels))
    return Source([str(digit) for digit in range(10)], splits, lambda: origin_of_files(settings, served, files))


def _check_variables(path, copy):
    from scipy.io import whosmat

    variables = {name: (shape, kind) for name, shape, kind in whosmat(copy)}
    shape, kind = variables.get("X", ((), None))
    label_shape, _ = variables.get("y", ((), None))
    if len(shape) != 4 or shape[2] != 3 or kind != "uint8":
        raise PrunesimError(f"{path} has no variable X of uint8 images, height x width x 3 x images.")
    if max(label_shape, default=0) != shape[3]:
        raise PrunesimError(f"{path} has {shape[3]} images in X but labels of shape {label_shape} in y.")
