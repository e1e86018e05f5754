"""What others write programs against: names, commands, options and exit codes stay as they are.

A change that breaks one of these tests breaks somebody's script. Add, do not rename.
"""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer

import periplus
from periplus.cli import app
from tests.terminal import run

ROOT = Path(__file__).resolve().parents[1]

COMMANDS = {
    "init": "DIRECTORY --zone --currency --shards --workspace --json",
    "import": "FILES --mapping --source --replace --dry-run --workspace --json",
    "ask": "QUESTION --workspace --json",
    "people": "QUESTION --row --field --workspace --json",
    "batch list": "--workspace --json",
    "batch undo": "BATCH --workspace --json",
    "watch add": "NAME --folder --url --files --every --mapping --source --private --workspace --json",
    "watch list": "--workspace --json",
    "watch remove": "NAME --workspace --json",
    "watch run": "NAMES --workspace --json",
    "ledger": "--batch --outcome --limit --workspace --json",
    "source add": "NAME --workspace --json",
    "source set": "FILE --workspace --json",
    "source list": "--workspace --json",
    "token add": "NAME --workspace --json",
    "token list": "--workspace --json",
    "map list": "--workspace --json",
    "map show": "NAME --workspace --json",
    "map add": "FILE --workspace --json",
    "map export": "NAME OUT --from --to --now --workspace --json",
    "segment list": "--workspace --json",
    "segment show": "NAME --workspace --json",
    "segment add": "FILE --workspace --json",
    "segment count": "NAME --now --workspace --json",
    "export": "OUT --workspace --json",
    "traffic show": "--workspace --json",
    "traffic try": "RULES --workspace --json",
    "traffic adopt": "RULES --workspace --json",
    "identity why": "CUSTOMER --workspace --json",
    "identity proposals": "--workspace --json",
    "identity match": "--threshold --workspace --json",
    "identity join": "ONE OTHER --why --dry-run --workspace --json",
    "identity separate": "ONE OTHER --why --dry-run --workspace --json",
    "identity block": "IDENTIFIER --why --dry-run --workspace --json",
    "identity dismiss": "ONE OTHER --why --workspace --json",
    "identity undo": "DECISION --why --dry-run --workspace --json",
    "identity rules": "FILE --why --dry-run --workspace --json",
    "identity log": "--workspace --json",
    "identity hash": "KINDS --none --workspace --json",
    "vocabulary list": "--workspace --json",
    "vocabulary show": "NAME --version --workspace --json",
    "vocabulary try": "FILE --since --workspace --json",
    "vocabulary adopt": "FILE --workspace --json",
    "vocabulary apply": "--since --dry-run --workspace --json",
    "plan show": "--workspace --json",
    "plan suggest": "--since --workspace --json",
    "plan check": "FILE --since --until --workspace --json",
    "plan adopt": "FILE --workspace --json",
    "person export": "IDENTIFIER OUT --workspace --json",
    "erase": "IDENTIFIER --yes --later --reason --workspace --json",
    "erasure list": "--workspace --json",
    "erasure show": "NUMBER --workspace --json",
    "erasure finish": "--workspace --json",
    "erasure log": "--limit --workspace --json",
    "retention show": "--workspace --json",
    "retention set": "RULES --dry-run --workspace --json",
    "retention run": "--dry-run --workspace --json",
    "consent show": "CUSTOMER --workspace --json",
    "consent set": "CUSTOMER --allow --refuse --source --time --workspace --json",
    "catalogue import": "FILE --kind --source --partial --workspace --json",
    "catalogue list": "TEXT --gone --limit --workspace --json",
    "serve": "--host --port --workspace --json",
    "simulate": "OUT --events --seed --truth --workspace --json",
    "doctor": "--workspace --json",
}

METHODS = {
    "import_file": ["path", "mapping", "source", "replace", "dry_run"],
    "undo": ["batch"],
    "batches": [],
    "ledger": ["batch", "outcome", "limit", "offset"],
    "add_map": ["document"],
    "maps": [],
    "map": ["name"],
    "draw": ["map_id", "period", "now", "theme", "traffic"],
    "ask": ["question_"],
    "people": ["question_", "row", "field"],
    "search": ["text", "limit", "offset", "traffic"],
    "customer": ["id_text", "traffic"],
    "timeline": ["customer", "map_id", "now", "traffic"],
    "traffic_rules": [],
    "try_traffic": ["rules"],
    "adopt_traffic": ["rules"],
    "add_token": ["name"],
    "check_token": ["text"],
    "add_source": ["name"],
    "sources": [],
    "export": ["path"],
    "snapshot": [],
    "suggest": ["what", "text", "path", "limit"],
}


def _commands(group: Any, prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            found |= _commands(command, f"{name} ")
        else:
            found[prefix + name] = command
    return found


def _spelling(command: Any) -> set[str]:
    """Arguments in capitals, options by their long names."""
    words: set[str] = set()
    for parameter in command.params:
        long = [option for option in parameter.opts if option.startswith("--")]
        words |= set(long) if long else {parameter.name.upper()}
    return words - {"--help"}


def test_the_commands_are_these() -> None:
    found = _commands(typer.main.get_command(app))
    assert set(found) == set(COMMANDS)
    for name, command in found.items():
        assert _spelling(command) >= set(COMMANDS[name].split()), name


def test_every_command_and_option_has_its_help() -> None:
    for name, command in _commands(typer.main.get_command(app)).items():
        assert command.help, name
        for parameter in command.params:
            if any(option.startswith("--") for option in parameter.opts):
                assert parameter.help, (name, parameter.name)


@pytest.mark.parametrize(
    "words",
    [
        ("akk", "question.json"),
        ("ask",),
        ("ask", "a.json", "b.json"),
        ("ask", "a.json", "--workspaces", "shop"),
        ("people", "a.json", "--row", "{}"),
        ("batch", "undo", "first"),
        ("serve", "--port", "http"),
        ("simulate", "out.jsonl", "--events", "many"),
    ],
    ids=" ".join,
)
def test_wrong_usage_is_2(words: tuple[str, ...]) -> None:
    said = run(*words)
    assert (said.code, said.out) == (2, "")
    assert "Usage" in said.err


def test_the_installed_command_ends_with_0_1_and_2(tmp_path: Path) -> None:
    """The other tests call the function; this one holds that the command is that function."""

    def code(*words: str) -> int:
        program = Path(sys.executable).with_name("periplus")
        return subprocess.run([program, *words], capture_output=True, cwd=tmp_path, timeout=120).returncode

    assert [code("--help"), code("batch", "list"), code("batch", "lst")] == [0, 1, 2]


def test_the_package_names_what_the_documents_name() -> None:
    pages = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
    text = "\n".join(page.read_text(encoding="utf-8") for page in pages)
    assert set(re.findall(r"\bperiplus\.([A-Za-z_]+)\(", text)) <= set(periplus.__all__)
    assert set(re.findall(r"\bperiplus\.([A-Za-z_]+)\b", text)) >= set(periplus.__all__)
    assert sorted(periplus.__all__) == [
        "Attribution", "Drivers", "Flow", "Funnel", "Lifecycle", "Map", "Pattern", "PeriplusError", "Retention", "Site", "Timing", "Trend", "Workspace", "init", "open",
    ]  # fmt: skip
    for name in periplus.__all__:
        assert hasattr(periplus, name)


def test_a_workspace_does_these_things() -> None:
    for name, wanted in METHODS.items():
        parameters = list(inspect.signature(getattr(periplus.Workspace, name)).parameters)[1:]
        assert parameters[: len(wanted)] == wanted, name
        assert inspect.getdoc(getattr(periplus.Workspace, name)) or name in ("check_token",), name


def test_importing_the_package_loads_nothing_heavy() -> None:
    """A command that asks nothing must not wait for a compiler or a web server."""
    heavy = ("numba", "fastapi", "altair", "pandas", "alembic")
    script = f"import sys, periplus; print(*[name for name in {heavy!r} if name in sys.modules])"
    found = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=120
    )
    assert found.stdout.split() == []
