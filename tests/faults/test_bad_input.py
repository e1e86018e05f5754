"""Bad input is one plain message with a hint and exit code 1; what was accepted before stays, and the next import works."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from periplus.doctor import examine
from periplus.store import compiled
from periplus.workspace import init
from tests.faults import shops
from tests.faults.bad_files import BAD, MAPPING, ORDERS, BadFile
from tests.terminal import Said, run


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with one good batch of 20 events."""
    folder = tmp_path_factory.mktemp("bad")
    init(folder / "shop", shards=2, threads=1, memory="500MB").close()
    good = shops.write(folder / "good.jsonl", shops.log(20))
    assert run("import", good, "-w", folder / "shop").code == 0
    return folder / "shop"


def refused(said: Said, *words: str) -> None:
    """One plain message on standard error with a hint, exit code 1, and nothing of our insides."""
    assert said.code == 1, said
    message, hint, *more = said.err.splitlines()
    assert message.startswith("Problem: ")
    assert hint.startswith("   Hint: ")
    assert len(hint) > 15
    assert more == []
    for word in words:
        assert word in said.err
    for inside in ("Traceback", "Errno", "duckdb", "sqlalche", "Exception", "import-"):
        assert inside not in said.err


def imported(shop: Path, name: str, content: str | bytes, mapping: str | bytes | None = MAPPING) -> Said:
    path = shop.parent / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    words: list[Any] = ["import", path, "-w", shop]
    if mapping is not None:
        document = shop.parent / "mapping.yaml"
        document.write_bytes(mapping.encode() if isinstance(mapping, str) else mapping)
        words += ["--mapping", document]
    return run(*words)


# -- files --------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", BAD, ids=lambda case: case.name)
def test_a_file_or_mapping_that_cannot_be_read(shop: Path, case: BadFile) -> None:
    before = [row["id"] for row in run("batch", "list", "-w", shop, "--json").json]
    refused(imported(shop, case.name, case.content, case.mapping), *case.said)
    assert [row["id"] for row in run("batch", "list", "-w", shop, "--json").json] == before
    assert list((shop / "spill").iterdir()) == []


def test_a_mapping_nested_without_end(shop: Path) -> None:
    refused(imported(shop, "deep.csv", ORDERS, "[" * 5000))


def test_a_zero_character_in_the_name_of_a_property(shop: Path) -> None:
    event = {**shops.log(1, prefix="zero")[0], "properties": {"odd\0name": 1}}
    assert imported(shop, "zero.jsonl", json.dumps(event), None).code == 0


def test_events_no_one_would_send_are_rejected_one_by_one_or_kept(shop: Path) -> None:
    kept = shops.log(1, prefix="odd")[0]
    lines = [
        json.dumps(kept),
        json.dumps({**kept, "messageId": "odd-surrogate", "event": "A\ud800", "userId": "\udfff"}),
        json.dumps({**kept, "messageId": "odd-long", "event": "B" * 1_000_000, "userId": "u" * 1_000_000}),
        '{"type": "track", "event": "A", "userId": "u", "timestamp": "2026-01-01", "properties": {"a": NaN}}',
        '{"type": "track", "event": 1e999, "userId": {"a": 1}, "messageId": [1], "timestamp": 1e30}',
        '{"type": "track", "event": "A", "userId": "u", "timestamp": "9999999-01-01T00:00:00Z"}',
        '{"a":' * 5000 + "1" + "}" * 5000,
        "[" * 50_000 + "]" * 50_000,
        '"only a text"',
        "{",
    ]
    path = shop.parent / "odd.jsonl"
    path.write_text("\n".join(lines) + "\n")
    said = run("import", path, "-w", shop, "--json")
    assert said.code == 0, said
    assert (said.json["rows"], said.json["accepted"], said.json["rejected"]) == (10, 3, 7)
    reasons = run("ledger", "--batch", said.json["batch"], "--outcome", "rejected", "-w", shop, "--json").json
    assert all(row["reason"] for row in reasons)
    assert run("batch", "undo", said.json["batch"], "-w", shop).code == 0


def test_times_without_a_zone_are_taken_in_a_named_one(shop: Path) -> None:
    said = imported(shop, "naive.csv", ORDERS, "zone: Europe/Athens\n" + MAPPING)
    assert said.code == 0, said
    first = run("ask", "-", "-w", shop, stdin=json.dumps({**QUESTION, "now": "2026-01-05T08:00:00Z"})).json
    assert first["totals"]["entered"] == 1  # 10:00 in Athens
    earlier = run("ask", "-", "-w", shop, stdin=json.dumps({**QUESTION, "now": "2026-01-05T07:59:59Z"})).json
    assert earlier["totals"]["entered"] == 0
    batch = run("batch", "list", "-w", shop, "--json").json[0]["id"]
    assert run("batch", "undo", batch, "-w", shop).code == 0


def test_the_plan_names_the_zone(shop: Path) -> None:
    (shop.parent / "naive.csv").write_text(ORDERS)
    (shop.parent / "mapping.yaml").write_text("zone: Europe/Athens\n" + MAPPING)
    words = [
        "import",
        shop.parent / "naive.csv",
        "--mapping",
        shop.parent / "mapping.yaml",
        "-w",
        shop,
        "--dry-run",
    ]
    said = run(*words)
    assert said.code == 0, said
    assert "Europe/Athens" in said.out


QUESTION = {"kind": "funnel", "steps": [{"event": "Order Completed"}, {"event": "Never"}], "within": "14d"}


def test_local_times_that_do_not_exist_are_rejected(shop: Path) -> None:
    content = ORDERS.replace("2026-01-05 10:00", "2026-03-29 03:30").replace("1,c1", "77,c77")
    said = imported(shop, "clock.csv", content, "zone: Europe/Athens\n" + MAPPING)
    assert said.code == 0, said
    assert "1 rejected" in said.out
    row = run("ledger", "--outcome", "rejected", "-w", shop, "--json").json[-1]
    assert (row["file"], row["line"], row["value"]) == ("clock.csv", 2, "2026-03-29 03:30")
    assert "does not exist" in row["reason"]


def test_dates_in_two_formats_are_read_in_one(shop: Path) -> None:
    dates = [
        "2026-01-05 10:00",
        "05/01/2026 10:00",
        "2026-01-06 10:00",
        "13/01/2026 10:00",
        "2026-01-07 10:00",
    ]
    rows = "".join(f"two{number},c{number},{date},5\n" for number, date in enumerate(dates))
    said = imported(shop, "two.csv", ORDERS.splitlines()[0] + "\n" + rows)
    assert said.code == 0, said
    assert "3 accepted" in said.out
    assert "2 rejected" in said.out
    rejected = run("ledger", "--outcome", "rejected", "-w", shop, "--json").json
    assert [row["line"] for row in rejected if row["file"] == "two.csv"] == [3, 5]


def test_after_all_that_nothing_is_lost_and_an_import_works(shop: Path) -> None:
    shops.healthy(shop)
    shops.counts_add_up(shop)
    ids = shops.standing_ids(shop)
    assert {f"m{number}" for number in range(20)} <= set(ids)
    said = run("import", shops.write(shop.parent / "next.jsonl", shops.log(5, prefix="next")), "-w", shop)
    assert said.code == 0, said
    assert "5 accepted" in said.out


# -- questions ----------------------------------------------------------------------------------

FUNNEL: dict[str, Any] = {
    "kind": "funnel",
    "steps": [{"event": "Product Viewed"}, {"event": "Order Completed"}],
    "within": "14d",
}
LONG = "x" * 1_000_000


def _nested(depth: int) -> dict[str, Any]:
    condition: dict[str, Any] = {"event": "A"}
    for _ in range(depth):
        condition = {"not": condition}
    return condition


def _step(**where: Any) -> dict[str, Any]:
    return {**FUNNEL, "steps": [{"where": where}, {"event": "Order Completed"}]}


@pytest.mark.parametrize(
    "question",
    [
        *(
            {**FUNNEL, "within": value}
            for value in (LONG, -5, float("nan"), "99999999999999999999d", [], {"sessions": 0})
        ),
        *(
            {**FUNNEL, "steps": value}
            for value in (5, [], [5], [[]], "x", [{"event": 5}], [{"event": []}], None)
        ),
        *(
            {**FUNNEL, "steps": [{"event": value}, {"event": "A"}]}
            for value in (LONG, [5], {"a": 1}, float("nan"))
        ),
        {**FUNNEL, "steps": [_nested(300), {"event": "A"}]},
        {**FUNNEL, "steps": [{"event": "A"}, {"event": "B", "within": 5, "optional": "maybe"}]},
        *({**FUNNEL, "order": value} for value in (5, ["ordered"], "orderd", LONG)),
        *({**FUNNEL, "period": {"from": value}} for value in (5e300, float("nan"), "2026-13-45", 10**30, [])),
        {**FUNNEL, "period": 5},
        *({**FUNNEL, "now": value} for value in ("yesterday", float("inf"), 10**30, {}, LONG)),
        *({**FUNNEL, "breakdown": value} for value in (5, {"x": 1}, [])),
        *({**FUNNEL, "breakdown_step": value} for value in (10**30, -1, 1.5, "one")),
        *({**FUNNEL, "hold": value} for value in (5, [5], "x")),
        *({**FUNNEL, "exclude": value} for value in (5, [5], [{"event": "A", "from": 10**30}])),
        *({**FUNNEL, "map": value} for value in (5, LONG, {"x": 1}, [], "shpo")),
        *({**FUNNEL, "zone": value} for value in (5, "../../etc/passwd", LONG, "\0")),
        {**FUNNEL, "unit": "x"},
        {**FUNNEL, "wihtin": "14d"},
        {**FUNNEL, "\ud800": 1},
        *({"kind": value} for value in (5, None, [], "funel", LONG)),
        {"kind": "funnel"},
        {"kind": "map"},
        {"kind": "flow"},
        {"kind": "map", "map": {"stages": []}},
        *({"kind": "flow", "map": "shop", "top": value} for value in (-1, float("nan"), "many")),
        *({"kind": "flow", "map": "shop", "from": value} for value in (5, "nowhere")),
        _step(price={"gte": float("nan")}),
        _step(price={"mathces": "x"}),
        _step(price={"matches": "(((("}),
        _step(price={"eq": {"a": 1}}),
        {},
    ],
    ids=lambda question: (
        json.dumps(question).replace(LONG, "LONG").replace(json.dumps(FUNNEL)[1:-1], "…")[:70]
    ),
)
def test_a_question_that_makes_no_sense(shop: Path, question: dict[str, Any]) -> None:
    said = run("ask", "-", "-w", shop, stdin=json.dumps(question))
    assert (said.code, said.out) == (1, ""), said
    assert said.err.startswith("Problem: ")
    assert "Traceback" not in said.err
    assert len(said.err) < 5000


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "nul",
        "5",
        '"x"',
        "{" * 100_000,
        "[" * 100_000,
        '{"a":' * 100_000,
        "\0",
        '{"x":' + "9" * 5000 + "}",
    ],
    ids=lambda text: text[:8],
)
def test_a_question_that_is_not_json(shop: Path, text: str) -> None:
    refused(run("ask", "-", "-w", shop, stdin=text), "JSON")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_a_question_from_a_file(shop: Path, encoding: str) -> None:
    path = shop.parent / "question.json"
    path.write_text(json.dumps(FUNNEL), encoding=encoding)
    assert run("ask", path, "-w", shop).code == 0


def test_a_question_file_in_another_encoding(shop: Path) -> None:
    path = shop.parent / "question.json"
    path.write_bytes(json.dumps(FUNNEL).encode("utf-16"))
    refused(run("ask", path, "-w", shop), "not JSON")


# -- workspaces ---------------------------------------------------------------------------------


@pytest.fixture
def copy(shop: Path, tmp_path: Path) -> Path:
    import shutil

    return Path(shutil.copytree(shop, tmp_path / "shop"))


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ('zoen = "UTC"', ["'zoen'", "'zone'"]),
        ("threads = true", ["threads"]),
        ("threads = 1.5", ["threads"]),
        ("threads = 100000", ["threads"]),
        ('threads = "x"', ["threads"]),
        ("shards = 0", ["shards"]),
        ("zone = 5", ["zone"]),
        ('zone = "Europe/Atens"', ["Europe/Athens"]),
        ('memory = "lots"', ["memory"]),
        ('state = "postgres//x"', ["state"]),
        ("[other]\na = 1", ["'other'"]),
        ("currency", ["TOML"]),
        ("format = 99\nnovel = 1", ["newer version", "Upgrade"]),
    ],
)
def test_settings_that_are_wrong(copy: Path, written: str, said: list[str]) -> None:
    path = copy / "periplus.toml"
    kept = [line for line in path.read_text().splitlines() if line.split(" ")[0] != written.split(" ")[0]]
    path.write_text("\n".join([*kept, written]) + "\n")
    told = (
        run("map", "list", "-w", copy)
        if "state" in written
        else run("ask", "-", "-w", copy, stdin=json.dumps(FUNNEL))
    )
    if "state" in written:
        assert "not the URL of a database" in told.err
    assert told.code == 1
    assert told.err.startswith("Problem: ")
    for word in said:
        assert word in told.err


def test_settings_that_are_no_text(copy: Path) -> None:
    (copy / "periplus.toml").write_bytes(b"\xff\xfe")
    refused(run("batch", "list", "-w", copy), "periplus.toml")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda text: text.replace('"format": 1', '"format": 2, "novel": []'), "newer version"),
        (lambda text: text.replace('"shards"', '"shrads"'), "damaged"),
        (lambda text: text[:100], "damaged"),
        (lambda text: "", "damaged"),
        (lambda text: "[]", "damaged"),
        (lambda text: "{}", "damaged"),
    ],
    ids=["newer", "word", "cut", "empty", "list", "nothing"],
)
def test_a_manifest_from_a_newer_version_or_damaged(
    copy: Path, change: Callable[[str], str], said: str
) -> None:
    number = int((copy / "CURRENT").read_text())
    path = copy / "manifests" / f"{number:06d}.json"
    path.write_text(change(path.read_text()))
    before = {file: file.read_bytes() for file in copy.rglob("*") if file.is_file()}
    refused(run("ask", "-", "-w", copy, stdin=json.dumps(FUNNEL)), said)
    refused(run("import", shop_file(copy), "-w", copy), said)
    refused(run("batch", "undo", "1", "-w", copy), said)
    assert {file: file.read_bytes() for file in copy.rglob("*") if file.is_file()} == before


def shop_file(root: Path) -> Path:
    return shops.write(root.parent / "more.jsonl", shops.log(3, prefix="more"))


@pytest.mark.parametrize("content", ["", "x", "70", "-1"])
def test_a_current_that_names_nothing(copy: Path, content: str) -> None:
    (copy / "CURRENT").write_text(content)
    refused(run("batch", "list", "-w", copy), "not a whole workspace")
    refused(run("import", shop_file(copy), "-w", copy), "not a whole workspace")


def test_doctor_finds_files_that_are_damaged_or_missing(copy: Path) -> None:
    name = next((copy / "runs").glob("*[0-9].parquet"))
    name.write_bytes(name.read_bytes()[:-20])
    said = run("doctor", "-w", copy)
    assert said.code == 1
    assert "Damaged" in said.out
    refused(run("import", shop_file(copy), "-w", copy))
    name.with_suffix(".json").unlink()
    refused(run("doctor", "-w", copy), ".json")


def twice(n):  # type: ignore[no-untyped-def]
    return 2 * n


def test_a_loop_without_a_place_to_keep_it_runs_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled.warm()  # or `examine` would compile all of ours, and keep none
    monkeypatch.setattr(compiled, "_folder", Path("/proc/nowhere"))
    monkeypatch.setattr(compiled, "_problem", None)
    assert compiled.Loop(twice, "i8(i8)")(21) == 42
    assert "/proc/nowhere" in (compiled.cache_problem() or "")
    assert any(check["state"] == "note" and "/proc/nowhere" in check["detail"] for check in examine(None))


@pytest.mark.parametrize("ending", ["nbi", "nbc"])
def test_a_kept_loop_that_is_damaged_is_compiled_anew(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, ending: str
) -> None:
    monkeypatch.setattr(compiled, "_folder", tmp_path)
    monkeypatch.setattr(compiled, "_problem", None)
    assert compiled.Loop(twice, "i8(i8)")(21) == 42
    assert compiled.cache_problem() is None
    for kept in tmp_path.rglob(f"*.{ending}"):  # as a power cut leaves what was just written
        kept.write_bytes(kept.read_bytes()[:50])
    assert compiled.Loop(twice, "i8(i8)")(21) == 42
    assert str(tmp_path) in (compiled.cache_problem() or "")


def test_a_name_of_a_file_that_is_no_text(copy: Path) -> None:
    name = os.fsdecode(os.fsencode(copy.parent) + b"/caf\xe9.jsonl")
    shops.write(Path(name), shops.log(3, prefix="coffee"))
    assert run("import", name, "-w", copy).code == 0
    assert run("batch", "list", "-w", copy, "--json").json[0]["files"][0]["name"] == "caf\ufffd.jsonl"
    # A real terminal that knows few letters; the test's own takes all.
    command = [sys.executable, "-c", "from periplus.cli import main; main()"]
    for words, code in ((["batch", "list", "-w", copy], 0), (["import", name + "x", "-w", copy], 1)):
        ended = subprocess.run(
            [*command, *words],
            env={**os.environ, "PYTHONIOENCODING": "ascii"},
            capture_output=True,
            timeout=100,
        )
        assert ended.returncode == code, ended
        assert ended.stderr.splitlines()[0][:8] == b"Problem:" if code else ended.stderr == b""
