"""The commands end to end on small files: what they print, what they leave, how they say what is wrong."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import periplus
from tests.terminal import Said, run

ORDERS = """order,customer,mail,ordered,total
1001,c1,ann@example.com,2026-01-05 10:00,49.90
1002,c2,bob@example.com,2026-01-06 11:30,20.00
1003,c1,ann@example.com,2026-02-01 09:15,15.50
1004,c3,eve@example.com,yesterday,12.00
"""
MAPPING = """source: orders
consent: {analytics: true}
tables:
- files: "*.csv"
  events:
  - event: Order Completed
    userId: customer
    email: mail
    time: ordered
    properties: {order_id: order, total: total}
"""
CLICKS = [
    ("Product Viewed", "d1", None, "2026-01-05T09:00:00Z"),
    ("Product Added", "d1", None, "2026-01-05T09:30:00Z"),
    ("Product Viewed", "d2", None, "2026-01-05T09:00:00Z"),
    ("Checkout Started", "d1", "c1", "2026-01-05T09:58:00Z"),
]
FUNNEL = {
    "kind": "funnel",
    "steps": [{"event": "Product Viewed"}, {"event": "Order Completed"}],
    "within": "14d",
}


def clicks() -> str:
    return "".join(
        json.dumps(
            {
                "type": "track",
                "event": event,
                "anonymousId": device,
                "timestamp": time,
                "messageId": f"{device}-{event}",
                **({"userId": user} if user else {}),
            }
        )
        + "\n"
        for event, device, user, time in CLICKS
    )


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with orders.csv, orders.yaml, clicks.jsonl and funnel.json."""
    folder = tmp_path_factory.mktemp("files")
    (folder / "orders.csv").write_text(ORDERS)
    (folder / "orders.yaml").write_text(MAPPING)
    (folder / "clicks.jsonl").write_text(clicks())
    (folder / "funnel.json").write_text(json.dumps(FUNNEL))
    return folder


def imported(folder: Path, files: Path) -> list[Said]:
    """A new workspace `shop` in `folder` with both files."""
    shop = folder / "shop"
    return [
        run("init", shop, "--json"),
        run("import", files / "orders.csv", "--mapping", files / "orders.yaml", "-w", shop, "--json"),
        run("import", files / "clicks.jsonl", "-w", shop, "--json"),
    ]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, files: Path) -> Path:
    """A workspace with both files, only to be read."""
    folder = tmp_path_factory.mktemp("read")
    said = imported(folder, files)
    assert [each.code for each in said] == [0, 0, 0], said
    return folder / "shop"


def test_an_import_says_what_became_of_every_row(tmp_path: Path, files: Path) -> None:
    made, orders, events = imported(tmp_path, files)
    assert made.json == {"workspace": str(tmp_path / "shop"), "zone": "UTC", "currency": "EUR", "shards": 16}
    counts = {"rows": 4, "accepted": 3, "duplicate": 0, "rejected": 1, "withheld": 0, "events": 3}
    assert orders.json | {"batch": 1, **counts} == orders.json
    assert (events.json["batch"], events.json["accepted"], events.json["events"]) == (2, 4, 4)


def test_an_import_in_words_points_to_the_ledger(tmp_path: Path, files: Path) -> None:
    shop = tmp_path / "shop"
    made = run("init", shop)
    assert made.code == 0
    assert str(shop) in made.out
    said = run("import", files / "orders.csv", "--mapping", files / "orders.yaml", "-w", shop)
    assert said.code == 0, said
    assert "4 rows = 3 accepted + 0 duplicate + 1 rejected + 0 withheld" in said.out
    assert "periplus ledger --batch 1 --outcome rejected" in said.out


def test_a_dry_run_writes_nothing(tmp_path: Path, files: Path) -> None:
    shop = tmp_path / "shop"
    run("init", shop)
    before = sorted(path.name for path in shop.rglob("*"))
    words = ("import", files / "orders.csv", "--mapping", files / "orders.yaml", "-w", shop, "--dry-run")
    said = run(*words)
    assert said.code == 0, said
    assert "ordered" in said.out
    assert isinstance(run(*words, "--json").json, dict)
    assert sorted(path.name for path in shop.rglob("*")) == before
    assert run("batch", "list", "-w", shop, "--json").json == []


def test_the_same_file_again_is_all_duplicates_and_can_be_undone(tmp_path: Path, files: Path) -> None:
    imported(tmp_path, files)
    shop = tmp_path / "shop"
    again = run("import", files / "clicks.jsonl", "-w", shop)
    assert "0 accepted + 4 duplicate" in again.out
    assert "--replace" in again.out
    ask = ("ask", files / "funnel.json", "-w", shop)
    before = run(*ask).json["rows"]
    undone = run("batch", "undo", 3, "-w", shop, "--json")
    assert undone.json["id"] == 3
    assert undone.json["undone"]
    assert run(*ask).json["rows"] == before
    assert run("batch", "undo", 1, "-w", shop).code == 0
    assert run(*ask).json["rows"][1]["reached"] == 0
    assert [row["undone"] is None for row in run("batch", "list", "-w", shop, "--json").json] == [
        False,
        True,
        False,
    ]


def test_replace_brings_the_rows_anew(tmp_path: Path, files: Path) -> None:
    imported(tmp_path, files)
    shop = tmp_path / "shop"
    mended = tmp_path / "mended.yaml"
    mended.write_text(MAPPING.replace("Order Completed", "Order Placed"))
    said = run("import", files / "orders.csv", "--mapping", mended, "-w", shop, "--replace", 1, "--json")
    assert said.code == 0, said
    assert (said.json["batch"], said.json["accepted"], said.json["duplicate"]) == (3, 3, 0)
    placed = {"kind": "funnel", "steps": [{"event": ["Order Placed"]}]}
    assert run("ask", "-", "-w", shop, stdin=json.dumps(placed)).json["rows"][0]["reached"] == 2
    gone = run("import", files / "orders.csv", "--mapping", mended, "-w", shop, "--replace", 1)
    assert (gone.code, "batch 1" in gone.err) == (1, True)


def test_the_ledger_names_file_line_column_and_reason(shop: Path) -> None:
    (row,) = run("ledger", "--outcome", "rejected", "-w", shop, "--json").json
    assert (row["batch"], row["file"], row["line"], row["outcome"]) == (1, "orders.csv", 5, "rejected")
    assert (row["column"], row["value"], row["payload"]) == ("ordered", "yesterday", ORDERS.splitlines()[4])
    assert "time" in row["reason"]
    assert len(run("ledger", "--batch", 2, "-w", shop, "--json").json) == 4
    assert "yesterday" in run("ledger", "--outcome", "rejected", "-w", shop).out


def test_ask_prints_an_answer_and_people_open_its_numbers(shop: Path, files: Path) -> None:
    said = run("ask", files / "funnel.json", "-w", shop)
    assert said.code == 0, said
    fields = {
        "kind", "question", "rows", "totals", "stages", "now", "now_from", "currency", "version", "seconds",
        "warnings",
    }  # fmt: skip
    assert set(said.json) >= fields
    # d1 signed in as c1 and ordered; d2 only looked.
    assert [row["reached"] for row in said.json["rows"]] == [2, 1]
    asked = run("ask", "-", "-w", shop, stdin=json.dumps(FUNNEL))
    assert asked.json["rows"] == said.json["rows"]
    found = run(
        "people", files / "funnel.json", "--row", '{"step": 1}', "--field", "reached", "-w", shop
    ).json
    assert [person["label"] for person in found] == ["c1"]
    assert len(found[0]["customer"]) == 16


def test_the_workspace_is_found_from_where_one_stands(shop: Path, files: Path) -> None:
    said = run("ask", files / "funnel.json", folder=shop / "runs")
    assert said.code == 0, said


def test_maps_are_listed_added_shown_and_drawn(tmp_path: Path, files: Path) -> None:
    imported(tmp_path, files)
    shop = tmp_path / "shop"
    assert {"id": "shop"}.items() <= run("map", "list", "-w", shop, "--json").json[0].items()
    document = run("map", "show", "shop", "-w", shop).out
    mine = tmp_path / "mine.yaml"
    mine.write_text(document.replace("name: Shop", "name: My shop", 1).replace("id: shop", "id: mine", 1))
    assert run("map", "add", mine, "-w", shop, "--json").json == {"id": "mine"}
    assert [row["id"] for row in run("map", "list", "-w", shop, "--json").json] == ["mine", "shop"]
    svg, yaml = tmp_path / "mine.svg", tmp_path / "copy.yaml"
    drawn = run(
        "map",
        "export",
        "mine",
        svg,
        "--from",
        "2026-01-01",
        "--to",
        "2026-03-01",
        "--now",
        "2026-03-01",
        "-w",
        shop,
    )
    assert drawn.code == 0, drawn
    assert "<svg" in svg.read_text()[:200]
    assert run("map", "export", "mine", yaml, "-w", shop).code == 0
    assert run("map", "add", yaml, "-w", shop, "--json").json == {"id": "mine"}


def test_keys_stand_alone_on_the_last_line(tmp_path: Path) -> None:
    shop = tmp_path / "shop"
    run("init", shop)
    for words in (("source", "add", "web"), ("token", "add", "notebook")):
        said = run(*words, "-w", shop)
        key = said.out.splitlines()[-1]
        assert len(key) >= 20
        assert " " not in key
        assert key not in run(words[0], "list", "-w", shop, "--json").out
    assert [row["name"] for row in run("source", "list", "-w", shop, "--json").json] == ["web"]


def test_secrets_of_a_source_stand_in_no_history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shop = tmp_path / "shop"
    run("init", shop)
    typed = ("source", "add", "ecwid", "--secret", "-", "--store", "1003", "--token", "-", "-w", shop)
    assert run(*typed, stdin="s3cret\nt0ken\n").code == 0
    monkeypatch.setenv("PERIPLUS_SOURCE_SECRET", "fr0m-outside")
    assert run("source", "add", "woo", "-w", shop).code == 0
    said = run("source", "list", "-w", shop, "--json")
    assert [(row["signed"], row["fetches"]) for row in said.json] == [(True, True), (True, False)]
    assert not [word for word in ("s3cret", "t0ken", "fr0m-outside") if word in said.out]
    with periplus.open(shop) as ws:
        kept = [ws.document("source", name) for name in ("ecwid", "woo")]
    assert kept == [
        {"name": "ecwid", "secret": "s3cret", "store": "1003", "token": "t0ken"},
        {"name": "woo", "secret": "fr0m-outside"},
    ]
    nothing = run("source", "add", "third", "--secret", "-", "-w", shop)
    assert (nothing.code == 0, "No secret came in" in nothing.err) == (False, True)


@pytest.mark.parametrize("name", ["all.jsonl", "all.jsonl.gz", "all.parquet"])
def test_an_export_imports_again_as_the_same_events(
    tmp_path: Path, shop: Path, files: Path, name: str
) -> None:
    out, copy = tmp_path / name, tmp_path / "copy"
    said = run("export", out, "-w", shop, "--json")
    assert said.json == {"file": str(out), "events": 7}
    run("init", copy)
    again = run("import", out, "-w", copy, "--json")
    assert again.json["events"] == 7, again
    assert (
        run("ask", files / "funnel.json", "-w", copy).json["rows"]
        == run("ask", files / "funnel.json", "-w", shop).json["rows"]
    )


def test_simulate_gives_the_same_file_for_a_seed(tmp_path: Path) -> None:
    first, second = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    said = run("simulate", first, "--events", 3000, "--seed", 5, "--truth", tmp_path / "truth.json", "--json")
    assert said.code == 0, said
    assert said.json["events"] == len(first.read_text().splitlines())
    run("simulate", second, "--events", 3000, "--seed", 5)
    assert first.read_bytes() == second.read_bytes()
    assert json.loads((tmp_path / "truth.json").read_text())


def test_doctor_finds_a_missing_file(tmp_path: Path, files: Path) -> None:
    imported(tmp_path, files)
    shop = tmp_path / "shop"
    healthy = run("doctor", "-w", shop, "--json")
    assert healthy.code == 0
    assert {check["state"] for check in healthy.json} <= {"ok", "note"}
    next((shop / "runs").glob("*.time.npy")).unlink()
    ill = run("doctor", "-w", shop)
    assert ill.code == 1
    assert ".time.npy" in ill.out


# -- what goes wrong ----------------------------------------------------------------------------


def test_a_problem_is_one_sentence_with_a_hint_on_standard_error(shop: Path) -> None:
    said = run("ask", "-", "-w", shop, stdin=json.dumps({**FUNNEL, "wihtin": "14d"}))
    assert (said.code, said.out) == (1, "")
    assert said.err.startswith("Problem: ")
    assert "'wihtin'" in said.err
    assert "Hint: Did you mean 'within'?" in said.err


def test_with_json_a_problem_is_json(shop: Path) -> None:
    said = run("ask", "-", "-w", shop, "--json", stdin=json.dumps({**FUNNEL, "wihtin": "14d"}))
    problem = json.loads(said.err)
    assert set(problem) == {"code", "message", "hint", "allowed"}
    assert problem["allowed"][0] == "within"


def _imported_with(text: str, name: str, mapping: str, folder: Path) -> Said:
    (folder / name).write_text(text)
    (folder / "mapping.yaml").write_text(mapping)
    run("init", folder / "shop")
    return run("import", folder / name, "--mapping", folder / "mapping.yaml", "-w", folder / "shop")


def test_every_row_rejected_is_a_problem(tmp_path: Path) -> None:
    said = _imported_with(ORDERS.replace("2026-0", "never 0"), "orders.csv", MAPPING, tmp_path)
    assert said.code == 1
    assert "0 accepted" in said.out
    assert "Every row was rejected" in said.err
    assert len(run("ledger", "--outcome", "rejected", "-w", tmp_path / "shop", "--json").json) == 4


def test_a_mapping_that_names_a_missing_column_names_the_nearest(tmp_path: Path) -> None:
    said = _imported_with(ORDERS, "orders.csv", MAPPING.replace("email: mail", "email: male"), tmp_path)
    assert said.code == 1
    assert "'male'" in said.err
    assert "'mail'" in said.err
    assert run("batch", "list", "-w", tmp_path / "shop", "--json").json == []


@pytest.mark.parametrize(
    ("words", "stdin", "said"),
    [
        (("ask", "nowhere.json"), "", "nowhere.json"),
        (("ask", "-"), "{", "not JSON"),
        (("ask", "-"), "[]", "not a JSON object"),
        (("ask", "-"), '{"kind": "funel"}', "'funnel'"),
        (("ask", "-"), '{"kind": "map", "map": "shpo"}', "'shop'"),
        (("people", "-", "--row", "{", "--field", "reached"), "{}", "not JSON"),
        (("people", "-", "--row", "{}", "--field", "reched"), '{"kind": "map", "map": "shop"}', "'reached'"),
        (("batch", "undo", "7"), "", "batch 7"),
        (("ledger", "--outcome", "rejekted"), "", "'rejected'"),
        (("map", "show", "shpo"), "", "'shop'"),
        (("map", "add", "nowhere.yaml"), "", "nowhere.yaml"),
        (("map", "export", "shop", "out.doc"), "", ".svg"),
        (("import", "nowhere.csv"), "", "nowhere.csv"),
        (("export", "out.doc"), "", ".jsonl"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_problems_are_told(shop: Path, tmp_path: Path, words: tuple[str, ...], stdin: str, said: str) -> None:
    told = run(*words, "-w", shop, stdin=stdin, folder=tmp_path)
    assert (told.code, told.out) == (1, ""), told
    assert said in told.err
    assert "Traceback" not in told.err


@pytest.mark.parametrize(
    "words", [("batch", "list"), ("ask", "-"), ("serve",), ("doctor", "-w", ".")], ids=" ".join
)
def test_where_there_is_no_workspace(tmp_path: Path, words: tuple[str, ...]) -> None:
    told = run(*words, folder=tmp_path, stdin="{}")
    assert told.code == 1
    assert "periplus init" in told.err


def test_doctor_looks_at_the_installation_without_a_workspace(tmp_path: Path) -> None:
    assert run("doctor", folder=tmp_path).code == 0


def test_a_folder_is_made_a_workspace_once(tmp_path: Path) -> None:
    assert run("init", tmp_path / "shop").code == 0
    again = run("init", tmp_path / "shop")
    assert again.code == 1
    assert "already" in again.err
    wrong = run("init", tmp_path / "other", "--zone", "Europe/Atens")
    assert wrong.code == 1
    assert "Europe/Athens" in wrong.err
    assert not (tmp_path / "other").exists()


def test_the_version_is_said_also_by_the_module() -> None:
    assert run("--version").out.strip() == f"periplus {periplus.__version__}"
    said = subprocess.run(
        [sys.executable, "-m", "periplus", "--version"], capture_output=True, text=True, check=True
    )
    assert said.stdout.strip() == f"periplus {periplus.__version__}"
