"""The command line. Exit codes: 0 done, 1 a problem in the data or the question, 2 wrong usage.

One file per group of commands; importing it adds them. A new file is imported here, in the order of the help.
"""

# ruff: noqa: F401, I001

from periplus.cli.command import app, main
from periplus.cli import make
from periplus.cli import imports
from periplus.cli import watching
from periplus.cli import catalogue
from periplus.cli import questions
from periplus.cli import sources
from periplus.cli import tokens
from periplus.cli import maps
from periplus.cli import segments
from periplus.cli import exports
from periplus.cli import traffic
from periplus.cli import identity
from periplus.cli import vocabularies
from periplus.cli import tracking_plan
from periplus.cli import consents
from periplus.cli import persons
from periplus.cli import retention
from periplus.cli import serving
from periplus.cli import simulating
from periplus.cli import checking

__all__ = ["app", "main"]
