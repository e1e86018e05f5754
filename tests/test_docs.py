"""The documentation holds: links lead somewhere, commands run, examples are true, what exists is there."""

from __future__ import annotations

import doctest
import importlib
import os
import pkgutil
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import periplus
from periplus.condition.tree import OPERATORS
from periplus.journeys.walk import OUTCOMES, STATES
from periplus.people.ledger import OUTCOMES as LEDGER
from periplus.question import kinds
from tests.store.postgres import kept_port

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted(DOCS.rglob("*.md"))]
RUN = [ROOT / "README.md", DOCS / "quickstart.md"]
"""Pages whose every block is run."""
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def name_of(value: object) -> str:
    return str(value.relative_to(ROOT)) if isinstance(value, Path) else str(value)


def prose(page: Path) -> str:
    """A page without its code blocks."""
    return FENCE.sub("", page.read_text(encoding="utf-8"))


def anchors(page: Path) -> set[str]:
    """The places of a page that a link can name, as they are made of its headings."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


# -- links and indexes --------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    for target in LINK.findall(prose(page)):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        assert there.exists(), f"{name_of(page)} links to {target}"
        if anchor:
            assert anchor in anchors(there), f"{name_of(page)} links to {target}"


def test_the_indexes_list_every_page() -> None:
    for folder, pages in ((DOCS, DOCS.rglob("*.md")), (DOCS / "adr", (DOCS / "adr").glob("*.md"))):
        targets = LINK.findall(prose(folder / "README.md"))
        listed = {(folder / target.partition("#")[0]).resolve() for target in targets}
        for page in pages:
            inside = page.parent == DOCS / "adr" != folder
            assert inside or page.name == "README.md" or page in listed, name_of(page)


def test_decisions_are_numbered_and_have_a_status() -> None:
    records = sorted((DOCS / "adr").glob("0*.md"))
    assert [int(record.name[:4]) for record in records] == list(range(1, len(records) + 1))
    for record in records:
        text = record.read_text(encoding="utf-8")
        assert text.startswith(f"# {record.name[:4]} ")
        assert re.search(r"^Status: (accepted|superseded by \d{4})$", text, re.MULTILINE), record.name
        for part in ("Context", "Decision", "Consequences"):
            assert f"\n## {part}\n" in text, record.name


# -- documented or fails ------------------------------------------------------------------------


def test_the_glossary_has_each_word_once_and_the_words_of_the_code() -> None:
    text = (DOCS / "glossary.md").read_text(encoding="utf-8")
    terms = [term.lower() for start in re.findall(r"^(\*\*.+)", text, re.MULTILINE)
             for term in re.findall(r"\*\*([^*]+?)[.,]?\*\*", start)]  # fmt: skip
    assert sorted(set(terms)) == sorted(terms)
    words = text.lower()
    for word in (
        *OUTCOMES,
        *STATES,
        *LEDGER,
        *kinds,
        "journey",
        "visit",
        "stage",
        "step",
        "touchpoint",
        "lapse",
    ):
        assert re.search(rf"\b{word}\b", words), word
    for module in ("event", "condition", "question", "registry", "workspace", "people/", "maps/", "store/"):
        assert f"`{module}" in text, module


def test_the_semantics_have_every_kind_key_field_and_operator() -> None:
    text = (DOCS / "semantics.md").read_text(encoding="utf-8")
    for kind in kinds:
        assert f"## The question `{kind}`" in text
        for name, field in kinds[kind].model.model_fields.items():
            assert re.search(rf"\b{field.alias or name}\b", text), f"{kind}: {name}"
    ends = [f"({outcome})" for outcome in ("start", *OUTCOMES[2:], "other", "off map")]
    for word in (*OUTCOMES, *STATES, *LEDGER, *ends, *OPERATORS):
        assert word in text, word


def test_the_folders_are_in_the_architecture() -> None:
    text = (DOCS / "architecture.md").read_text(encoding="utf-8")
    source = ROOT / "src" / "periplus"
    for package in sorted(path.parent.name for path in source.glob("*/__init__.py")):
        assert re.search(rf"\b{package}/", text), package


def test_nothing_names_this_machine_or_a_registry() -> None:
    private = re.compile(r"/(root|home|work|Users)/\w|\.local\b|pypi|files\.pythonhosted", re.IGNORECASE)
    for path in (*PAGES, ROOT / "Makefile", ROOT / ".ci" / "run", ROOT / "constraints.txt"):
        assert not private.search(path.read_text(encoding="utf-8")), name_of(path)


# -- doctests -----------------------------------------------------------------------------------


def modules() -> Iterator[str]:
    for module in pkgutil.walk_packages(periplus.__path__, "periplus."):
        if ".migrations" not in module.name:
            yield module.name


def test_doctests() -> None:
    results = {name: doctest.testmod(importlib.import_module(name)) for name in modules()}
    assert not [name for name, result in results.items() if result.failed]
    assert sum(result.attempted for result in results.values()) > 50


# -- commands -----------------------------------------------------------------------------------


@dataclass
class Shell:
    """Runs the blocks of one page in one folder, a server it starts included."""

    folder: Path
    port: int
    server: subprocess.Popen[str] | None = None

    @property
    def environment(self) -> dict[str, str]:
        programs = Path(sys.executable).parent
        return {
            **os.environ,
            "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
            "PYTHONWARNINGS": "error",
        }

    def block(self, language: str, text: str) -> str:
        """Run one block; returns what it printed."""
        text = text.replace("8765", str(self.port))
        if language == "python":
            return self.run([sys.executable, "-c", text])
        printed = ""
        before, serve, after = self.parted(text)
        if before:
            printed += self.run(["bash", "-euo", "pipefail", "-c", before])
        if serve:
            printed += self.serve(serve)
        if after:
            printed += self.run(["bash", "-euo", "pipefail", "-c", after])
        return printed

    @staticmethod
    def parted(text: str) -> tuple[str, str, str]:
        """What comes before `periplus serve`, that line itself, and what comes after.

        Lines that set the repository up are left out: this *is* the repository, set up.
        """
        lines = [line for line in text.splitlines() if not re.match(r"git clone |make |\. \.venv/", line)]
        at = next((n for n, line in enumerate(lines) if line.startswith("periplus serve")), len(lines))
        return "\n".join(lines[:at]).strip(), "".join(lines[at : at + 1]), "\n".join(lines[at + 1 :]).strip()

    def run(self, words: list[str]) -> str:
        done = subprocess.run(
            words, cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=300
        )
        assert done.returncode == 0, f"{words[-1]}\n{done.stdout}\n{done.stderr}"
        assert "Warning" not in done.stderr, done.stderr
        return done.stdout

    def serve(self, line: str) -> str:
        """Start the server, which goes on, and wait until it answers; returns the sign-in link."""
        self.server = subprocess.Popen(
            line.split(), cwd=self.folder, env=self.environment, stdout=subprocess.PIPE, text=True
        )
        assert self.server.stdout is not None
        for printed in self.server.stdout:
            if printed.startswith("http"):
                break
        else:
            raise AssertionError(f"{line} ended without printing a link")
        limit = time.monotonic() + 120
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/healthz", timeout=5) as response:
                    assert response.status == 200
                    return printed
            except OSError:
                assert time.monotonic() < limit, "the server does not answer"
                time.sleep(0.1)

    def stop(self) -> None:
        if self.server is not None:
            self.server.send_signal(signal.SIGINT)
            self.server.communicate(timeout=120)


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    with kept_port() as port:
        found = Shell(tmp_path, port)
        yield found
        found.stop()


@pytest.mark.timeout(1800)  # a page starts some twenty processes
@pytest.mark.parametrize("page", RUN, ids=name_of)
def test_every_block_runs(page: Path, shell: Shell) -> None:
    blocks = FENCE.findall(page.read_text(encoding="utf-8"))
    assert {language for language, _ in blocks} <= {"sh", "python"}
    left_out = [text for _, text in blocks if "curl" in text and shutil.which("curl") is None]
    for language, text in blocks:
        if text not in left_out:
            shell.block(language, text)
    if left_out:
        pytest.skip(f"{len(left_out)} blocks need curl, which is not installed; the others ran")


def test_the_verbs_are_targets_of_the_makefile() -> None:
    text = "\n".join(block for page in PAGES for _, block in FENCE.findall(page.read_text(encoding="utf-8")))
    named = set(re.findall(r"^make (\w+)", text, re.MULTILINE))
    assert named == {"demo", "test", "check", "fmt", "docs", "bench"}
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for verb in named:
        assert re.search(rf"^{verb}:", makefile, re.MULTILINE), verb
