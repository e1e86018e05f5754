"""What every page function gets: the workspace, the door, the jobs, and the limits of this server."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from periplus.web.answers import Answers
from periplus.web.auth import Door
from periplus.web.errands import Errands
from periplus.web.jobs import Jobs

if TYPE_CHECKING:
    from periplus.people.collector import Collector
    from periplus.workspace import Workspace


@dataclass(frozen=True)
class Site:
    """One application's own things; made in `create_app`, passed to each page, imported by none."""

    workspace: Workspace
    door: Door
    jobs: Jobs
    errands: Errands
    announce: Callable[[str], None]
    upload_limit: int
    answers: Answers
    collector: Collector | None = None
