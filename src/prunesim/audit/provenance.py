"""Who made an artifact: a record beside every job of what it made, when, with what and where."""

import contextlib
import json
import os
import platform
import subprocess
import time
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from prunesim.storage.files import sha256_file, write_json

# The arguments that say which artifact of a study a job makes.
IDENTITY = ("family", "replicate", "method", "round", "layer", "name")
# The variables by which numerical libraries choose threads and kernels, and so the last digits.
NUMERIC = ("OMP_", "OPENBLAS_", "MKL_", "KMP_", "VECLIB_", "CUBLAS_", "NVIDIA_TF32", "TORCH_", "CUDA_VISIBLE")
PACKAGES = ("numpy", "scipy", "torch", "torchvision", "safetensors", "pandas", "scikit-learn", "snakemake")


def versions(packages):
    """Return the versions of the distributions among `packages` that are installed, by name."""
    found = {}
    for name in packages:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found


# Looked up on import, which the jobs of a study share where they are forked from one process: half of a short job.
VERSIONS = versions(PACKAGES)


def write_record(path, outputs, verb, arguments, started, known=None):
    """Write the record of a job that has just ended well.

    Parameters
    ----------
    path : path-like
        The record to write, in the same study as `outputs`.
    outputs : list of path-like
        What the job made. The record names them relative to the folder of the study, with their SHA-256.
    verb : str
        Of the command line.
    arguments : dict
        Of the command line.
    started : float
        Seconds since the epoch.
    known : dict, optional
        What only the job knows: ``device``.
    """
    told = arguments.get("settings") or arguments.get("plan") or {}
    told = json.loads(told) if isinstance(told, str) else told
    folder = os.path.commonpath([os.path.dirname(file) for file in (path, *outputs)])
    record = {
        "verb": verb,
        "outputs": {Path(os.path.relpath(file, folder)).as_posix(): sha256_file(file) for file in outputs},
        **{key: value for key, value in arguments.items() if key in IDENTITY and value is not None},
        "settings": told,
        "seed": told.get("seed"),
        "threads": told.get("training", {}).get("threads") or int(os.environ.get("OMP_NUM_THREADS") or 0) or None,
        "device": "cpu",
        **(known or {}),
        "started": datetime.fromtimestamp(started, UTC).isoformat(timespec="seconds"),
        "seconds": round(time.time() - started, 3),
        "peak_megabytes": _peak_megabytes(),
        **provenance(),
    }
    write_json(path, record)


def _peak_megabytes():
    """Return the largest amount of memory that this process had at once; None where that is not known."""
    try:
        import resource
    except ImportError:
        return None
    # In bytes on macOS, in kilobytes elsewhere.
    unit = 1 if platform.system() == "Darwin" else 1024
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6)


def provenance():
    """Return what is needed to make an artifact again, as JSON-serialisable values."""
    return {
        "python": platform.python_version(),
        "packages": VERSIONS,
        "platform": platform.platform(),
        "machine": platform.machine(),
        "processor": _processor(),
        "host": platform.node(),
        "cores": os.cpu_count(),
        "environment": {key: value for key, value in sorted(os.environ.items()) if key.startswith(NUMERIC)},
        **_commit(),
    }


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
