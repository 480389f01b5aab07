"""What stands beside the figures: the captions in ``workflow/report``, filled in for a study."""

from types import SimpleNamespace

from docutils.core import publish_parts
from jinja2 import Environment, StrictUndefined

from prunesim.errors import PrunesimError

SETTINGS = {"halt_level": 2, "report_level": 2, "raw_enabled": False, "file_insertion_enabled": False}


def caption(root, name, config):
    """Return a caption as HTML.

    Parameters
    ----------
    root : pathlib.Path
        The clone that holds ``workflow/report``.
    name : str
        Of the figure.
    config : dict
        Of the study, complete: Snakemake's own report fills captions in from it too.

    Raises
    ------
    PrunesimError
        If there is no such caption.
    """
    path = root / "workflow" / "report" / f"{name}.rst"
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        reason = error.strerror or error
        raise PrunesimError(f"{path} could not be read: {reason}; {name} needs a caption.") from error
    filled = Environment(undefined=StrictUndefined).from_string(text).render(snakemake=SimpleNamespace(config=config))
    return publish_parts(filled, writer_name="html", settings_overrides=SETTINGS)["body"]
