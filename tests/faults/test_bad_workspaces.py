"""Workspaces whose settings or files are wrong, damaged or gone: one plain message."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults import shops
from tests.faults.test_bad_input import refused
from tests.faults.test_bad_questions import FUNNEL
from tests.terminal import run


@pytest.fixture
def copy(shop: Path, tmp_path: Path) -> Path:
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
