"""Disks that are full, folders one may not write, two at once: said plainly, and nothing is lost."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from periplus.workspace import init
from tests.faults import processes, shops
from tests.faults.processes import ROOT, Process
from tests.terminal import Said, run


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    init(tmp_path / "shop", shards=2, threads=1, memory="500MB").close()
    return tmp_path / "shop"


def refused(ended: Said, *words: str) -> None:
    assert ended.code == 1, ended
    assert ended.out == ""
    message, hint, *more = ended.err.splitlines()
    assert message.startswith("Problem: ")
    assert hint.startswith("   Hint: ")
    assert more == []
    for word in words:
        assert word in ended.err


# -- disks --------------------------------------------------------------------------------------


def test_files_that_may_not_grow(shop: Path) -> None:
    """RLIMIT_FSIZE: the kernel refuses each write beyond so many bytes, wherever it comes from."""
    good, more = shops.write(shop.parent / "good.jsonl", shops.log(20)), shops.log(1500, prefix="x")
    assert run("import", good, "-w", shop).code == 0
    many = shops.write(shop.parent / "many.jsonl", more)
    before = shops.answers(shop)
    sizes = [3_000, 15_000, 60_000]
    limited = processes.run_all([("import", many, "-w", shop)] * 3, file_sizes=sizes).said
    for said in [each for each in limited if each.code]:  # the largest may be enough
        refused(said, "is full", "nothing was changed", "room")
    assert limited[0].code == 1
    if limited[-1].code:
        assert shops.answers(shop) == before
    assert list((shop / "spill").iterdir()) == []
    assert run("import", many, "-w", shop).code == 0
    outs = [shop.parent / name for name in ("out.jsonl", "out.jsonl.gz", "out.parquet")]
    exports = [("export", out, "-w", shop) for out in outs]
    for said in processes.run_all(exports, file_sizes=[2_000] * 3).said:
        refused(said, "is full")
    assert not list(shop.parent.glob("out.*"))
    assert len(shops.standing_ids(shop)) == 1520
    shops.healthy(shop)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 3 MB, where one may mount one."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = shutil.which("mount")
    if os.getuid() != 0 or mount is None:
        pytest.skip("only root can mount a small disk")
    if subprocess.run(
        [mount, "-t", "tmpfs", "-o", "size=3m", "tmpfs", place], capture_output=True
    ).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        yield place
    finally:
        # Lazily: what this process still has mapped of it goes when it is forgotten.
        subprocess.run(["umount", "-l", place], check=True)


def test_a_full_disk(disk: Path) -> None:
    init(disk / "shop", shards=2, threads=1, memory="500MB").close()
    shop, files = disk / "shop", disk.parent
    assert run("import", shops.write(files / "good.jsonl", shops.log(20)), "-w", shop).code == 0
    question = files / "question.json"
    question.write_text(json.dumps(shops.QUESTIONS[0]))
    before = shops.answers(shop)
    many = shops.write(files / "many.jsonl", shops.log(1500, prefix="x"))
    stops = 0
    for free in (0, 60_000, 200_000):
        with (disk / "ballast").open("wb") as ballast:
            ballast.write(bytes(shutil.disk_usage(disk).free))
            ballast.truncate(max(0, ballast.tell() - free))
        ended = run("import", many, "-w", shop)
        if ended.code == 0:
            break
        stops += 1
        refused(ended, "full", "nothing was changed")
        assert run("ask", question, "-w", shop).code == 0
        assert shops.answers(shop) == before
        if free == 0:
            refused(run("batch", "undo", 1, "-w", shop), "full")
            refused(run("token", "add", "ann", "-w", shop), "full")
            refused(run("export", disk / "out.parquet", "-w", shop), "full")
        (disk / "ballast").unlink()
    assert stops >= 2
    (disk / "ballast").unlink(missing_ok=True)
    assert run("import", many, "-w", shop).code == 0
    assert len(shops.standing_ids(shop)) == 1520
    assert shops.strays(shop) == []
    shops.healthy(shop)


def test_a_disk_that_fills_while_compacting_does_not_fail_the_import(
    shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from periplus.errors import StoreError
    from periplus.store import compact
    from periplus.workspace import open_workspace

    def full(*_: object) -> int:
        raise StoreError("The disk is full.", hint="Free some room.")

    monkeypatch.setattr(compact, "tidy", full)
    with open_workspace(shop) as opened:
        result = opened.import_file(shops.write(shop.parent / "a.jsonl", shops.log(5)))
    assert (result.accepted, len(result.warnings)) == (5, 1)
    assert "The events are in" in result.warnings[0]


# -- rights -------------------------------------------------------------------------------------


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that everybody may read: pytest's own are their owner's alone."""
    with tempfile.TemporaryDirectory(prefix="periplus-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def test_a_workspace_one_may_only_read(place: Path) -> None:
    if os.getuid() != 0:
        pytest.skip("only root can become another user")
    shop, nobody = place / "shop", pwd.getpwnam("nobody").pw_uid
    init(shop, shards=2, threads=1, memory="500MB").close()
    good = shops.write(place / "good.jsonl", shops.log(20))
    assert run("import", good, "-w", shop).code == 0
    question = place / "question.json"
    question.write_text(json.dumps(shops.QUESTIONS[0]))
    for path in shop.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    secret, partly = (Path(shutil.copytree(shop, place / name)) for name in ("secret", "partly"))
    (secret / "periplus.toml").chmod(0o600)
    hot = next((partly / "runs").glob("*.time.npy"))
    hot.chmod(0o600)
    reads = [("ask", question), ("batch", "list"), ("map", "list"), ("ledger",)]
    writes = [
        ("import", good),
        ("batch", "undo", 1),
        ("token", "add", "ann"),
        ("export", shop / "out.jsonl"),
        ("export", shop / "out.parquet"),
        ("init", place / "new"),
    ]
    commands: list[tuple[object, ...]] = [
        *((*words, "-w", shop) for words in [*reads, *writes, ("doctor",)]),
        ("batch", "list", "-w", secret),
        ("ask", question, "-w", partly),
    ]
    *said, doctor, unreadable, hidden = processes.run_all(commands, user=nobody).said
    for each in said[: len(reads)]:
        assert each.code == 0, each
    assert said[0].json["rows"] == run("ask", question, "-w", shop).json["rows"]
    for each in said[len(reads) :]:
        refused(each, "right")
    assert doctor.code == 1
    assert "may not write" in doctor.out
    refused(unreadable, "periplus.toml", "right")
    refused(hidden, hot.name, "read")
    shops.healthy(shop)


# -- two at once --------------------------------------------------------------------------------


def test_two_imports_at_once_both_succeed(shop: Path) -> None:
    log = shops.log(600)
    first, second = (
        shops.write(shop.parent / "1.jsonl", log[:400]),
        shops.write(shop.parent / "2.jsonl", log[200:]),
    )
    with (
        Process(("import", first, "-w", shop, "--json")) as one,
        Process(("import", second, "-w", shop, "--json")) as other,
    ):
        ended = [said for process in (one, other) for said in process.end().said]
    assert [each.code for each in ended] == [0, 0], ended
    assert sorted(each.json["batch"] for each in ended) == [1, 2]
    assert sum(each.json["accepted"] for each in ended) == 600
    assert sum(each.json["duplicate"] for each in ended) == 200
    assert len(shops.standing_ids(shop)) == 600
    assert shops.strays(shop) == []
    shops.counts_add_up(shop)
    single = shop.parent / "single"
    init(single, shards=2, threads=1, memory="500MB").close()
    assert run("import", first, "-w", single).code == 0
    assert run("import", second, "-w", single).code == 0
    assert shops.answers(shop) == shops.answers(single)


_HOLD = """
import sys, periplus
with periplus.open(sys.argv[1]) as shop, shop.serving():
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_server_is_refused_until_the_first_is_gone_even_by_kill(shop: Path) -> None:
    from periplus.errors import BusyError
    from periplus.workspace import open_workspace

    with (
        open_workspace(shop) as opened,
        subprocess.Popen(
            [sys.executable, "-c", _HOLD, shop],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        ) as process,
    ):
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "held\n"
            with pytest.raises(BusyError) as busy, opened.serving():
                pass
            assert f"periplus serve, process {process.pid}" in busy.value.message
            assert busy.value.hint
            refused(run("serve", "--port", 0, "-w", shop), "in use by periplus serve")
            opened.import_file(shops.write(shop.parent / "a.jsonl", shops.log(5)))  # others work meanwhile
        finally:
            process.kill()
            process.wait()
        with opened.serving():
            pass


def test_a_writer_waits_for_the_one_before_and_says_whom_it_waited_for(
    shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from periplus.errors import BusyError
    from periplus.people import admission
    from periplus.store import locks
    from periplus.workspace import open_workspace

    monkeypatch.setattr(admission, "WAIT_FOR_WRITER", 0.2)
    path = shops.write(shop.parent / "a.jsonl", shops.log(5))
    with open_workspace(shop) as opened:
        with locks.held(shop / "write.lock", who="somebody"):
            started = time.monotonic()
            with pytest.raises(BusyError) as busy:
                opened.import_file(path)
            assert time.monotonic() - started >= 0.2
        assert "in use by somebody" in busy.value.message
        assert list((shop / "spill").iterdir()) == []
        assert opened.import_file(path).accepted == 5


def test_what_another_process_is_preparing_is_not_swept(shop: Path) -> None:
    from periplus.store.home import open_home

    home = open_home(shop)
    with home.staging() as mine:
        (mine / "events").write_text("x")
        left = home.spill / "staging-left-by-the-dead"
        left.mkdir()
        home.clear_spill()
        assert (mine / "events").exists()
        assert not left.exists()
    assert not mine.exists()
