"""Archiving a finished study, and bringing it back into a clone."""

import contextlib
import os
import posixpath
import re
import shutil
import tempfile
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from prunesim.archive import packing
from prunesim.archive.due import due_jobs
from prunesim.audit.provenance import provenance
from prunesim.audit.verify import verify_study
from prunesim.datasets.settings import dataset_id
from prunesim.errors import PrunesimError
from prunesim.networks.sources import network_files
from prunesim.networks.spec import own_file
from prunesim.resolution.overlays import read_config
from prunesim.storage import left_out as archived
from prunesim.storage.files import lock, sha256_file, write_error, write_json
from prunesim.storage.snakemake_records import INCOMPLETE, LOCKS, RECORDS, record_path, recorded_output, records
from prunesim.study.chains import given_files
from prunesim.study.config import load_yaml

# The file of a network of the user's own, and the files beside it that it imports; the user's own weights.
CONFIG, NETWORK, IMPORTED, GIVEN = "config.yaml", "network.py", "network_files", "given"
# Of a study: what an archive writes anew, what only a running training needs, and what is made from the rest.
NOT_PACKED = (CONFIG, NETWORK, IMPORTED, GIVEN, archived.FILE, "checkpoints", "report.html", "report.zip")
FOR_FIGURES = ("tables/", "figures/", "provenance/", "explorer.html")
# Of a data set: where it came from, and by which checksums its images are known.
DESCRIPTIONS = ("dataset.json", "provenance.json")
SHOWN = 3


def is_packed(path, contents):
    """Return whether a file belongs to an archive.

    Parameters
    ----------
    path : str
        Relative to the study; files of its data set begin with ``../datasets/``.
    contents : str
        ``all``; ``results``, all but images and weights; or ``figures``, tables, figures and the explorer only. The
        records of provenance and the description of the data set always belong to it.
    """
    if path.startswith("../"):
        return contents == "all" or path.endswith(DESCRIPTIONS)
    if contents == "figures":
        return path.startswith(FOR_FIGURES)
    if path.startswith("concepts/") and path.endswith("images.npy"):
        return contents == "all"
    return contents == "all" or not path.endswith(".safetensors") or path.endswith("/mask.safetensors")


def archive_study(study, output, contents="all", configfiles=(), assignments=()):
    """Pack a finished study into one file.

    Parameters
    ----------
    study : path-like
        ``results/<study>`` of a clone.
    output : path-like
        The file to write.
    contents : str
        See `is_packed`.
    configfiles, assignments : sequence of str
        With which ``--configfile`` and ``--config`` the study was run.

    Returns
    -------
    dict
        The manifest of the archive.

    Raises
    ------
    PrunesimError
        If the study is not finished, not what this configuration and code make, or damaged.
    """
    study = Path(study)
    root = _clone_of(study)
    if Path(output).resolve().is_relative_to(study.resolve()):
        raise PrunesimError(f"{output} lies in the study itself; write the archive to another folder.")
    config = read_config(root, configfiles, assignments)
    if config["study"] != study.name:
        raise PrunesimError(
            f"{study} is not the study of this configuration, which is {config['study']}; give the --configfile and "
            "--config with which it was run."
        )
    dataset = root / "results/datasets" / dataset_id(config["dataset"])
    files = _files(study, dataset)
    left_out = _left_out(study, files, contents)
    with tempfile.TemporaryDirectory() as work:
        given = _given_files(config) if contents == "all" else {}
        added = _added_files(Path(work), root, config) | {name: root / path for name, path in given.items()}
        _check_finished(study, root, added[CONFIG])
        problems, _ = verify_study(study)
        if problems:
            raise PrunesimError(f"{study} is damaged, so it was not archived: {_listed(problems, ' ')}")
        chosen = {path: file for path, file in files.items() if is_packed(path, contents)}
        made = records(root)
        _check_known(study, chosen, made)
        places = {_place(study, path): file for path, file in (chosen | added).items()}
        # Of what is left out, too: by them Snakemake sees that it is still what the configuration asks for.
        below = tuple(f"results/{folder}/" for folder in (study.name, f"datasets/{dataset.name}"))
        places |= {f"{RECORDS}/{record_path(path)}": file for path, file in made.items() if path.startswith(below)}
        about = {
            "study": study.name,
            "contents": contents,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "prunesim": _version(),
            **provenance(),
            "config": config,
            "configfiles": {str(file): Path(file).read_text(encoding="utf-8") for file in configfiles},
            "assignments": list(assignments),
            "network_file": own_file(config["network"]["name"]) or None,
            **({"given_files": given} if given else {}),
            "network_imports": _imported_files(root, config),
            "left_out": left_out,
        }
        return packing.pack(output, places, about)


def restore_study(archive, root="."):
    """Bring an archived study back into a clone.

    All of the archive is checked before anything is written. Files that are there already and are the same are kept.

    Parameters
    ----------
    archive : path-like
    root : path-like
        The clone.

    Returns
    -------
    manifest : dict
    counts : dict of str to int
        How many files were ``written`` and how many ``kept``.

    Raises
    ------
    PrunesimError
        If the archive is damaged, malicious or of another format, if other files are in its way, or if it cannot be
        written. No file is then changed, and none is left half-written.
    """
    root = Path(root)
    if not (root / "Snakefile").is_file() or not (root / "src/prunesim").is_dir():
        raise PrunesimError(f"{root.resolve()} is not a clone of the repository; run this in one.")
    if any((root / LOCKS).glob("*")):
        raise PrunesimError(
            f"Snakemake is at work in {root.resolve()}; wait for it, or run snakemake --unlock if it was killed."
        )
    manifest = packing.check(archive)
    wanted, kept = _compare(manifest, root)
    free = _free_bytes(root)
    needed = sum(entry["size"] for entry, _ in wanted)
    if needed > free:
        raise PrunesimError(f"{archive} needs {needed} bytes, but only {free} are free in {root.resolve()}.")
    with _staging(root / ".snakemake") as records_stage, _staging(root / "results") as results_stage:
        stages = {".snakemake": records_stage, "results": results_stage}
        targets = {}
        for entry, target in wanted:
            top, _, rest = target.partition("/")
            targets[entry["path"]] = stages[top] / rest
        if packing.unpack(archive, targets) != manifest:
            raise PrunesimError(f"{archive} changed while it was read; run again.")
        gaps = _gaps(manifest, root)
        if gaps and gaps != sorted(archived.left_out_files(root / "results" / manifest["study"])):
            description = {"contents": manifest["contents"], "left_out": gaps}
            write_json(results_stage / manifest["study"] / archived.FILE, description)
        # Without this folder Snakemake takes the records for those of an old version, which it converts.
        (root / INCOMPLETE).mkdir(exist_ok=True)
        # Records first: one without its output tells Snakemake nothing, an output without its record is made again.
        for top, stage in stages.items():
            _move(stage, root / top)
    if not gaps:
        (root / "results" / manifest["study"] / archived.FILE).unlink(missing_ok=True)
    for entry, _ in kept:
        _make_older(root / entry["path"], entry["mtime_ns"])
    for entry in manifest["files"]:
        (root / INCOMPLETE / record_path(entry["path"])).unlink(missing_ok=True)
    written = [place for _, place in wanted if not place.startswith(RECORDS)]
    return manifest, {"written": len(written), "kept": len(kept)}


# --- Archiving -----------------------------------------------------------------------------------------------------


def _clone_of(study):
    place = Path(os.path.abspath(study))  # not resolved: the results of a clone may be a link to another disk
    root = place.parents[1]
    if not study.is_dir() or place.parent.name != "results" or not (root / "Snakefile").is_file():
        raise PrunesimError(f"{study} is not the folder of a study in a clone; give results/<study>.")
    return root


def _place(study, path):
    """Return the place in a clone of a file, given its path relative to the study."""
    return posixpath.normpath(f"results/{study.name}/{path}")


def _files(study, dataset):
    """Return the files of a study and its data set that may be packed, by their paths relative to the study."""
    found = {}
    for path, file in _walk(study):
        if path.split("/")[0] not in NOT_PACKED:
            found[path] = file
    return found | {f"../datasets/{dataset.name}/{path}": file for path, file in _walk(dataset)}


def _left_out(study, files, contents):
    """Return the paths of the files that an archive leaves out, or that were never there."""
    missing = {path for path in archived.left_out_files(study) if path not in files}
    lost = sorted(path for path in missing if is_packed(path, contents))
    if lost:
        raise PrunesimError(
            f"{study} was restored from an archive without {_listed(lost)}; archive less of it than {contents}."
        )
    return sorted(missing | {path for path in files if not is_packed(path, contents)})


def _walk(top):
    for folder, folders, names in os.walk(top):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in folders:
            if os.path.islink(os.path.join(folder, name)):
                raise PrunesimError(f"{Path(folder, name)} is a link to a folder; move the folder there and run again.")
        for name in sorted(names):
            if not name.startswith("."):
                file = Path(folder, name)
                yield file.relative_to(top).as_posix(), file


def _added_files(work, root, config):
    """Return what an archive adds to a study, by name."""
    import yaml  # restoring does without

    # An overlay can only add to the methods of config.yaml.
    others = {name: False for name in load_yaml(root / CONFIG)["methods"] if name not in config["methods"]}
    config = config | {"methods": config["methods"] | others}
    note = f"# The whole configuration of this study: snakemake --configfile results/{config['study']}/{CONFIG}\n"
    text = yaml.safe_dump(config, sort_keys=False, allow_unicode=True)
    (work / CONFIG).write_text(note + text, encoding="utf-8")
    own = own_file(config["network"]["name"])
    imported = {place: root / file for place, file in _imported_files(root, config).items()}
    return {CONFIG: work / CONFIG} | ({NETWORK: root / own} if own else {}) | imported


def _imported_files(root, config):
    """Return the files that the network's own file imports from beside it, by their place in the archive."""
    own, *others = network_files(config["network"]["name"], root) or [""]
    folders = [os.path.dirname(os.path.abspath(root / file)) for file in (own, *others)]
    top = os.path.commonpath(folders)
    return {f"{IMPORTED}/{_place_of(os.path.relpath(os.path.abspath(root / file), top))}": file for file in others}


def _place_of(path):
    """Return a path as an archive can hold it."""
    return "/".join(re.sub(r"[^A-Za-z0-9_.-]", "_", part).lstrip("-.") or "_" for part in Path(path).parts)


def _given_files(config):
    """Return where the user's own weights lie, by their names in an archive."""
    return {f"{GIVEN}/{number:03d}-{Path(path).name}": path for number, path in enumerate(given_files(config))}


def _check_finished(study, root, configfile):
    due = due_jobs(root, configfile)
    if due:
        jobs = ", ".join(f"{rule} ({count})" for rule, count in due.items())
        raise PrunesimError(
            f"{study} is not what this configuration and code make: {jobs} would run; run snakemake first, or check "
            "out the commit that made it."
        )


def _check_known(study, files, made):
    """Refuse files that Snakemake would make again after they were restored, or that are none of its outputs."""
    places = (_place(study, path) for path in files if not path.startswith("logs/") and not path.endswith("/fetch.log"))
    strange = [place for place in places if place not in made]
    if strange:
        raise PrunesimError(
            f"Snakemake has no record in this folder of having made {_listed(strange)}; remove what does not belong "
            "there, or vouch for all that is there with snakemake --touch --forceall."
        )


def _listed(texts, separator=", "):
    more = f"{separator}and {len(texts) - SHOWN} more" if len(texts) > SHOWN else ""
    return separator.join(texts[:SHOWN]) + more


def _version():
    try:
        return metadata.version("prunesim")
    except metadata.PackageNotFoundError:  # the pipeline does not need it installed
        return None


# --- Restoring -----------------------------------------------------------------------------------------------------


def _compare(manifest, root):
    """Return what is to be written, with its place in the clone, and what is there already."""
    wanted, kept, in_the_way = [], [], []
    for entry in manifest["files"]:
        path = entry["path"]
        if path.startswith(f"{RECORDS}/"):
            # A record belongs to the file that is there; a file system may need other folders for its long name.
            output = recorded_output(path.removeprefix(f"{RECORDS}/"))
            place = f"{RECORDS}/{record_path(output)}"
            if not (root / place).exists() or not ((root / output).exists() or _is_same(root / place, entry)):
                wanted.append((entry, place))
        elif not os.path.lexists(root / path):
            parents = [parent for parent in (root / path).relative_to(root).parents if os.path.lexists(root / parent)]
            in_the_way += [str(parent) for parent in parents if not (root / parent).is_dir()]
            wanted.append((entry, path))
        elif _is_same(root / path, entry):
            kept.append((entry, path))
        else:
            in_the_way.append(path)
    if in_the_way:
        in_the_way = list(dict.fromkeys(in_the_way))
        raise PrunesimError(
            f"Other files than the archived ones are there already: {_listed(in_the_way)}; move them away, or restore "
            "into a fresh clone."
        )
    return wanted, kept


def _gaps(manifest, root):
    """Return the files that the study will still lack when it is restored."""
    study = root / "results" / manifest["study"]
    restored = {os.path.relpath(entry["path"], f"results/{manifest['study']}") for entry in manifest["files"]}
    gaps = {*manifest["left_out"], *archived.left_out_files(study)} - restored
    return sorted(path for path in gaps if not (study / path).exists())


def _is_same(file, entry):
    return file.is_file() and file.stat().st_size == entry["size"] and sha256_file(file) == entry["sha256"]


def _free_bytes(root):
    folder = root / "results"
    return shutil.disk_usage(folder if folder.exists() else root).free


@contextlib.contextmanager
def _staging(parent):
    """Yield a folder in `parent` that is removed at the end, as are those that killed processes have left there."""
    try:
        parent.mkdir(exist_ok=True)
        for leftover in parent.glob(".restore.*.tmp"):
            with _locked(leftover) as abandoned:
                if abandoned:
                    shutil.rmtree(leftover, ignore_errors=True)
        stage = Path(tempfile.mkdtemp(dir=parent, prefix=".restore.", suffix=".tmp"))
    except OSError as error:
        raise write_error(parent, error) from error
    try:
        with _locked(stage):
            yield stage
    finally:
        shutil.rmtree(stage, ignore_errors=True)


@contextlib.contextmanager
def _locked(folder):
    """Hold the lock of a folder, and yield whether this succeeded."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        yield lock(handle)
    finally:
        os.close(handle)


def _move(source, target):
    """Move what is in a folder into another one of the same file system; whole folders where that is possible."""
    try:
        for entry in sorted(os.scandir(source), key=lambda entry: entry.name):
            place = target / entry.name
            if entry.is_dir() and place.is_dir():
                _move(entry.path, place)
            else:
                os.replace(entry.path, place)
    except OSError as error:
        raise write_error(target, error) from error


def _make_older(file, mtime_ns):
    """Give a file that was kept its time in the archive: if newer than what was made from it, it may look changed."""
    with contextlib.suppress(OSError):
        if file.stat().st_mtime_ns > mtime_ns:
            os.utime(file, ns=(mtime_ns, mtime_ns))
