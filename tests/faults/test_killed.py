"""A writer killed (kill -9) at any moment leaves the version before or the version after, whole; run again it ends as it should.

Twice over: a writer is photographed before each change it makes to files, and each photograph is what a kill there
would have left; and processes are really killed, at moments over the whole run.
"""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from periplus.store import manifest
from periplus.workspace import init
from tests import terminal
from tests.faults import processes, shops
from tests.faults.processes import Process

MOMENTS = int(os.environ.get("PERIPLUS_EXAMPLES", "5"))
"""At how many moments of each operation it is run again; every moment is looked at."""
TRIES = 20
"""How often a process is killed from outside until it was at the right moment: whoever looks may be held up."""
COMPACTING = {"periplus.store.compact:WORTH": 3, "periplus.store.compact:MOST_RUNS": 1}


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """An empty workspace, small enough to be written in no time."""
    init(tmp_path / "shop", shards=2, threads=1, memory="500MB").close()
    return tmp_path / "shop"


def told(*words: object) -> terminal.Said:
    """A command that ends well, in this process."""
    said = terminal.run(*words)
    assert said.code == 0, said
    return said


@dataclass(frozen=True)
class Operation:
    """What is done to a workspace: first some commands, then the one that is killed; how often each event stands after."""

    before: Sequence[Sequence[object]]
    words: Sequence[object]
    ends_with: range
    constants: dict[str, Any]


FIRST, SECOND = ("import", "1.jsonl"), ("import", "2.jsonl")
OPERATIONS = {
    "import": Operation([FIRST], SECOND, range(90), {}),
    "first import": Operation([], FIRST, range(60), {}),
    "replace": Operation([FIRST], (*SECOND, "--replace", 1), range(30, 90), {}),
    "undo": Operation([FIRST, SECOND], ("batch", "undo", 1), range(30, 90), {}),
    "compaction": Operation([FIRST], SECOND, range(90), COMPACTING),
}


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_whatever_a_kill_leaves_is_a_whole_version_and_is_done_again(
    shop: Path, operation: Operation, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = shop.parent
    log = shops.log(90)
    shops.write(folder / "1.jsonl", log[:60])
    shops.write(folder / "2.jsonl", log[30:])
    monkeypatch.chdir(folder)
    for words in operation.before:
        told(*words, "-w", shop)
    first = manifest.live_number(shop)
    words = (*operation.words, "-w", shop)
    ended = processes.run_all(
        [_whole(words, folder)], under=str(shop), photos=str(folder / "photos"), set=operation.constants
    )
    assert ended.said[0].code == 0, ended
    for name, value in operation.constants.items():
        monkeypatch.setattr(name.replace(":", "."), value)
    last = manifest.live_number(shop)
    assert last > first
    photos = sorted((folder / "photos").iterdir())
    assert len(photos) == len(ended.changes) > 20
    expected = shops.answers(shop)
    answered: dict[int, Any] = {}
    for photo, change in zip(photos, ended.changes, strict=True):
        live = manifest.live_number(photo)
        assert first <= live <= last, change
        same_version(photo, shop)
        if live not in answered:  # files of one version are the same bytes, so its answers are
            answered[live] = shops.answers(photo)
            healthy(photo)
    assert set(range(first, last)) <= set(answered)
    assert all(found == expected for version, found in answered.items() if version > first)
    for number in spread(len(photos)):
        photo = photos[number]
        if number % 2:
            tear(photo, photos[number - 1])
        again = terminal.run(*operation.words, "-w", photo)
        done = manifest.live_number(photo) > first and operation.words[0] == "batch"
        assert again.code == 0 or (done and "undone already" in again.err) or "no live batch 1" in again.err
        ids = shops.standing_ids(photo)
        assert ids == {f"m{event}": 1 for event in operation.ends_with}, ended.changes[number]
        assert shops.answers(photo) == expected
        shops.counts_add_up(photo)
        swept(photo)


def _whole(words: Iterable[object], folder: Path) -> tuple[object, ...]:
    """A command whose files are named from the root: another process stands elsewhere."""
    return tuple(folder / word if str(word).endswith(".jsonl") else word for word in words)


def spread(count: int) -> list[int]:
    """`MOMENTS` of the moments, evenly over all of them, the first and the last among them."""
    if count <= MOMENTS:
        return list(range(count))
    return sorted({round(place * (count - 1) / (MOMENTS - 1)) for place in range(MOMENTS)})


def same_version(photo: Path, shop: Path) -> None:
    """The live version of `photo` is one that `shop` published: the same manifest, and each file it names the same bytes."""
    live = manifest.read(photo)
    name = f"manifests/{live.number:06d}.json"
    assert (photo / name).read_bytes() == (shop / name).read_bytes()
    for stem in shops.named(live):
        parts = sorted(path.name for path in (shop / stem).parent.glob(f"{Path(stem).name}.*"))
        assert parts, stem
        for part in parts:
            kept = (photo / stem).with_name(part)
            assert kept.read_bytes() == (shop / stem).with_name(part).read_bytes(), kept


def tear(photo: Path, before: Path) -> None:
    """Cut in half what came into being since the photograph before: a write that was under way."""
    for path in photo.rglob("*"):
        if path.is_file() and not (before / path.relative_to(photo)).exists() and "CURRENT" not in path.name:
            if str(path.relative_to(photo)).split(".")[0] not in shops.named(manifest.read(photo)):
                os.truncate(path, path.stat().st_size // 2)


def swept(root: Path) -> None:
    """Whoever writes next leaves nothing that no version needs, once the time for readers of older ones is over."""
    manifest.sweep(root, manifest.read(root), grace=-1.0)
    assert shops.strays(root) == []
    assert len(list((root / "manifests").iterdir())) == 1
    healthy(root)


def healthy(root: Path) -> None:
    shops.healthy(root)
    shops.counts_add_up(root)


# -- really killed ------------------------------------------------------------------------------


def test_an_import_killed_again_and_again_ends_with_exactly_the_events_of_the_file(shop: Path) -> None:
    log = shops.log(90)
    first, second = (
        shops.write(shop.parent / "1.jsonl", log[:60]),
        shops.write(shop.parent / "2.jsonl", log[30:]),
    )
    told("import", first, "-w", shop)
    late = Path(shutil.copytree(shop, shop.parent / "late"))
    before = shops.answers(shop)
    switched = r"os.remove spill/.*/events"  # the new version is live, the folder of the import still there
    assert processes.run("import", second, "-w", late, under=str(late), die_at=switched).killed
    expected = shops.answers(late)
    assert shops.standing_ids(late) == {f"m{event}": 1 for event in range(90)}
    for moment in (
        r"os.rmdir spill/.*/scratch",  # staged, not yet admitted
        r"open runs/.*\.time\.npy",  # the run is written, its sidecars are not
        r"os.rename manifests/",  # what a manifest would name is there
        r"os.rename CURRENT",  # between manifest and switch
    ):
        ended = processes.run("import", second, "-w", shop, under=str(shop), die_at=moment)
        assert ended.killed, moment
        assert shops.answers(shop) == before
    healthy(shop)
    for root, new in ((shop, 30), (late, 0)):
        again = told("import", second, "-w", root, "--json").json
        assert (again["accepted"], again["duplicate"]) == (new, 60 - new)
        assert shops.standing_ids(root) == {f"m{event}": 1 for event in range(90)}
        assert shops.answers(root) == expected
        swept(root)


def test_an_import_killed_while_the_engine_writes(shop: Path) -> None:
    """Killed from outside while DuckDB has a file half written, of which Python knows nothing."""
    path = shops.write(shop.parent / "1.jsonl", shops.log(20_000))
    every = {f"m{event}": 1 for event in range(20_000)}
    for pattern in ("spill/staging-*/import-*/events*.parquet", "runs/*.parquet"):
        for number in range(TRIES):
            here = Path(shutil.copytree(shop, shop.with_name(f"{pattern.split('/')[0]}{number}")))
            with Process(("import", path, "-w", here)) as process:
                ended = process.kill_when(lambda here=here, pattern=pattern: begun(here, pattern))  # type: ignore[misc]
            if manifest.live_number(here) == manifest.live_number(shop):
                break
            assert shops.standing_ids(here) == every  # it was looked at too late
        else:
            pytest.fail(f"no import was killed while it wrote {pattern}")
        shop = here
        assert ended.killed
        assert any((shop / "spill").iterdir())
        assert shops.standing_ids(shop) == {}
        healthy(shop)
    assert told("import", path, "-w", shop, "--json").json["accepted"] == 20_000
    assert shops.standing_ids(shop) == every
    swept(shop)


def begun(root: Path, pattern: str) -> bool:
    """Whether something is written in a file; one may be gone again when it is looked at."""
    try:
        return any(found.stat().st_size > 4 for found in root.glob(pattern))
    except FileNotFoundError:
        return False


def test_an_import_killed_after_random_delays(shop: Path) -> None:
    path = shops.write(shop.parent / "1.jsonl", shops.log(400))
    choose = random.Random(7)
    for _ in range(max(MOMENTS // 2, 2)):
        delay = choose.uniform(0.2, 3)
        with Process(("import", path, "-w", shop)) as process:
            process.kill_after(delay)
        assert len(shops.standing_ids(shop)) in (0, 400)
    told("import", path, "-w", shop)
    assert shops.standing_ids(shop) == {f"m{event}": 1 for event in range(400)}
    swept(shop)


# -- versions that were live --------------------------------------------------------------------


def test_files_of_older_versions_stay_for_their_readers_and_then_go(
    shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from periplus import question
    from periplus.workspace import open_workspace

    log = shops.log(60)
    first, second = (
        shops.write(shop.parent / "1.jsonl", log[:30]),
        shops.write(shop.parent / "2.jsonl", log[30:]),
    )
    told("import", first, "-w", shop)
    for path in shop.rglob("*"):  # what has stood for long may still have been read a moment ago
        os.utime(path, (1, 1))
    for name, value in COMPACTING.items():
        monkeypatch.setattr(name.replace(":", "."), value)
    with open_workspace(shop) as reader:
        before = reader.context()
        told("import", second, "-w", shop)
        told("import", second, "-w", shop)
        assert shops.strays(shop) != []
        assert question.ask(shops.QUESTIONS[0], before).totals["journeys"] > 0
        assert reader.ask(shops.QUESTIONS[0]).version != before.snapshot.version
    assert len(shops.standing_ids(shop)) == 60
    swept(shop)
