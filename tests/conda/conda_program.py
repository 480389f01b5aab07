"""What Snakemake asks of conda, answered by py-rattler: conda's package format, solver and linking, but not conda.

It belongs to an installation made by `conda_installation.py`: channels are folders below it, as if its `.condarc` said
``channel_alias: file://...``, and downloaded packages are kept in its `pkgs`.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import rattler
import yaml
from rattler.exceptions import SolverError

ROOT = Path(__file__).resolve().parent
VERSION = "24.7.1"
PLATFORM = str(rattler.Subdir.current())


class CondaError(Exception):
    """What conda refuses, in its words."""


def main(argv):
    """Run one command and return the exit status."""
    arguments = parser().parse_args(argv)
    try:
        arguments.run(arguments)
    except CondaError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    return 0


def parser():
    """Return the commands and options that are answered; any other is refused."""
    program = argparse.ArgumentParser(prog="conda")
    program.add_argument("--version", action="version", version=f"conda {VERSION}")
    commands = program.add_subparsers(required=True)

    def command(parent, name, run, *options):
        added = parent.add_parser(name)
        added.set_defaults(run=run)
        for option, keywords in options:
            added.add_argument(*option.split(), **keywords)

    flag, always = {"action": "store_true"}, {"action": "store_true", "required": True}
    quiet, plain, yes = ("--quiet -q", flag), ("--no-default-packages", flag), ("--yes -y", flag)
    prefix, file = ("--prefix -p", {"type": Path, "required": True}), ("--file -f", {"type": Path, "required": True})
    setting = ("--get", {"choices": ["channel_priority"], "required": True})

    command(commands, "info", info, ("--json", always))
    command(commands, "config", config, setting, ("--json", always))
    environments = commands.add_parser("env").add_subparsers(required=True)
    command(environments, "create", create_from_description, quiet, plain, file, prefix)
    command(commands, "create", create_from_pins, quiet, plain, yes, file, prefix)
    command(commands, "list", list_explicit, ("--explicit", always), prefix)
    command(commands, "clean", clean, yes, ("--tarballs", always))
    return program


def info(_):
    """Say where this installation is."""
    print(json.dumps({"conda_prefix": str(ROOT), "conda_version": VERSION, "platform": PLATFORM}))


def config(_):
    """Say what `.condarc` sets."""
    print(json.dumps({"get": {"channel_priority": "strict"}}))


def create_from_description(arguments):
    """Make an environment from a yaml file: solve, link, then let the environment's own pip install its section."""
    description = yaml.safe_load(arguments.file.read_text(encoding="utf-8"))
    specs = [item for item in description["dependencies"] if isinstance(item, str)]
    sections = [item["pip"] for item in description["dependencies"] if isinstance(item, dict)]
    channels = [channel(name) for name in description["channels"] if name != "nodefaults"]
    try:
        records = asyncio.run(rattler.solve(channels, specs))
    except SolverError as error:
        raise CondaError(f"LibMambaUnsatisfiableError: Encountered problems while solving:\n{error}") from None
    link(records, arguments.prefix)
    for section in sections:
        pip_install(section, arguments.prefix, arguments.file.resolve().parent)


def channel(name):
    """Return the channel of a name."""
    folder = ROOT / "channels" / name
    if not folder.is_dir():
        raise CondaError(f"UnavailableInvalidChannel: HTTP 404 NOT FOUND for channel {name} <{folder.as_uri()}>")
    return rattler.Channel(folder.as_uri())


def link(records, prefix):
    """Unpack packages into the cache, and link their files into an environment."""
    asyncio.run(rattler.install(records, prefix, cache_dir=ROOT / "pkgs", show_progress=False))


def pip_install(requirements, prefix, folder):
    """Call pip the way conda does, and fail the way conda does."""
    file = folder / f"condaenv.{prefix.name}.requirements.txt"
    file.write_text("\n".join(requirements), encoding="utf-8")
    command = [prefix / "bin" / "python", "-m", "pip", "install", "-U", "-r", file, "--exists-action=b"]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    finally:
        file.unlink()
    if done.returncode:
        raise CondaError(f"Pip subprocess error:\n{done.stderr}\n\nCondaEnvException: Pip failed")


def create_from_pins(arguments):
    """Make an environment from an explicit list of packages, without solving."""
    lines = [line for line in arguments.file.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    if lines[:1] != ["@EXPLICIT"]:
        raise CondaError(f"CondaValueError: {arguments.file} is not an explicit list of packages")
    urls = [line.partition("#")[0] for line in lines[1:] if line]
    known = {str(record.url): record for record in asyncio.run(query([package_name(url) for url in urls]))}
    if missing := [url for url in urls if url not in known]:
        raise CondaError(f"CondaHTTPError: HTTP 404 NOT FOUND for url <{missing[0]}>")
    link([known[url] for url in urls], arguments.prefix)


def package_name(url):
    """Return the name of a package, which its file name begins with."""
    return url.rsplit("/", 1)[-1].rsplit("-", 2)[0]


async def query(names):
    """Return all that the channels hold of some packages."""
    channels = [channel(folder.name) for folder in (ROOT / "channels").iterdir()]
    found = await rattler.Gateway().query(channels, [PLATFORM, "noarch"], names)
    return [record for records in found for record in records]


def list_explicit(arguments):
    """Print what `create_from_pins` reads."""
    print(f"# platform: {PLATFORM}\n@EXPLICIT")
    for file in sorted((arguments.prefix / "conda-meta").glob("*.json")):
        record = rattler.PrefixRecord.from_path(file)
        print(f"{record.url}#{record.md5.hex()}")


def clean(_):
    """Remove the archives of packages: none are kept."""


if __name__ == "__main__":
    outcome = main(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    # Without Python's own ending, in which rattler's threads now and then crash (PyO3/pyo3-async-runtimes, issue 40).
    os._exit(outcome)
