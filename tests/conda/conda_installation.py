"""Make a folder that is to Snakemake what a conda installation is, with a channel of two packages, `python` and `pip`.

The packages have conda's format, and the versions that `envs/*.yaml` pin. `python` is a virtual environment of the
Python that runs the tests, without what is installed there; `pip` installs from there, and only what is asked for. So
an environment holds what its description says, and a job that needs more fails.
"""

import asyncio
import io
import json
import shlex
import shutil
import sys
import sysconfig
import tarfile
from hashlib import sha256
from pathlib import Path

import rattler
import rattler.index

HERE = Path(__file__).parent
PYTHON = f"python{sys.version_info.major}.{sys.version_info.minor}"
PLATFORM = str(rattler.Subdir.current())


def install_conda(root, versions):
    """Make an installation.

    Parameters
    ----------
    root : pathlib.Path
        A folder that does not exist; without blanks, since Snakemake does not quote it.
    versions : mapping of str to str
        The versions of `python` and `pip` that the channel conda-forge has.
    """
    (root / "bin").mkdir(parents=True)
    shutil.copyfile(HERE / "conda_program.py", root / "conda_program.py")
    shutil.copyfile(HERE / "activate", root / "bin" / "activate")
    conda = root / "bin" / "conda"
    # Isolated, as conda is: no PYTHONPATH of the user's changes what it does.
    conda.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -I {root / "conda_program.py"} "$@"\n')
    conda.chmod(0o755)
    channel = root / "channels" / "conda-forge"
    python, pip = python_package(), pip_package()
    write_package(channel / PLATFORM, "python", versions["python"], python)
    write_package(channel / "noarch", "pip", versions["pip"], pip, noarch="python", depends=["python"])
    asyncio.run(rattler.index.index_fs(channel))


def python_package():
    """Return the files of `python`: an interpreter that sees only what is installed beside it, and notes its calls."""
    base = Path(sys._base_executable).resolve()
    site_packages = f"lib/{PYTHON}/site-packages"
    return {
        "bin/python": base,
        "pyvenv.cfg": f"home = {base.parent}\ninclude-system-site-packages = false\n",
        f"{site_packages}/note_calls.py": (HERE / "note_calls.py").read_text(),
        f"{site_packages}/note_calls.pth": "import note_calls\n",
    }


def pip_package():
    """Return the files of `pip`, which knows where the Python that runs the tests has its packages."""
    index = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    return {
        "site-packages/pip/__init__.py": "",
        "site-packages/pip/__main__.py": (HERE / "pip_main.py").read_text(),
        "site-packages/pip/index.txt": "\n".join(sorted(index)),
    }


def write_package(folder, name, version, files, noarch=None, depends=()):
    """Write a package: `files` maps paths to texts, or to the absolute paths that links point to."""
    folder.mkdir(parents=True)
    about = {"name": name, "version": version, "build": "0", "build_number": 0, "depends": [*depends]}
    about |= {"subdir": folder.name} | ({"noarch": noarch} if noarch else {})
    paths = {"paths": [path_entry(path, content) for path, content in files.items()], "paths_version": 1}
    information = {"info/index.json": json.dumps(about), "info/paths.json": json.dumps(paths)}
    with tarfile.open(folder / f"{name}-{version}-0.tar.bz2", "w:bz2") as archive:
        for path, content in {**information, **files}.items():
            member = tarfile.TarInfo(path)
            if isinstance(content, Path):
                member.type, member.linkname = tarfile.SYMTYPE, str(content)
                archive.addfile(member)
            else:
                member.size = len(content.encode())
                archive.addfile(member, io.BytesIO(content.encode()))


def path_entry(path, content):
    """Return what `paths.json` says of a file."""
    if isinstance(content, Path):
        return {"_path": path, "path_type": "softlink"}
    data = content.encode()
    return {"_path": path, "path_type": "hardlink", "sha256": sha256(data).hexdigest(), "size_in_bytes": len(data)}
