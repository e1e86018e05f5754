"""Rounds: each new file comes in once; what grows waits, what is bad is said once, what is busy is tried again."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import periplus
from periplus.cli import main
from periplus.clock import SECOND, wall
from periplus.errors import BusyError, NotFoundError
from periplus.store import locks
from periplus.watch import runner
from periplus.watch.document import Watch
from periplus.watch.scheduler import Scheduler
from periplus.workspace import Workspace
from tests.watch.test_fetch import Site

HOUR = 3600 * SECOND
HEAD = "user,at\n"
MAPPING = {
    "source": "s",
    "consent": {"analytics": True},
    "tables": [{"files": "*.csv", "events": [{"event": "E", "userId": "user", "time": "at"}]}],
}


@pytest.fixture
def ws(tmp_path: Path) -> Iterator[Workspace]:
    with periplus.init(tmp_path / "shop", shards=1) as made:
        yield made


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    return tmp_path / "in"


def put(folder: Path, name: str, content: str, age: float = 60) -> Path:
    path = folder / name
    path.write_text(content)
    then = time.time() - age
    os.utime(path, (then, then))
    return path


def watching(ws: Workspace, inbox: Path, **more: Any) -> Watch:
    watch = Watch.parse({"name": "in", "folder": str(inbox), "mapping": MAPPING, **more})
    runner.add(ws, watch)
    return watch


def outcomes(ws: Workspace, now: int | None = None) -> list[tuple[str, str]]:
    return [(done.file, done.outcome) for done in runner.run(ws, now or wall(), ["in"])]


def events(ws: Workspace) -> int:
    return sum(batch["events"] for batch in ws.batches())


def test_each_new_file_comes_in_once(ws: Workspace, inbox: Path) -> None:
    watching(ws, inbox)
    put(inbox, "a.csv", HEAD + "u,2026-01-01\n", 90)
    put(inbox, "b.csv", HEAD + "v,2026-01-02\n")
    assert outcomes(ws) == [("a.csv", "imported"), ("b.csv", "imported")]
    assert outcomes(ws) == []
    put(inbox, "c.csv", HEAD + "w,2026-01-03\n")
    assert outcomes(ws) == [("c.csv", "imported")]
    assert (events(ws), len(ws.batches())) == (3, 3)
    # touched, copied and renamed: the content is known
    put(inbox, "a.csv", HEAD + "u,2026-01-01\n", 45)
    put(inbox, "copy.csv", HEAD + "v,2026-01-02\n")
    (inbox / "c.csv").rename(inbox / "d.csv")
    assert sorted(outcomes(ws)) == [(name, "unchanged") for name in ("a.csv", "copy.csv", "d.csv")]
    assert len(ws.batches()) == 3
    assert outcomes(ws) == []
    # grown: only what is new is new
    put(inbox, "a.csv", HEAD + "u,2026-01-01\nu,2026-01-05\n")
    assert outcomes(ws) == [("a.csv", "imported")]
    assert events(ws) == 4


def test_a_file_that_still_grows_waits(ws: Workspace, inbox: Path) -> None:
    watching(ws, inbox)
    put(inbox, "a.csv", HEAD + "u,2026-01-01\n", age=0)
    assert outcomes(ws) == [("a.csv", "waiting")]
    put(inbox, "a.csv", HEAD + "u,2026-01-01\nv,2026-01-01\n", age=-1)
    assert outcomes(ws) == [("a.csv", "waiting")]
    assert ws.batches() == []
    assert outcomes(ws) == [("a.csv", "imported")]
    assert events(ws) == 2


def test_what_is_not_meant_is_left_alone(ws: Workspace, inbox: Path, tmp_path: Path) -> None:
    watching(ws, inbox, files="*.csv")
    for name in (".hidden.csv", "a.csv.part", "b.csv.tmp", "notes.txt"):
        put(inbox, name, HEAD + "u,2026-01-01\n")
    put(tmp_path, "secret.csv", HEAD + "u,2026-01-01\n")
    (inbox / "link.csv").symlink_to(tmp_path / "secret.csv")
    (inbox / "below.csv").mkdir()
    put(inbox / "below.csv", "x.csv", HEAD + "u,2026-01-01\n")
    assert outcomes(ws) == []


def test_a_bad_file_is_said_once_and_tried_again_when_it_changes(ws: Workspace, inbox: Path) -> None:
    watching(ws, inbox)
    put(inbox, "a.csv", "nobody,when\n1,2\n", 90)
    put(inbox, "b.csv", HEAD + "v,2026-01-02\n")
    first = runner.run(ws, wall(), ["in"])
    assert [(done.file, done.outcome) for done in first] == [("a.csv", "failed"), ("b.csv", "imported")]
    assert "'user'" in first[0].message or "'at'" in first[0].message
    assert outcomes(ws) == []
    (row,) = runner.described(ws)
    assert row["failed"] == [{"file": "a.csv", "message": first[0].message}]
    put(inbox, "a.csv", "nobody,when\n1,2\n", 40)  # touched, and as bad as before
    assert outcomes(ws) == []
    put(inbox, "a.csv", HEAD + "u,2026-01-01\n")
    assert outcomes(ws) == [("a.csv", "imported")]
    assert runner.described(ws)[0]["failed"] == []


def test_a_mended_mapping_tries_the_failed_files_anew_and_no_others(ws: Workspace, inbox: Path) -> None:
    watching(ws, inbox)
    put(inbox, "good.csv", HEAD + "u,2026-01-01\n", 90)
    put(inbox, "bad.csv", "who,at\nu,2026-01-01\n")
    assert outcomes(ws) == [("good.csv", "imported"), ("bad.csv", "failed")]
    mended = json.loads(json.dumps(MAPPING).replace('"user"', '"who"'))
    watching(ws, inbox, mapping=mended)
    assert outcomes(ws) == [("bad.csv", "imported")]


def test_a_busy_workspace_is_tried_again(ws: Workspace, inbox: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    watching(ws, inbox)
    put(inbox, "a.csv", HEAD + "u,2026-01-01\n")

    def busy(*args: object, **more: object) -> None:
        raise BusyError("The workspace is in use.", hint="Wait.")

    with monkeypatch.context() as patched:
        patched.setattr(ws, "import_file", busy)
        assert outcomes(ws) == [("a.csv", "failed")]
    assert outcomes(ws) == [("a.csv", "imported")]


def test_rows_that_are_rejected_are_told(ws: Workspace, inbox: Path) -> None:
    watching(ws, inbox)
    put(inbox, "a.csv", HEAD + "u,2026-01-01\nu,soon\n")
    (done,) = runner.run(ws, wall(), ["in"])
    assert (done.outcome, done.message) == ("imported", "1 of 2 rows were rejected")
    assert (done.counts["rows"], done.counts["accepted"], done.counts["rejected"]) == (2, 1, 1)


def test_a_file_that_is_only_looked_up_waits_for_its_table_and_the_table_for_it(
    ws: Workspace, inbox: Path
) -> None:
    mapping = json.loads(json.dumps(MAPPING))
    mapping["tables"][0] |= {"files": "orders*.csv", "join": [{"file": "people*.csv", "on": "user"}]}
    watching(ws, inbox, mapping=mapping)
    put(inbox, "orders.csv", HEAD + "u,2026-01-01\n")
    (done,) = runner.run(ws, wall(), ["in"])
    assert (done.outcome, "people*.csv" in done.message) == ("waiting", True)
    put(inbox, "people.csv", "user,city\nu,Kos\n")
    assert outcomes(ws) == [("orders.csv", "imported")]
    assert outcomes(ws) == []


def test_a_folder_that_is_gone_is_said_and_watched_on(ws: Workspace, inbox: Path) -> None:
    watching(ws, inbox)
    inbox.rmdir()
    (done,) = runner.run(ws, wall(), ["in"])
    assert (done.outcome, "cannot be read" in done.message) == ("failed", True)
    inbox.mkdir()
    put(inbox, "a.csv", HEAD + "u,2026-01-01\n")
    assert outcomes(ws) == [("a.csv", "imported")]


def test_only_those_that_are_due_have_their_turn(ws: Workspace, inbox: Path) -> None:
    watching(ws, inbox, every="1h")
    now = wall()
    put(inbox, "a.csv", HEAD + "u,2026-01-01\n")
    assert [done.file for done in runner.run(ws, now)] == ["a.csv"]
    put(inbox, "b.csv", HEAD + "v,2026-01-01\n")
    assert runner.run(ws, now + HOUR - 1) == []
    assert [done.file for done in runner.run(ws, now + HOUR)] == ["b.csv"]


def test_one_round_at_a_time(ws: Workspace, inbox: Path) -> None:
    watching(ws, inbox)
    with locks.held(ws.path / "watch.lock", who="a test"), pytest.raises(BusyError):
        runner.run(ws, wall())


def test_removing(ws: Workspace, inbox: Path) -> None:
    watching(ws, inbox)
    put(inbox, "a.csv", HEAD + "u,2026-01-01\n")
    outcomes(ws)
    with pytest.raises(NotFoundError, match="'inn'"):
        runner.remove(ws, "inn")
    runner.remove(ws, "in")
    assert runner.stored(ws) == []
    assert runner.run(ws, wall()) == []
    assert events(ws) == 1


def test_a_workspace_without_watches_gets_no_state(ws: Workspace) -> None:
    assert runner.run(ws, wall()) == []
    assert runner.described(ws) == []
    assert not (ws.path / "state.db").exists()


class TestAnAddress:
    @pytest.fixture
    def site(self) -> Iterator[Site]:
        made = Site()
        yield made
        made.server.shutdown()
        made.server.server_close()

    def watch(self, ws: Workspace, site: Site, **more: Any) -> None:
        body = {"name": "in", "url": site.url("/orders.csv", "me:pw@"), "mapping": MAPPING, "private": True}
        runner.add(ws, Watch.parse(body | more))

    def test_it_comes_in_once_and_again_when_it_changes(self, ws: Workspace, site: Site) -> None:
        self.watch(ws, site)
        site.file("/orders.csv", (HEAD + "u,2026-01-01\n").encode(), ETag='"1"')
        assert outcomes(ws) == [("orders.csv", "imported")]
        site.file("/orders.csv", b"", status=304)
        assert [outcome for _, outcome in outcomes(ws)] == ["unchanged"]
        assert site.asked[-1][1]["If-None-Match"] == '"1"'
        site.file("/orders.csv", (HEAD + "u,2026-01-01\n").encode())  # a server that knows no tags
        assert [outcome for _, outcome in outcomes(ws)] == ["unchanged"]
        site.file("/orders.csv", (HEAD + "u,2026-01-01\nv,2026-01-02\n").encode())
        assert outcomes(ws) == [("orders.csv", "imported")]
        assert (events(ws), len(ws.batches())) == (2, 2)
        assert list((ws.path / "spill").glob("*")) == []

    def test_what_fails_is_said_without_secrets(self, ws: Workspace, site: Site) -> None:
        self.watch(ws, site)
        site.file("/orders.csv", b"", status=500)
        (done,) = runner.run(ws, wall(), ["in"])
        assert done.outcome == "failed"
        site.file("/orders.csv", b"nobody,when\n1,2\n", ETag='"bad"')
        (bad,) = runner.run(ws, wall(), ["in"])
        assert bad.outcome == "failed"
        assert [outcome for _, outcome in outcomes(ws)] == ["unchanged"]
        (row,) = runner.described(ws)
        assert "pw" not in json.dumps([done.to_dict(), bad.to_dict(), row])
        site.file("/orders.csv", (HEAD + "u,2026-01-01\n").encode())
        assert outcomes(ws) == [("orders.csv", "imported")]

    def test_ones_own_network_must_be_meant(self, ws: Workspace, site: Site) -> None:
        self.watch(ws, site, private=False)
        (done,) = runner.run(ws, wall(), ["in"])
        assert (done.outcome, "--private" in done.message) == ("failed", True)
        assert site.asked == []


class TestTheScheduler:
    def test_files_come_in_while_it_runs_and_no_longer(self, ws: Workspace, inbox: Path) -> None:
        watching(ws, inbox, every="1m")
        put(inbox, "a.csv", HEAD + "u,2026-01-01\n")
        others = set(threading.enumerate())  # servers of other tests that go on have theirs
        with Scheduler(ws, tick=0.05):
            limit = time.monotonic() + 120
            while not ws.batches():
                assert time.monotonic() < limit
                time.sleep(0.05)
        assert events(ws) == 1
        mine = set(threading.enumerate()) - others
        assert not [thread for thread in mine if thread.name == "periplus-watch"]

    def test_it_outlives_what_goes_wrong(
        self, ws: Workspace, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        rounds = threading.Semaphore(0)

        def broken(*args: object, **more: object) -> None:
            rounds.release()
            raise RuntimeError("something nobody thought of")

        monkeypatch.setattr(runner, "run", broken)
        with Scheduler(ws, tick=0.01):
            assert all(rounds.acquire(timeout=60) for _ in range(3))
        assert "something nobody thought of" in caplog.text

    def test_stopping_gives_up_an_import(
        self, ws: Workspace, inbox: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        watching(ws, inbox)
        put(inbox, "a.csv", HEAD + "u,2026-01-01\n")
        under_way = threading.Event()

        def slow(*args: object, progress: Any, **more: object) -> None:
            under_way.set()
            while True:
                progress(0, 1, "reading")
                time.sleep(0.01)

        monkeypatch.setattr(ws, "import_file", slow)
        scheduler = Scheduler(ws, tick=0.05)
        scheduler.start()
        assert under_way.wait(60)
        began = time.monotonic()
        scheduler.stop()
        assert time.monotonic() - began < 30  # by itself it would never end
        monkeypatch.undo()
        assert outcomes(ws) == [("a.csv", "imported")]


class TestTheCommandLine:
    def run(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: object
    ) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["periplus", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        code = ended.value.code
        return (int(code) if code else 0), out, err

    def test_from_adding_to_removing(
        self, tmp_path: Path, inbox: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        shop = tmp_path / "shop"
        periplus.init(shop, shards=1).close()
        at = ("-w", shop)
        code, out, _ = self.run(
            monkeypatch,
            capsys,
            "watch",
            "add",
            "helpdesk",
            "--folder",
            inbox,
            "--every",
            "15m",
            "--mapping",
            "zendesk",
            *at,
        )
        assert (code, f"Watching {inbox} every 15m" in out) == (0, True)
        example = Path(__file__).parents[2] / "examples" / "exports" / "zendesk.csv"
        put(inbox, "zendesk.csv", example.read_text())
        code, out, _ = self.run(monkeypatch, capsys, "watch", "run", *at)
        assert (code, "batch 1, 80 of 80 rows" in out) == (0, True)
        code, out, _ = self.run(monkeypatch, capsys, "watch", "run", *at, "--json")
        assert (code, json.loads(out)) == (0, [])
        put(inbox, "wrong.csv", "a,b\n1,2\n")
        code, out, err = self.run(monkeypatch, capsys, "watch", "run", "helpdesk", *at)
        assert (code, "1 of 1 could not be imported" in err) == (1, True)
        code, out, _ = self.run(monkeypatch, capsys, "watch", "list", *at, "--json")
        (row,) = json.loads(out)
        assert (row["imported"], [each["file"] for each in row["failed"]]) == (1, ["wrong.csv"])
        code, out, _ = self.run(monkeypatch, capsys, "watch", "list", *at)
        assert "wrong.csv" in out
        code, _, err = self.run(monkeypatch, capsys, "watch", "remove", "helpdsk", *at)
        assert (code, "helpdesk" in err) == (1, True)
        code, out, _ = self.run(monkeypatch, capsys, "watch", "remove", "helpdesk", *at)
        assert code == 0
        code, _, err = self.run(monkeypatch, capsys, "watch", "add", "x", "--url", "ftp://x.org/a", *at)
        assert (code, "http://" in err) == (1, True)
