"""The stub package `pip`: installs by linking what the Python that runs the tests has installed.

A requirement that is not installed there in the version asked for is refused, as pip would refuse what the index does
not have. What is installed requires in turn is linked too.
"""

import argparse
import sys
from importlib import metadata
from pathlib import Path, PurePosixPath

INDEX = Path(__file__).with_name("index.txt").read_text(encoding="utf-8").splitlines()
sys.path += INDEX

from packaging.requirements import Requirement  # noqa: E402
from packaging.utils import canonicalize_name  # noqa: E402

SITE_PACKAGES = Path(__file__).resolve().parents[1]


class NoMatchingDistribution(Exception):
    """A requirement that the index cannot satisfy."""


def main():
    arguments = parser().parse_args()
    lines = arguments.requirement.read_text(encoding="utf-8").splitlines()
    try:
        found = resolve(lines)
    except NoMatchingDistribution as error:
        print(error, file=sys.stderr)
        return 1
    for distribution in found:
        link(distribution)
    print("Successfully installed", *(f"{item.name}-{item.version}" for item in found))
    return 0


def parser():
    program = argparse.ArgumentParser(prog="pip")
    install = program.add_subparsers(required=True).add_parser("install")
    install.add_argument("-U", action="store_true")
    install.add_argument("-r", dest="requirement", type=Path, required=True)
    install.add_argument("--exists-action", choices=["b"])
    return program


def resolve(lines):
    """Return the distributions that requirements ask for, directly or not."""
    available = {canonicalize_name(item.name): item for item in metadata.distributions(path=INDEX)}
    found, seen = {}, set()
    waiting = [(line, "") for line in lines]
    while waiting:
        line, extra = waiting.pop()
        requirement = Requirement(line)
        if (line, extra) in seen or (requirement.marker and not requirement.marker.evaluate({"extra": extra})):
            continue
        seen.add((line, extra))
        name = canonicalize_name(requirement.name)
        versions = [available[name].version] if name in available else []
        if not list(requirement.specifier.filter(versions, prereleases=True)):
            raise NoMatchingDistribution(
                f"ERROR: Could not find a version that satisfies the requirement {line}"
                f" (from versions: {', '.join(versions) or 'none'})\nERROR: No matching distribution found for {line}"
            )
        found[name] = available[name]
        waiting += [(needed, wanted) for needed in found[name].requires or [] for wanted in ("", *requirement.extras)]
    return [found[name] for name in sorted(found)]


def link(distribution):
    """Link the packages of a distribution, and its files that are in no package."""
    files = [PurePosixPath(file) for file in distribution.files if ".." not in file.parts]
    packages = {file.parent for file in files if file.name == "__init__.py"}
    for path in {next((folder for folder in reversed(file.parents) if folder in packages), file) for file in files}:
        link = SITE_PACKAGES / path
        if not link.exists():
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(distribution.locate_file(path))


sys.exit(main())
