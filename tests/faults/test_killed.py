"""A writer killed (SIGKILL) at any moment leaves the version before or the version after, and the next one cleans up."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from periplus.store import manifest
from periplus.workspace import init
from tests.faults import shops
from tests.faults.forking import Terminal

MOMENTS = int(os.environ.get("PERIPLUS_EXAMPLES", "3"))
"""How many moments of each operation are tried; as many as there are for a large number."""
COMPACTING = {"periplus.store.compact:WORTH": 3, "periplus.store.compact:MOST_RUNS": 1}


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A workspace with one batch of 60 events, small enough to be written in no time."""
    init(tmp_path / "shop", shards=2, threads=1, memory="500MB").close()
    return tmp_path / "shop"


def moments(changes: int) -> Sequence[int]:
    """Some of the moments before a change of files, the first and the last ones always among them."""
    if changes <= MOMENTS:
        return range(changes)
    last = list(range(changes - min(4, MOMENTS // 2), changes))
    return sorted(
        {round(n * (changes - 1) / (MOMENTS - len(last))) for n in range(MOMENTS - len(last))} | {*last}
    )


def consistent(root: Path, either: Sequence[int]) -> int:
    """The live version is whole, and holds each event once; returns how many, which is one of `either`."""
    ids = shops.standing_ids(root)
    assert set(ids.values()) <= {1}
    assert len(ids) in either
    shops.counts_add_up(root)
    shops.healthy(root)
    return len(ids)


def test_an_import_killed_before_any_change_of_files_is_done_again_whole(shell: Terminal, shop: Path) -> None:
    log = shops.log(90)
    first, second = (
        shops.write(shop.parent / "1.jsonl", log[:60]),
        shops.write(shop.parent / "2.jsonl", log[30:]),
    )
    assert shell.run("import", first, "-w", shop).code == 0
    spare = shop.parent / "spare"
    shutil.copytree(shop, spare)
    whole = shell.run("import", second, "-w", spare, under=str(spare))
    assert whole.code == 0, whole.err
    assert whole.changes > 20
    expected = shops.answers(spare)
    for moment in moments(whole.changes):
        killed = shell.run("import", second, "-w", shop, under=str(shop), kill_at=moment)
        assert killed.killed, killed
        if consistent(shop, (60, 90)) == 90:  # the last changes come after the version was published
            break
    again = shell.run("import", second, "-w", shop, "--json")
    assert again.code == 0, again.err
    assert again.json["accepted"] + again.json["duplicate"] == 60
    assert consistent(shop, [90]) == 90
    assert shops.strays(shop) == []
    assert shops.answers(shop) == expected


def test_an_import_killed_after_random_delays(shell: Terminal, shop: Path) -> None:
    path = shops.write(shop.parent / "1.jsonl", shops.log(400))
    spare = shop.parent / "spare"
    shutil.copytree(shop, spare)
    lasting = shell.run("import", path, "-w", spare).seconds
    choose = random.Random(7)
    for _ in range(MOMENTS):
        shell.run("import", path, "-w", shop, kill_after=choose.uniform(0, lasting))
        if consistent(shop, (0, 400)):
            break
    assert shell.run("import", path, "-w", shop).code == 0
    consistent(shop, [400])
    assert shops.strays(shop) == []
    assert shops.answers(shop) == shops.answers(spare)


def test_the_real_command_killed_while_it_prepares(shell: Terminal, shop: Path) -> None:
    path = shops.write(shop.parent / "1.jsonl", shops.log(20_000))
    command = [Path(sys.executable).parent / "periplus", "import", path, "-w", shop]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not any((shop / "spill").iterdir()) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)
    process.kill()
    assert process.wait() == -9
    assert [path.name.split("-")[0] for path in (shop / "spill").iterdir()] == ["staging"]
    assert consistent(shop, [0]) == 0
    some = shops.write(shop.parent / "2.jsonl", shops.log(20))
    assert shell.run("import", some, "-w", shop).code == 0
    assert shops.strays(shop) == []
    assert shell.run("import", path, "-w", shop, "--json").json["events"] == 20_000 - 20


def test_an_undo_killed_before_any_change_of_files(shell: Terminal, shop: Path) -> None:
    log = shops.log(90)
    parts = [log[:60], log[30:]]
    for number, part in enumerate(parts):
        assert shell.run("import", shops.write(shop.parent / f"{number}.jsonl", part), "-w", shop).code == 0
    spare = shop.parent / "spare"
    shutil.copytree(shop, spare)
    whole = shell.run("batch", "undo", 1, "-w", spare, under=str(spare))
    assert whole.code == 0, whole.err
    expected = shops.answers(spare)
    for moment in moments(whole.changes):
        assert shell.run("batch", "undo", 1, "-w", shop, under=str(shop), kill_at=moment).killed
        if consistent(shop, (60, 90)) == 60:
            break
    else:
        assert shell.run("batch", "undo", 1, "-w", shop).code == 0
    assert consistent(shop, [60]) == 60
    assert shops.answers(shop) == expected
    again = shell.run("import", shop.parent / "0.jsonl", "-w", shop, "--json")
    assert (again.json["accepted"], again.json["duplicate"]) == (30, 30)
    assert consistent(shop, [90]) == 90


def test_compaction_killed_before_any_change_of_files(shell: Terminal, shop: Path) -> None:
    log = shops.log(90)
    for number in range(2):
        part = shops.write(shop.parent / f"{number}.jsonl", log[30 * number : 30 * number + 30])
        assert shell.run("import", part, "-w", shop).code == 0
    last = shops.write(shop.parent / "last.jsonl", log[60:])
    spare = shop.parent / "spare"
    shutil.copytree(shop, spare)
    whole = shell.run("import", last, "-w", spare, under=str(spare), set=COMPACTING)
    assert whole.code == 0, whole.err
    expected = shops.answers(spare)
    assert any(name.startswith("shards/") for name in manifest.read(spare).files)
    plain = shell.run("import", last, "-w", shop, under=str(shop))  # published, not compacted
    assert consistent(shop, [90]) == 90
    late = whole.changes - plain.changes
    assert late > 20
    for moment in moments(late):
        trial = shop.parent / f"trial{moment}"
        shutil.copytree(shop, trial)
        # An import of what is there publishes a batch of duplicates and then compacts.
        killed = shell.run(
            "import", last, "-w", trial, under=str(trial), kill_at=plain.changes + moment, set=COMPACTING
        )
        consistent(trial, [90])
        assert shops.answers(trial) == expected
        if not killed.killed:
            continue
        assert shell.run("import", last, "-w", trial, set=COMPACTING).code == 0
        consistent(trial, [90])
        assert shops.answers(trial) == expected


def test_files_of_older_versions_stay_for_their_readers_and_then_go(shell: Terminal, shop: Path) -> None:
    from periplus.workspace import open_workspace

    log = shops.log(60)
    first, second = (
        shops.write(shop.parent / "1.jsonl", log[:30]),
        shops.write(shop.parent / "2.jsonl", log[30:]),
    )
    assert shell.run("import", first, "-w", shop).code == 0
    for path in shop.rglob("*"):  # what has stood for long may still have been read a moment ago
        os.utime(path, (1, 1))
    with open_workspace(shop) as reader:
        before = reader.context()
        assert shell.run("import", second, "-w", shop, set=COMPACTING).code == 0
        assert shell.run("import", second, "-w", shop).code == 0
        assert shops.strays(shop) != []
        from periplus import question

        assert question.ask(shops.QUESTIONS[0], before).totals["journeys"] > 0
        assert reader.ask(shops.QUESTIONS[0]).version != before.snapshot.version
    gone = shell.run("import", second, "-w", shop, set={"periplus.store.manifest:GRACE": -1.0})
    assert gone.code == 0
    manifest.sweep(shop, manifest.read(shop), grace=-1.0)
    assert shops.strays(shop) == []
    assert len(list((shop / "manifests").iterdir())) == 1
    consistent(shop, [60])
