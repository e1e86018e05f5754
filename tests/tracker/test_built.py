"""The scripts that are served: small, free of what strict pages forbid, and built from the source beside them."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from periplus.collect.channel import table
from periplus.web.page import HERE

TRACKER = HERE / "tracker"
STATIC = HERE / "static"
SCRIPTS = ("periplus.js", "periplus-experience.js")


def fingerprint(entry: str) -> str:
    """The hash of a script's source, as build.mjs takes it."""
    modules = sorted((TRACKER / entry.removesuffix(".js")).glob("*.js"))
    digest = hashlib.sha256()
    for path in (TRACKER / entry, *modules):
        digest.update(f"{path.relative_to(TRACKER).as_posix()}\n".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:8]


def test_the_tracker_is_under_three_kilobytes() -> None:
    assert len(gzip.compress((STATIC / "periplus.js").read_bytes(), 9)) < 3072


@pytest.mark.parametrize("name", SCRIPTS)
def test_it_was_built_from_this_source(name: str) -> None:
    built = (STATIC / name).read_text(encoding="utf-8")
    assert f'"{fingerprint(name)}"' in built, (
        "build it: cd src/periplus/web/tracker && npm install && npm run build"
    )


@pytest.mark.parametrize("name", SCRIPTS)
def test_nothing_in_it_needs_an_exception_of_a_policy(name: str) -> None:
    built = (STATIC / name).read_text(encoding="utf-8")
    assert not re.search(r"\beval\b|new Function|innerHTML|document\.write|\.style\b|https?://", built)


def test_the_tracker_knows_the_clicks_of_the_servers_table() -> None:
    source = (TRACKER / "periplus" / "arrival.js").read_text(encoding="utf-8")
    (pattern,) = re.findall(r"const CLICK = /(.+)/;", source)
    for click in table().clicks:
        found = re.search(pattern, f"?a=1&{click}=abc&b=2")
        assert found, click
        assert found.groups() == (click, "abc")
    assert not re.search(pattern, "?include=1&article=2&q=gclid")


def test_versions_are_exact_and_addresses_are_nowhere() -> None:
    package = json.loads((TRACKER / "package.json").read_text(encoding="utf-8"))
    assert "dependencies" not in package
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in package["devDependencies"].values())
    assert not [path for path in TRACKER.rglob("*lock*") if "node_modules" not in path.parts]


def test_a_new_build_is_the_same_to_the_byte(tmp_path: Path) -> None:
    if not (shutil.which("npm") and shutil.which("node")):
        pytest.skip("npm is not here, so the scripts are not built anew; their fingerprints were compared")
    copy = tmp_path / "tracker"
    shutil.copytree(TRACKER, copy, ignore=shutil.ignore_patterns("node_modules"))
    command = ["npm", "install", "--no-audit", "--no-fund", "--loglevel=error"]
    try:
        installed = subprocess.run(
            command, cwd=copy, capture_output=True, text=True, timeout=240, check=False
        )
    except subprocess.TimeoutExpired:
        pytest.skip("npm did not get esbuild and terser within four minutes")
    if installed.returncode:
        pytest.skip(f"npm could not install esbuild and terser: {installed.stderr.strip()[-200:]}")
    subprocess.run(["node", "build.mjs", str(tmp_path)], cwd=copy, check=True, timeout=120)
    for name in SCRIPTS:
        assert (tmp_path / name).read_bytes() == (STATIC / name).read_bytes(), name
