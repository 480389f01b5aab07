"""The config of a study as Snakemake gives it to the workflow: config.yaml, overlays, the command line."""

from pathlib import Path

from prunesim.errors import PrunesimError
from prunesim.networks.spec import activation_layers, weight_layers
from prunesim.study.chains import follow_lists
from prunesim.study.config import check_config, check_exclude, check_layers, load_yaml

SCHEMA = Path("workflow") / "schemas" / "config.schema.yaml"


def read_config(root, files, assignments):
    """Return the config of a study, checked and with all defaults, as Snakemake would give it to the workflow.

    Parameters
    ----------
    root : path-like
        The folder that holds ``config.yaml`` and ``workflow``.
    files : list of path-like
        Overlays, the last wins.
    assignments : list of str
        ``key=value``, which win over all files.

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
    given = dict(_assignment(text) for text in assignments)
    return check_study(_merged(config, given), root, given)


def check_study(config, root, command_line=None):
    """Return the config of a study, checked against the schema and its network, with all defaults.

    Parameters
    ----------
    config : dict
        With overlays and the command line merged in.
    root : path-like
        The folder that holds ``workflow``.
    command_line : dict, optional
        See `prunesim.study.config.check_config`.

    Raises
    ------
    PrunesimError
    """
    config = check_config(config, load_yaml(Path(root) / SCHEMA), command_line)
    check_layers(config, [name for name, _ in activation_layers(config["network"])])
    if config["network"]["layers"] is None:
        check_exclude(config, weight_layers(config["network"]))
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
