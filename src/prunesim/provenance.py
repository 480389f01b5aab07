"""What made an artifact: versions, machine and commit."""

import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path

PACKAGES = ("numpy", "scipy", "torch", "torchvision", "safetensors", "pandas", "scikit-learn", "snakemake")


def provenance(packages=PACKAGES):
    """Return what is needed to make an artifact again, as JSON-serialisable values.

    Parameters
    ----------
    packages : iterable of str
        The distributions whose versions matter; those that are not installed are left out.
    """
    return {
        "python": platform.python_version(),
        "packages": {name: version for name in packages if (version := _version(name))},
        "platform": platform.platform(),
        "machine": platform.machine(),
        "processor": _processor(),
        "host": platform.node(),
        "cores": os.cpu_count(),
        **_commit(),
    }


def _version(name):
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _processor():
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "")


def _commit():
    folder = Path(__file__).resolve().parent

    def git(*arguments):
        call = ["git", "-C", str(folder), *arguments]
        return subprocess.run(call, capture_output=True, text=True, check=True, timeout=10).stdout.strip()

    try:
        return {"commit": git("rev-parse", "HEAD"), "dirty": bool(git("status", "--porcelain", "--", str(folder)))}
    except (OSError, subprocess.SubprocessError):
        return {"commit": None, "dirty": None}
