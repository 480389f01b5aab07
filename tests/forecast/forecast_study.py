"""Configs and machines for the tests of the forecast."""

from pathlib import Path

from prunesim.forecast.images import Images
from prunesim.forecast.jobs import Machine, study_jobs
from prunesim.forecast.profile import network_profile
from prunesim.resolution.overlays import read_config

ROOT = Path(__file__).resolve().parents[2]
DIGITS = Images(1438, 359, (1, 8, 8), 10, "as published")
MACHINE = Machine(cores=2)


def linked(folder):
    """Make a folder a clone by links, in which no study has run, whatever has in this one."""
    for path in ROOT.iterdir():
        if path.name != "results" and not path.name.startswith("."):
            (folder / path.name).symlink_to(path)
    return folder


def config(*assignments, files=()):
    """Return a config of this repository with some keys changed, `key=value` as for ``snakemake --config``."""
    return read_config(ROOT, files, assignments)


def jobs(told, images=DIGITS, machine=MACHINE):
    """Return the jobs of a study."""
    return study_jobs(told, images, network_profile(told["network"], images.shape, images.classes), machine)
