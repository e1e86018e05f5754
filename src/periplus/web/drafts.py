"""Uploaded files between the upload and the import: looked at as often as one likes, nothing written yet.

A draft lives in `uploads/` of the workspace until it is imported or dropped; what is left lying there
for a day is swept away by the next upload.
"""

from __future__ import annotations

import re
import secrets
import shutil
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from periplus.errors import NotFoundError
from periplus.web.jobs import Job
from periplus.web.words import _

KEPT = 24 * 3600
"""Seconds after which a forgotten draft is swept away."""


@dataclass
class Draft:
    """Some files, how they are to be read, and the job that looks at them or imports them."""

    id: str
    folder: Path
    files: list[Path]
    source: str | None = None
    mapping: str | None = None
    """YAML as the person wrote it; None: as the importer suggests."""
    replace: int | None = None
    job: Job | None = None
    importing: bool = False
    created: float = field(default_factory=time.time)

    @property
    def size(self) -> int:
        return sum(path.stat().st_size for path in self.files if path.exists())

    @property
    def names(self) -> list[str]:
        return [path.name for path in self.files]

    def to_dict(self) -> Mapping[str, Any]:
        return {"id": self.id, "files": self.names, "source": self.source, "replace": self.replace}


def safe_name(given: str) -> str:
    """The last part of a name a browser sent, harmless as a file's name.

    >>> safe_name("../../etc/pass wd"), safe_name("C:\\\\old\\\\orders.csv.gz"), safe_name("..")
    ('pass wd', 'orders.csv.gz', 'file')
    """
    last = re.split(r"[/\\]", given)[-1]
    cleaned = "".join(c for c in last if c.isprintable() and c not in '<>:"|?*').strip(". ")
    return cleaned[-120:] or "file"


class Drafts:
    """The drafts of one workspace that this server knows."""

    def __init__(self, workspace: Path) -> None:
        self.root = workspace / "uploads"
        self._drafts: dict[str, Draft] = {}
        self._lock = threading.Lock()

    def new(self) -> Draft:
        """An empty draft with its folder; forgotten ones are swept away first."""
        self.sweep()
        name = secrets.token_hex(8)
        folder = self.root / name
        folder.mkdir(parents=True)
        draft = Draft(name, folder, [])
        with self._lock:
            self._drafts[name] = draft
        return draft

    def get(self, name: str) -> Draft:
        with self._lock:
            if name in self._drafts:
                return self._drafts[name]
        raise NotFoundError(
            _("There is no such upload."), hint=_("It may have been dropped; upload the file again.")
        )

    def drop(self, draft: Draft) -> None:
        """Forget a draft and delete its files."""
        if draft.job is not None:
            draft.job.stop()
        with self._lock:
            self._drafts.pop(draft.id, None)
        shutil.rmtree(draft.folder, ignore_errors=True)

    def sweep(self) -> None:
        with self._lock:
            old = [draft for draft in self._drafts.values() if time.time() - draft.created > KEPT]
            known = set(self._drafts)
        for draft in old:
            self.drop(draft)
        if self.root.is_dir():
            for folder in self.root.iterdir():
                if folder.name not in known and time.time() - folder.stat().st_mtime > KEPT:
                    shutil.rmtree(folder, ignore_errors=True)
