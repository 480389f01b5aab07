import pytest
from dataset_files import python

from prunesim.datasets.known import KNOWN
from prunesim.datasets.readers import READERS
from prunesim.datasets.settings import SOURCES, check_settings, dataset_id
from prunesim.errors import PrunesimError


def test_every_source_has_a_reader_and_a_checksum_table():
    assert tuple(READERS) == SOURCES
    assert tuple(KNOWN) == SOURCES
    for table in KNOWN.values():
        for entry in table.values():
            algorithm, _, value = entry.partition(":")
            assert len(bytes.fromhex(value)) == {"sha256": 32, "md5": 16}[algorithm]


def test_settings_need_only_the_standard_library():
    script = (
        "import sys; import prunesim.datasets.settings as s; s.dataset_id({'name': 'mnist'});"
        "heavy = {'numpy', 'torch', 'torchvision', 'sklearn', 'PIL'} & set(sys.modules);"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    done = python("-c", script)
    assert done.returncode == 0, done.stderr


def test_the_command_does_not_import_torch_until_it_reads():
    script = (
        "import sys; import prunesim.commands.fetch;"
        "heavy = {'torch', 'torchvision', 'sklearn', 'PIL', 'scipy.io'} & set(sys.modules);"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    done = python("-c", script)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"name": "fashion_mnist"}, "fashion_mnist"),
        ({"name": "fashion_mnist", "path": "/elsewhere", "subset": None}, "fashion_mnist"),
        ({"name": "fashion_mnist", "subset": {"train": None, "test": None, "seed": 3}}, "fashion_mnist"),
        (
            {"name": "fashion_mnist", "subset": {"train": 2000, "test": 500, "seed": 0}},
            "fashion_mnist-train2000-test500-seed0",
        ),
        ({"name": "mnist", "subset": {"test": 500, "seed": 7}}, "mnist-test500-seed7"),
        (
            {"name": "cells", "source": "image_folder", "path": "p", "resize": [32, 48], "channels": 1},
            "cells-32x48-grey",
        ),
        ({"name": "mnist", "resize": [32, 32], "fit": "stretch", "background": None}, "mnist-32x32"),
        ({"name": "mnist", "resize": [32, 48], "fit": "crop"}, "mnist-32x48-crop"),
        ({"name": "cells", "source": "image_folder", "path": "p", "background": "white"}, "cells-on_white"),
        (
            {
                "name": "mnist",
                "resize": [8, 9],
                "fit": "pad",
                "background": "grey",
                "channels": 1,
                "subset": {"test": 9},
            },
            "mnist-8x9-pad-grey-on_grey-test9-seed0",
        ),
        (
            {"name": "mnist", "resize": [32, 32], "channels": 3, "subset": {"train": 10}},
            "mnist-32x32-colour-train10-seed0",
        ),
    ],
)
def test_dataset_id(settings, expected):
    assert dataset_id(settings) == expected


def test_check_settings_completes():
    assert check_settings({"name": "mnist", "subset": {"train": 20}}) == {
        "name": "mnist",
        "source": "mnist",
        "path": None,
        "resize": None,
        "fit": "stretch",
        "channels": None,
        "background": None,
        "subset": {"train": 20, "test": None, "seed": 0},
    }


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ([], ["mapping"]),
        ({}, ["dataset.name", "None"]),
        ({"name": "../up"}, ["dataset.name", "../up"]),
        ({"name": "my-cells", "source": "image_folder", "path": "p"}, ["my-cells", "underscores"]),
        ({"name": "cells", "source": None}, ["dataset.source", "cells", "fashion_mnist", "of its own"]),
        ({"name": "cells", "source": "imagenet"}, ["imagenet", "image_folder"]),
        ({"name": "cells", "source": ["mnist"]}, ["dataset.source"]),
        ({"name": "mnist", "source": "kmnist"}, ["mnist", "kmnist", "name of its own"]),
        ({"name": "mnist", "resise": [1, 1]}, ["resise", "resize"]),
        ({"name": "mnist", "path": ""}, ["dataset.path"]),
        ({"name": "mnist", "path": 3}, ["dataset.path", "3"]),
        ({"name": "digits", "path": "somewhere"}, ["dataset.path", "scikit-learn"]),
        ({"name": "cells", "source": "image_folder"}, ["dataset.path", "train/<class>"]),
        ({"name": "mnist", "resize": 32}, ["dataset.resize", "32"]),
        ({"name": "mnist", "resize": [32]}, ["dataset.resize"]),
        ({"name": "mnist", "resize": [0, 32]}, ["dataset.resize"]),
        ({"name": "mnist", "resize": [True, 32]}, ["dataset.resize"]),
        ({"name": "mnist", "resize": [32, 100000]}, ["dataset.resize", "4096"]),
        ({"name": "mnist", "resize": [32, 32], "fit": "squeeze"}, ["dataset.fit", "squeeze", "stretch, pad or crop"]),
        ({"name": "mnist", "resize": [32, 32], "fit": None}, ["dataset.fit", "None"]),
        ({"name": "mnist", "fit": "crop"}, ["dataset.fit is crop", "dataset.resize is null"]),
        (
            {"name": "cells", "source": "image_folder", "path": "p", "background": "red"},
            ["red", "black, grey, white or"],
        ),
        ({"name": "mnist", "background": "black"}, ["dataset.background", "mnist", "must be null"]),
        ({"name": "mnist", "channels": 2}, ["dataset.channels", "2"]),
        ({"name": "mnist", "channels": True}, ["dataset.channels"]),
        ({"name": "mnist", "subset": 100}, ["dataset.subset", "100"]),
        ({"name": "mnist", "subset": {"train": 0}}, ["dataset.subset.train", "0"]),
        ({"name": "mnist", "subset": {"train": "1e3"}}, ["dataset.subset.train", "1e3"]),
        ({"name": "mnist", "subset": {"train": 10, "seed": -1}}, ["dataset.subset.seed", "-1"]),
        ({"name": "mnist", "subset": {"validation": 10}}, ["validation", "train, test, seed"]),
    ],
)
def test_refused_settings(settings, words):
    with pytest.raises(PrunesimError) as caught:
        check_settings(settings)
    for word in words:
        assert word in str(caught.value)
