"""Part of the stub package `python`: each call notes how it was made, in `calls.jsonl` of its environment."""

import atexit
import json
import os
import site
import sys

# As conda's Python does, and a virtual environment does not.
if not sys.flags.no_user_site:
    sys.path.insert(0, site.getusersitepackages())


def note():
    line = json.dumps({"arguments": sys.orig_argv[1:], "path": sys.path}) + "\n"
    file = os.open(os.path.join(sys.prefix, "calls.jsonl"), os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(file, line.encode())


atexit.register(note)
