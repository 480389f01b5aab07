"""Accepting results that were made by other code than there is now, as what that code would make.

Snakemake keeps beside every output what its rule was told; of that, the rules of this pipeline name the code that
they run by what it does (`prunesim.study.closure.code_identity`). To accept is to put the identity of the present code
there. What was accepted, when and why is kept in the study and shown in its provenance.
"""

import json
import re
from datetime import UTC, datetime
from pathlib import Path

from prunesim.audit.provenance import provenance
from prunesim.audit.records import ACCEPTED, acceptances
from prunesim.errors import PrunesimError
from prunesim.storage.files import write_json, write_text
from prunesim.storage.snakemake_records import records
from prunesim.study.closure import code_identity, code_text

# As Snakemake writes it: the repr of the parameter.
CODE = re.compile(r"'code: ((?:prunesim[\w.]*)(?: prunesim[\w.]*)*) ([0-9a-f]{32})'")


def accept(study, why, source=None):
    """Take the finished artifacts of a study for what the present code would make of them.

    Parameters
    ----------
    study : path-like
        ``results/<study>`` in the clone whose code has changed.
    why : str
        The reason, which is kept.
    source : path-like, optional
        The folder that holds the package; that of this program by default.

    Returns
    -------
    dict of str to int
        How many artifacts of each verb were accepted. What the present code made already is not among them.

    Raises
    ------
    PrunesimError
        If there is no study, no reason, or Snakemake keeps no records of it.
    """
    study = Path(study)
    root = study.resolve().parents[1]
    source = Path(__file__).resolve().parents[2] if source is None else Path(source)
    if not why.strip():
        raise PrunesimError("--why is empty; say why the edit cannot have changed the results.")
    if not (study / "networks").is_dir():
        raise PrunesimError(f"{study} holds no networks; give the folder of a study, results/<study>.")
    known = records(root)
    inside = f"results/{study.resolve().name}/"
    mine = {output: path for output, path in known.items() if output.startswith((inside, "results/datasets/"))}
    if not any(output.startswith(inside) for output in mine):
        raise PrunesimError(f"Snakemake has no records of {study} in {root}; it would make all of it anew.")
    changes, accepted, counts = {}, [], {}
    for output, path in mine.items():
        text, found = _with_present_code(path.read_text(encoding="utf-8"), source)
        if found:
            changes[path] = text
            accepted.append(output)
            verb = found.split(".")[2]
            counts[verb] = counts.get(verb, 0) + 1
    if changes:
        # First what says so, then what takes effect.
        _remember(study, why, accepted)
        for path, text in changes.items():
            write_text(path, text)
    return counts


def _with_present_code(text, source):
    """Return a record of Snakemake with the present code in it, and the module that it names if that is another one."""
    record = json.loads(text)
    changed = ""
    params = []
    for parameter in record.get("params", []):
        match = CODE.fullmatch(parameter) if isinstance(parameter, str) else None
        if match:
            modules = match.group(1).split()
            present = repr(code_text(modules, code_identity(modules, source)))
            if present != parameter:
                changed, parameter = modules[0], present
        params.append(parameter)
    return json.dumps(record | {"params": params}), changed


def _remember(study, why, artifacts):
    about = provenance()
    entry = {
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "why": why.strip(),
        "commit": about.get("commit"),
        "dirty": about.get("dirty"),
        "artifacts": sorted(artifacts),
    }
    path = Path(study) / ACCEPTED
    write_json(path, {"acceptances": [*acceptances(study), entry]})
