"""All canonical correlations of the layers of a pruned network with those of its dense one."""

from pathlib import Path

from prunesim.errors import PrunesimError
from prunesim.results.comparison import load_activations
from prunesim.similarity.spectra import spectrum
from prunesim.study import paths
from prunesim.study.seeds import derive_seed


def spectra_rows(activations, replicate, method, round_, layers, settings):
    """Return the canonical correlations of each layer of a round with the same layer of the dense network.

    Parameters
    ----------
    activations : path-like
        ``results/<study>/activations``. Positions of convolutional layers are samples, as in the family rounds.
    replicate, round_ : int
    method : str
    layers : list of str
    settings : dict
        ``seed``, ``null_draws`` and, of a chain that brought a dense network of its own, ``dense``
        (`prunesim.study.paths.network`).

    Returns
    -------
    list of dict
        `prunesim.storage.columns.SPECTRA`, by layer and index, which begins at 1. A layer without correlations has one
        row, without index, whose note says why.
    """
    base = settings.get("dense", "dense")
    folders = [Path(activations) / paths.network(replicate, method, k, base) for k in (0, round_)]
    rows = []
    for layer in layers:
        matrices, (images, other) = zip(*(load_activations(folder, layer) for folder in folders), strict=True)
        if (len(matrices[0]), images) != (len(matrices[1]), other):
            raise PrunesimError(
                f"{folders[1]}: layer {layer!r} has {len(matrices[1])} samples of {other} images, which do not fit "
                f"those of {folders[0]}; delete both folders and run again."
            )
        found = spectrum(
            *matrices,
            rows_per_image=len(matrices[0]) // images,
            draws=settings["null_draws"],
            seed=derive_seed(settings["seed"], "null"),
            names=[f"{folder}, layer {layer}" for folder in folders],
        )
        about = {"replicate": replicate, "method": method, "round": round_, "layer": layer}
        about |= {key: value for key, value in found.items() if key not in ("correlations", "null")}
        correlations = found["correlations"].tolist()
        nulls = [None] * len(correlations) if found["null"] is None else found["null"].tolist()
        rows += [
            about | {"index": index, "correlation": value, "null": null}
            for index, (value, null) in enumerate(zip(correlations, nulls, strict=True), start=1)
        ] or [about]
    return rows
