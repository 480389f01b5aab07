"""Which networks and layers are compared with which, and the rows that come of it."""

from pathlib import Path

from prunesim.errors import PrunesimError
from prunesim.similarity import MEASURES, compare_pairs
from prunesim.storage.arrays import load_checked
from prunesim.storage.columns import SIMILARITY
from prunesim.storage.files import read_json
from prunesim.study import paths
from prunesim.study.seeds import derive_seed


def of_measures(settings):
    """Return the settings of the measures of a comparison by the names that `prunesim.similarity` has for them."""
    return {
        name: settings[f"{measure}_{name}"]
        for measure in settings["measures"]
        for name in MEASURES[measure].settings
        if f"{measure}_{name}" in settings
    }


def compare_rounds(activations, replicate, method, round_, layer, settings):
    """Compare a network with all earlier rounds of its chain at one layer.

    Parameters
    ----------
    activations : path-like
        ``results/<study>/activations``.
    replicate, round_ : int
    method, layer : str
    settings : dict
        ``seed`` and, of the ``comparison`` section of the config, ``measures``, ``blocks``, ``null_draws`` and settings
        of single measures, as ``<measure>_<setting>``. ``dense``: whose network round 0 is (see
        `prunesim.study.paths.network`); that of the study where it is left out.

    Returns
    -------
    list of dict
        Rows with the keys `SIMILARITY`; the earlier network is the first of each pair.
    """
    members = [
        (folder, _identity(replicate, name, k, layer))
        for name, k, folder in paths.chain(replicate, method, round_, settings.get("dense", "dense"))
    ]
    pairs = [(earlier, round_) for earlier in range(round_)]
    return _compare("rounds", activations, members, pairs, settings)


def compare_layers(activations, replicate, method, round_, layers, settings):
    """Compare every layer of the dense network with every layer of a round.

    Layers of different size meet in their spatial means: samples are images, neurons are channels.
    """
    ((base, _, folder), *_) = paths.chain(replicate, method, 0, settings.get("dense", "dense"))
    dense = [(folder, _identity(replicate, base, 0, layer)) for layer in layers]
    pruned = [(paths.network(replicate, method, round_), _identity(replicate, method, round_, x)) for x in layers]
    pairs = [(i, len(layers) + j) for i in range(len(layers)) for j in range(len(layers))]
    return _compare("layers", activations, [*dense, *pruned], pairs, settings, pooled=True)


def compare_replicates(activations, replicate, method, round_, layer, settings):
    """Compare a network with its counterparts of all earlier replicates at one layer."""
    base = settings.get("dense", "dense")
    members = [
        (paths.network(r, method, round_, base), _identity(r, method, round_, layer)) for r in range(replicate + 1)
    ]
    pairs = [(earlier, replicate) for earlier in range(replicate)]
    return _compare("replicates", activations, members, pairs, settings)


def _identity(replicate, method, round_, layer):
    return {"replicate": replicate, "method": method, "round": round_, "layer": layer}


def load_activations(folder, layer, pooled=False):
    """Return the activations of a layer, mapped from the file, and the number of their images.

    Raises
    ------
    PrunesimError
        If a file is missing or is not the one that ``activations.json`` was written for.
    """
    index = Path(folder) / "activations.json"
    entry = read_json(index)["layers"].get(layer)
    if entry is None:
        raise PrunesimError(f"{index} has no layer {layer!r}; delete it and run again.")
    file = f"{layer}.pooled.npy" if pooled else f"{layer}.npy"
    return load_checked(Path(folder) / file, entry["sha256"][file], mmap=True), entry["images"]


def _compare(family, activations, members, pairs, settings, pooled=False):
    matrices, samples = [], []
    for folder, identity in members:
        base = Path(activations) / folder
        matrix, images = load_activations(base, identity["layer"], pooled)
        matrices.append(matrix)
        samples.append((len(matrix), images))
        if samples[-1] != samples[0]:
            raise PrunesimError(
                f"{base}: layer {identity['layer']!r} has {len(matrix)} samples of {images} images, which do not "
                f"fit those of {Path(activations) / members[0][0]}; delete both folders and run again."
            )
    ((rows, images), *_) = samples
    results = compare_pairs(
        matrices,
        pairs,
        settings["measures"],
        rows_per_image=rows // images,
        blocks=settings["blocks"],
        draws=settings["null_draws"],
        seed=derive_seed(settings["seed"], "null"),
        names=[f"{Path(activations) / folder}, layer {identity['layer']}" for folder, identity in members],
        **of_measures(settings),
    )
    rows = []
    for result in results:
        row = {"family": family, **{key: result[key] for key in SIMILARITY if key in result}}
        for side in "ab":
            row |= {f"{key}_{side}": value for key, value in members[result[side]][1].items()}
        rows.append(row)
    return rows
