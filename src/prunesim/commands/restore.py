"""Bring an archived study back into the clone of the repository that is the working directory."""

import os
import shlex

from prunesim.archive.study import restore_study


def add_arguments(parser):
    parser.add_argument("archive", metavar="FILE", help="what prunesim archive wrote")


def run(arguments):
    manifest, counts = restore_study(arguments.archive)
    study = manifest["study"]
    configfile = f"--configfile results/{study}/config.yaml"
    commit = manifest.get("commit") or "unknown"
    print(
        f"results/{study}: {counts['written']} files written, {counts['kept']} were there ({manifest['contents']} of "
        f"{manifest.get('created')}, commit {commit[:12]})"
    )
    own = manifest.get("network_file")
    files = {"network.py": own} if own else {}
    files |= manifest.get("network_imports", {})
    for place, file in files.items():
        if not os.path.exists(file):
            make = f"mkdir -p -- {shlex.quote(os.path.dirname(file) or '.')}"
            copy = f"{make} && cp -- {shlex.quote(f'results/{study}/{place}')} {shlex.quote(file)}"
            print(f"Its network is not part of this clone. Before anything is trained again: {copy}")
    missing = {name: path for name, path in manifest.get("given_files", {}).items() if not os.path.exists(path)}
    if missing:
        print("Weights that it was given are not part of this clone. Before anything is run again:")
    for name, path in missing.items():
        make = f"mkdir -p -- {shlex.quote(os.path.dirname(path) or '.')}"
        print(f"  {make} && cp -- {shlex.quote(f'results/{study}/{name}')} {shlex.quote(path)}")
    print("To see what is due, and to draw the figures whatever has become of the code that trains:")
    print(f"  snakemake --dry-run {configfile}")
    print(f"  snakemake figures --profile profiles/figures {configfile}")
