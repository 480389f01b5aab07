"""The config of a study as Snakemake gives it to the workflow: config.yaml, overlays, the command line."""

from pathlib import Path

from prunesim.errors import PrunesimError
from prunesim.networks.builtin import NETWORKS
from prunesim.networks.spec import activation_layers, compared_layers, weight_layers
from prunesim.resolution.discovery import find_layers
from prunesim.resolution.layers import with_exclusions, with_layers
from prunesim.resolution.scenes import check_scenes
from prunesim.study.agreement import check_densities, check_exclude, check_layers
from prunesim.study.chains import follow_lists
from prunesim.study.claims import check_claim_layers
from prunesim.study.config import check_config, load_yaml
from prunesim.study.widths import check_width_layers

SCHEMA = Path("workflow") / "schemas" / "config.schema.yaml"


def read_config(root, files, assignments, given=None, *, network=True):
    """Return the config of a study, checked and with all defaults, as Snakemake would give it to the workflow.

    Parameters
    ----------
    root : path-like
        The folder that holds ``config.yaml`` and ``workflow``.
    files : list of path-like
        Overlays, the last wins.
    assignments : list of str
        ``key=value``, which win over all files.
    given : dict, optional
        What is known of the images, see `prunesim.resolution.discovery.find_layers`.
    network : bool
        Whether to look at the network too; without it, its layers are not filled in.

    Raises
    ------
    PrunesimError
        If a file cannot be read, or for everything that is wrong in the config.
    """
    config = {}
    for file in [Path(root) / "config.yaml", *files]:
        overlay = load_yaml(file) or {}
        if not isinstance(overlay, dict):
            raise PrunesimError(f"{file} is no configuration; it must be a mapping from keys to values.")
        config = _merged(config, overlay)
    said = dict(_assignment(text) for text in assignments)
    config = _merged(config, said)
    if not network:
        return check_config(config, load_yaml(Path(root) / SCHEMA), said)
    return check_study(config, root, said, given=given, folder=root)


def check_study(config, root, command_line=None, *, given=None, conda=None, folder="."):
    """Return the config of a study, checked against the schema and its network, with all defaults.

    For all but a built-in network whose layers are chosen as usual, ``network.layers`` is filled in: the layers that
    are dumped. ``exclude`` of each method has the name of the output layer where the config says ``logits``.

    Parameters
    ----------
    config : dict
        With overlays and the command line merged in.
    root : path-like
        The folder that holds ``workflow``.
    command_line : dict, optional
        See `prunesim.study.config.check_config`.
    given, conda, folder
        See `prunesim.resolution.discovery.find_layers`.

    Raises
    ------
    PrunesimError
    """
    config = check_config(config, load_yaml(Path(root) / SCHEMA), command_line)
    check_scenes(config)
    found = find_layers(config, root, given, conda, folder)
    config = with_layers(config, found)
    check_layers(config, activation_layers(config["network"]))
    check_width_layers(config)
    weights = weight_layers(config["network"]) if config["network"]["name"] in NETWORKS else None
    check_claim_layers(config, compared_layers(config["network"], config["comparison"]["layers"]), weights)
    if weights is not None:
        check_exclude(config, weights)
        check_densities(config, weights)
    elif found:
        config = with_exclusions(config, found)
    return follow_lists(config)


def _merged(config, overlay):
    merged = dict(config)
    for key, value in overlay.items():
        below = merged.get(key)
        merged[key] = _merged(below if isinstance(below, dict) else {}, value) if isinstance(value, dict) else value
    return merged


def _assignment(text):
    import yaml

    key, separator, value = text.partition("=")
    if not separator:
        raise PrunesimError(f"--config {text}: write key=value, such as rounds=5 or 'training={{epochs: 5}}'.")
    try:
        return key, yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise PrunesimError(f"--config {text}: the value is not valid YAML.") from error
