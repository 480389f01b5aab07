"""What Snakemake would run for a study."""

import subprocess
import sys

from prunesim.errors import PrunesimError

NOTHING_TO_DO = "Nothing to be done"


def due_jobs(root, configfile):
    """Return how many jobs of each rule Snakemake would run for a study, by a dry run.

    Raises
    ------
    PrunesimError
        If Snakemake refuses.
    """
    words = ["--dry-run", "--quiet", "rules", "--cores", "1", "--configfile", str(configfile)]
    command = [sys.executable, "-m", "snakemake", *words]
    done = subprocess.run(command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        last = next((line for line in reversed(done.stdout.splitlines()) if line.strip()), "it said nothing")
        raise PrunesimError(f"Snakemake refuses a dry run in {root}: {last.strip()}")
    if NOTHING_TO_DO in done.stdout:
        return {}
    table = done.stdout.partition("Job stats:\n")[2].partition("\ntotal ")[0].splitlines()[2:]
    return {rule: int(count) for rule, count in (line.split() for line in table) if rule != "default"}


def rule_graph(root, configfiles=(), assignments=()):
    """Return the graph of the rules of a study in the language of Graphviz, as ``snakemake --rulegraph`` prints it.

    Raises
    ------
    PrunesimError
        If Snakemake refuses.
    """
    # A dry run leaves no log, which would count as the study's last run.
    words = ["--rulegraph", "--dry-run", "--forceall", "--cores", "1"]
    words += ["--configfile", *map(str, configfiles)] if configfiles else []
    words += ["--config", *assignments] if assignments else []
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", *words], cwd=root, capture_output=True, text=True, check=False
    )
    if done.returncode:
        last = next((line for line in reversed(done.stderr.splitlines()) if line.strip()), "it said nothing")
        raise PrunesimError(f"Snakemake refuses the graph of the rules in {root}: {last.strip()}")
    return done.stdout
