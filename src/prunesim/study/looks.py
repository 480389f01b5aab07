"""What the jobs are told that look at the networks of a study once more: with fewer weights, on other images."""

import json

# In the order of the table and the figure.
CORRUPTIONS = ("noise", "blur", "contrast", "shift")
_OF_SOURCE = {"folder": ("source", "path"), "scenes": ("source", "objects", "count", "multiple")}


def robustness_of(config):
    """Return what a job is told that evaluates a network with fewer weights and on worse images.

    Parameters
    ----------
    config : dict
        From `prunesim.study.config.check_config`.

    Returns
    -------
    dict
        See `prunesim.training.degrading.degrade`. Lists have one order, however they are written; what methods prune
        is there once.
    """
    asked = config["robustness"]
    sections = [*config["methods"].values(), *({"types": ["conv", "linear"], **x} for x in config["chains"].values())]
    pruned = {json.dumps({key: sorted(one[key]) for key in ("types", "exclude")}) for one in sections}
    # Severities of no corruption are nothing.
    severities = {"severities": sorted(asked["severities"])} if asked["corruptions"] else {"severities": []}
    return {
        "shares": sorted(asked["shares"], reverse=True),
        "corruptions": [kind for kind in CORRUPTIONS if kind in asked["corruptions"]],
        **severities,
        "pruned": [json.loads(text) for text in sorted(pruned)],
    }


def annotated_settings(config):
    """Return what the job is told that brings images with concepts into a study: what its source needs."""
    return {key: config["concepts"][key] for key in _OF_SOURCE.get(config["concepts"]["source"], ())}


def dissected_settings(config):
    """Return what a job is told that runs a network over them; not the threshold, which needs no network."""
    return {key: config["concepts"][key] for key in ("layers", "quantile", "draws")}
