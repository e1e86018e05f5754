"""Watches on the import page: what is watched, a turn taken now, what failed, and taken off the list."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from periplus.watch import runner
from periplus.watch.document import Watch
from tests.web.conftest import Served, write_jsonl
from tests.web.errand import asked, token
from tests.web.test_vocabulary_page import bought

HERE = "/import/watches"


def old(path: Path) -> Path:
    """The file, written an hour ago, so that it does not count as growing."""
    moment = path.stat().st_mtime - 3600
    os.utime(path, (moment, moment))
    return path


def watch(ws: Any, folder: Path) -> None:
    folder.mkdir()
    runner.add(ws, Watch.parse({"name": "till", "folder": str(folder), "every": "15m", "source": "till"}))


def test_a_turn_is_taken_now(fresh: Served, tmp_path: Path) -> None:
    watch(fresh.ws, tmp_path / "in")
    old(write_jsonl(tmp_path / "in" / "a.jsonl", bought(4)))
    with fresh.signed_in() as client:
        before = client.get("/import.json").json()["watches"]
        assert [(row["name"], row["every"], row["last"]) for row in before] == [("till", "15m", None)]
        assert str(tmp_path / "in") in client.get("/import").text
        page, twin = asked(client, HERE, "run", document="till")
        assert [(row["file"], row["outcome"], row["counts"]["accepted"]) for row in twin["result"]] == [
            ("a.jsonl", "imported", 4)
        ]
        assert "1 new file came in" in page
        assert fresh.ws.batches()[0]["accepted"] == 4
        assert asked(client, HERE, "run", document="till")[1]["result"] == []
        after = client.get("/import.json").json()["watches"][0]
        assert (after["imported"], after["last"] is None) == (1, False)


def test_what_failed_is_said(fresh: Served, tmp_path: Path) -> None:
    watch(fresh.ws, tmp_path / "in")
    (tmp_path / "in" / "b.parquet").write_bytes(b"no parquet at all")
    old(tmp_path / "in" / "b.parquet")
    with fresh.signed_in() as client:
        page, twin = asked(client, HERE, "run", document="till")
        assert [row["outcome"] for row in twin["result"]] == ["failed"]
        assert "not everything could be brought in" in page
        listed = client.get("/import").text
        assert "1 file failed" in listed
        assert "b.parquet" in listed


def test_a_watch_is_taken_off_the_list(fresh: Served, tmp_path: Path) -> None:
    watch(fresh.ws, tmp_path / "in")
    with fresh.signed_in() as client:
        assert client.post(f"{HERE}/remove", data={"document": "till"}).status_code == 403
        form = {"csrf": token(client), "document": "tilt"}
        wrong = client.post(f"{HERE}/remove", data=form)
        assert (wrong.status_code, "till" in wrong.text) == (404, True)
        assert asked(client, HERE, "run", document="tilt")[1]["state"] == "failed"
        assert client.post(f"{HERE}/remove", data={**form, "document": "till"}).status_code == 200
        assert client.get("/import.json").json()["watches"] == []
        assert "Watched folders" not in client.get("/import").text
