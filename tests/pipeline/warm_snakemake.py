"""A process that has imported Snakemake, and forks a child for each run that a line of its input asks for.

What Snakemake imports takes longer than most of what the tests ask it. A child has its folder, words, environment, file
to print to and group of processes from the line, and goes on as the program ``snakemake`` would.
"""

import json
import os
import random
import sys

import snakemake.cli


def asked():
    """Answer each line with the number of a child and then its exit status; return in a child what it has to run."""
    for line in sys.stdin:
        request = json.loads(line)
        child = os.fork()
        if not child:
            return request
        print(child, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
    return None


def become(folder, words, environment, output):
    """Take on in this process what would have been given to a new one."""
    os.setsid()
    for number, path, how in ((0, os.devnull, os.O_RDONLY), (1, output, os.O_WRONLY)):
        file = os.open(path, how)
        os.dup2(file, number)
        os.close(file)
    os.dup2(1, 2)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    random.seed()
    sys.argv[:] = words


if __name__ == "__main__" and (request := asked()):
    become(**request)
    sys.exit(snakemake.cli.main())
