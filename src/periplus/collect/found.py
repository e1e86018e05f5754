"""Which files an import means: the ones given, matched with a mapping's names, and those it looks things up in."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path

from periplus.collect.mapping import Join, MappingDocument
from periplus.collect.opened import Workbench
from periplus.errors import InputError, nearest

_PACKED = (".gz", ".zst", ".zstd")


def given(paths: str | Path | Sequence[str | Path]) -> list[Path]:
    """The files of what was given, a folder standing for the files in it; raises InputError for a missing one."""
    listed = [paths] if isinstance(paths, str | Path) else list(paths)
    result: list[Path] = []
    for each in listed:
        path = Path(each).expanduser()
        if path.is_dir():
            result += sorted(
                child for child in path.iterdir() if child.is_file() and not child.name.startswith(".")
            )
        elif path.is_file():
            result.append(path)
        else:
            close = (
                nearest(path.name, [child.name for child in path.parent.iterdir()])
                if path.parent.is_dir()
                else []
            )
            raise InputError(
                f"There is no file {path}.",
                code="no_file",
                hint=f"Did you mean {close[0]!r}?" if close else "Check the path.",
                allowed=close,
            )
    if not listed or not result:
        raise InputError(
            "There is no file to import.", code="no_file", hint="Name one file or more, or a folder."
        )
    return list(dict.fromkeys(result))


def bare(name: str) -> str:
    """A file name without the ending of its compression."""
    for ending in _PACKED:
        if name.lower().endswith(ending):
            return name[: -len(ending)]
    return name


def matches(path: Path, pattern: str) -> bool:
    """Whether a file is meant by a mapping's name or glob; compression endings do not matter."""
    names = (path.name, bare(path.name))
    last = pattern.rsplit("/", 1)[-1]
    return any(fnmatch(name, wanted) for name in names for wanted in (last, bare(last)))


def by_table(document: MappingDocument, paths: Sequence[Path]) -> tuple[list[list[Path]], list[str]]:
    """For each table its files among those given, and warnings; raises InputError for a file no table means."""
    tables = [
        [path for path in paths if any(matches(path, name) for name in table.files)]
        for table in document.tables
    ]
    joined = [join.file for table in document.tables for join in table.join]
    used = {path for table in tables for path in table}
    left = [path for path in paths if path not in used and not any(matches(path, name) for name in joined)]
    warnings: list[str] = []
    if left and len(document.tables) == 1 and not tables[0]:
        names = ", ".join(document.tables[0].files)
        warnings.append(
            f"The mapping is for files named {names}; it was used for {left[0].name} all the same."
        )
        tables[0], left = left, []
    if left and not any(tables):
        names = ", ".join(name for table in document.tables for name in table.files)
        raise InputError(
            f"The mapping says nothing of {left[0].name}: its tables are for {names}.",
            code="no_table",
            hint="Rename the file, or change `files` in the mapping.",
        )
    for path in left:
        warnings.append(f"{path.name} was left out: no table of the mapping is for it.")
    for table, files in zip(document.tables, tables, strict=True):
        if not files:
            warnings.append(f"No file given is for {', '.join(table.files)}; nothing was made of that table.")
    if not any(tables):
        raise InputError(
            "None of the files given is for a table of the mapping.", code="no_table",
            hint=f"Name a file like {document.tables[0].files[0]}.",
        )  # fmt: skip
    return tables, warnings


def beside(pattern: str, paths: Sequence[Path], near: Sequence[Path], base: Path | None) -> Path:
    """The file a join looks things up in: among those given, beside the table's files, or beside the mapping."""
    folders = list(dict.fromkeys([path.parent for path in near] + ([base] if base else [])))
    candidates = list(paths) + [
        child for folder in folders if folder.is_dir() for child in sorted(folder.iterdir())
    ]
    hits = list(dict.fromkeys(path for path in candidates if path.is_file() and matches(path, pattern)))
    if not hits:
        raise InputError(
            f"The file {pattern}, which the mapping looks things up in, is not there.",
            code="no_file",
            hint="Give it as well, or put it beside the other file.",
        )
    return hits[0]


def is_there(
    bench: Workbench, join: Join, paths: Sequence[Path], near: Sequence[Path], base: Path | None
) -> bool:
    """Whether a join is to be done: one that is optional and has no file is left out, with a warning."""
    if not join.optional:
        return True
    try:
        beside(join.file, paths, near, base)
    except InputError:
        bench.warnings.append(
            f"There is no file {join.file} beside {near[0].name}: what it would add is left empty."
        )
        return False
    return True
