"""``python -m prunesim``."""

import sys

from prunesim.serving.client import served
from prunesim.storage.terminal import VARIABLE

status = served(sys.argv[1:], VARIABLE)
if status is None:
    from prunesim.cli import main

    status = main()
sys.exit(status)
