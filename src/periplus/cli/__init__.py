"""The command line. Exit codes: 0 done, 1 a problem in the data or the question, 2 wrong usage.

One file per group of commands; importing it adds them. A new file is imported here, in the order of the help.
"""

from periplus.cli import (
    make,
    imports,
    questions,
    sources,
    tokens,
    maps,
    exports,
    serving,
    simulating,
    checking,
)  # noqa: F401, I001
from periplus.cli.command import app, main

__all__ = ["app", "main"]
