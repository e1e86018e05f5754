"""Files with a mapping: opened, checked against it, joined and loaded; one recipe per table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from periplus.collect import elements, formats, found, load, origin, others, rows_of, tables, unfold
from periplus.collect.asked import one
from periplus.collect.delimiter import guess_delimiter
from periplus.collect.mapping import Format, Join, MappingDocument, Table
from periplus.collect.opened import Workbench
from periplus.collect.plain_times import PlainTimes
from periplus.collect.recipe import ASKED_EARLY, Recipe
from periplus.collect.rows import Seen
from periplus.collect.rows_of import Rows
from periplus.collect.times import Form
from periplus.errors import DocumentError
from periplus.store.door import quoted
from periplus.store.lent import LentArrow


def recipes(
    bench: Workbench, paths: list[Path], document: MappingDocument, near: Path | None, source: str
) -> list[Recipe]:
    """One recipe for each table that has files; rows are loaded and damaged ones refused."""
    chosen, warnings = found.by_table(document, paths)
    bench.warnings += warnings
    zone = document.zone or bench.settings.zone
    tables.check_zone(zone, "zone of the mapping")
    result: list[Recipe] = []
    places: dict[Path, int] = {}
    for number, (table, files) in enumerate(zip(document.tables, chosen, strict=True)):
        if not files:
            continue
        first_place = max((places.get(path, 0) for path in files), default=0)
        for path in files:
            places[path] = first_place + len(table.events)
        result.append(_table(bench, number, table, files, document, paths, near, source, zone, first_place))
    return result


def _table(
    bench: Workbench, number: int, table: Table, files: list[Path], document: MappingDocument, paths: list[Path],
    near: Path | None, source: str, zone: str, first_place: int,
) -> Recipe:  # fmt: skip
    readers = [rows_of.opened(bench, path, table.format) for path in files]
    own = list(dict.fromkeys(name for reader in readers for name in reader.columns))
    plain = [name for name in own if name not in table.unfold]
    table, said = others.expanded(table, plain, tables.needed(table, document.consent), table.unfold)
    bench.warnings += said
    wanted = tables.needed(table, document.consent)
    joins = [
        _Joined(bench, f"join_{number}_{i}", join, table, paths, files, near)
        for i, join in enumerate(table.join)
        if found.is_there(bench, join, paths, files, near)
    ]
    known: dict[str, str] = {name: f"r.{load.column(name)}" for name in own}
    needed_own = dict(wanted)
    for i, join in enumerate(joins):
        left = [pair[0] for pair in join.keys]
        tables.check_columns(dict.fromkeys(left, f"join of {join.path.name}"), known, files[0].name)
        needed_own |= dict.fromkeys(left, "join")
        for name in join.columns:
            shown = join.join.prefix + name
            if shown in known and shown in wanted and shown not in left:
                raise DocumentError(
                    f"The column {shown!r} is in {files[0].name} and in {join.path.name}.",
                    hint=f"Give the join a prefix, such as `prefix: {join.path.name.split('.')[0]}_`.",
                )
            known.setdefault(shown, f"j{i}.{load.column(name)}")
    folded = {name for name in wanted if _folded(name, table)}
    needed_own |= dict.fromkeys(table.unfold, "unfold")
    for reader in readers:
        mine = set(reader.columns)
        there = {name: None for name in known if name not in own or name in mine}
        asked = {name: where for name, where in wanted.items() if name not in folded}
        asked |= dict.fromkeys(table.unfold, "unfold")
        for name in asked.keys() - there.keys():
            if others.like(name, table.optional):
                del asked[name]
        tables.check_columns(asked, there, reader.file.name, _delimiter_hint(reader, table.format))
    kept = [name for name in own if name in needed_own]
    kinds = {f"@kind {name}": "UTINYINT" for name in kept} if any(reader.leaves for reader in readers) else {}
    loaded = load.Loaded(dict.fromkeys(kept, "VARCHAR") | kinds)
    ids = _ids(table)
    indexes: list[int] = []
    good = 0
    for reader in readers:
        index = len(bench.files)
        bench.files.append(reader.file)
        indexes.append(index)
        asked_of = [name for name in reader.columns if name in kept]
        damaged = reader.add(bench, loaded, index, asked_of, source, ids)
        bench.damaged(index, damaged)
        good += reader.file.rows - len(damaged)
        reader.file.columns, reader.file.seen = reader.columns, reader.seen
        load.merge_seen(loaded.seen, reader.seen)
    for column, how in table.unfold.items():
        if column in own:
            unfold.unfold(bench, loaded, column, how, folded)
    table, said = others.expanded(table, list(loaded.columns), wanted)
    bench.warnings += said
    wanted = tables.needed(table, document.consent)
    seen = dict(loaded.seen)
    relation = loaded.relation
    columns = {name: load.column(name) for name in loaded.columns}
    if joins:
        known |= {name: f"r.{load.column(name)}" for name in loaded.columns if _folded(name, table)}
        relation, columns, seen = _join(bench, loaded, joins, known, wanted, seen)
    absent = frozenset(wanted.keys() - columns.keys())
    columns |= dict.fromkeys(absent, "NULL::VARCHAR")
    if lacking := sorted(absent - folded):
        bench.warnings.append(
            f"{files[0].name} has no column {', '.join(lacking[:8])}{' …' if len(lacking) > 8 else ''}: read as empty."
        )
    table = table.model_copy(
        update={"events": tuple(others.without(event, absent) for event in table.events)}
    )
    as_read = None
    if relation == loaded.relation and not table.unfold:
        as_read = origin.merged(loaded.origins)
    passing = None if as_read is None or not as_read.many else PlainTimes(as_read)
    ground = tables.Ground(relation, columns, seen, zone, source, _decider(bench, relation, passing))
    made = tables.recipe(
        table, ground, first_place=first_place, consent=document.consent, files=tuple(indexes), rows=good
    )
    if table.where:
        _leave_out(bench, relation, made, indexes)
    if relation == loaded.relation and all(reader.as_read for reader in readers):
        made = replace(made, lent=_lent(loaded, made))
    if made.relation == relation:
        made = replace(made, origin=as_read, plain=passing)
    return made


def _lent(loaded: load.Loaded, made: Recipe) -> LentArrow | None:
    """The texts that come in as they stand, and that nothing is asked of before the events are written."""
    if len(made.events) != 1:
        return None
    columns = {load.column(name): name for name in loaded.columns}
    found = {
        path: columns[value.sql]
        for path, value in made.events[0].values.items()
        if value.kind == "VARCHAR"
        and value.misfit is None
        and value.sql in columns
        and not path.startswith("traits.")
        and path not in ASKED_EARLY
    }
    return LentArrow(dict.fromkeys(found, "VARCHAR"), loaded.tables, found)


def _ids(table: Table) -> list[str]:
    """The columns of message ids, where every event has one as it stands: then few rows need a hash."""
    given = [event.messageId for event in table.events]
    plain = [
        each.column
        for each in given
        if each is not None and each.column is not None and each.model_fields_set == {"column"}
    ]
    return plain if len(plain) == len(given) else []


def _folded(name: str, table: Table) -> bool:
    """Whether a column is made of a list of keys and values."""
    return any(name.startswith(f"{column}.") for column in table.unfold)


def _leave_out(bench: Workbench, relation: str, made: Recipe, indexes: list[int]) -> None:
    """Rows that `where` leaves out are no rows of the table: they are not counted, and that is said."""
    for index in indexes:
        counts = one(
            bench.connection,
            f"SELECT (SELECT count(*) FROM {relation} WHERE file = {index}), "
            f"(SELECT count(*) FROM {made.relation} WHERE file = {index})",
        )
        if left := counts[0] - counts[1]:
            bench.files[index].rows -= left
            bench.warnings.append(
                f"{left:,} rows of {bench.files[index].name} were left out by `where`; they are not counted."
            )


def _decider(
    bench: Workbench, relation: str, plain: PlainTimes | None
) -> Callable[[str, str], tuple[Form, tuple[Form, ...], str]]:
    settled: dict[str, tuple[Form, str]] = {}
    """By form: a column that settled whether the day or the month stands first."""

    def decide(text: str, column: str) -> tuple[Form, tuple[Form, ...], str]:
        if plain is not None and (read := plain.of(text)) is not None and read.count:
            return formats.usual(read.count)
        form, others, why = formats.decide(bench.connection, relation, text)
        if not formats.ambiguous(why):
            if form.kind == "format":
                settled.setdefault(form.format[:2], (form, column))
            return form, others, why
        swapped = formats.swapped(form)
        if form.format[:2] not in settled and swapped.format[:2] in settled:
            form, others = swapped, (form, *(other for other in others if other != swapped))
        if form.format[:2] in settled:
            return form, others, f"day and month as in {settled[form.format[:2]][1]} ({form})"
        bench.warnings.append(f"{column}: {why}. Give the time a `format` if that is wrong.")
        return form, others, why

    return decide


def _delimiter_hint(reader: Rows, format: Format) -> str:
    """What to say if columns are missing because the file is delimited by something else."""
    if len(reader.columns) > 2 or reader.file.text is None:
        return ""
    other = guess_delimiter(reader.file.text[: 64 << 10].tobytes(), format.quote)
    if other is None or other == format.delimiter:
        return ""
    return f"{reader.file.name} seems to be delimited by {other!r}; say `format: {{delimiter: {other!r}}}`."


class _Joined:
    """A file that is looked up: opened at once, loaded when it is joined."""

    def __init__(
        self,
        bench: Workbench,
        name: str,
        join: Join,
        table: Table,
        paths: list[Path],
        files: list[Path],
        near: Path | None,
    ) -> None:
        self.name, self.join = name, join
        self.path = found.beside(join.file, paths, files, near)
        self.keys = [(on, on) if isinstance(on, str) else on for on in join.on]
        self.reader = rows_of.opened(bench, self.path, join.format or table.format)
        tables.check_columns(
            {right: f"join of {self.path.name}" for _, right in self.keys} | dict.fromkeys(join.sum, "sum")
            | {part.column: "list" for parts in join.list.values() for part in parts.values()},
            dict.fromkeys(self.reader.columns), self.path.name,
        )  # fmt: skip
        rights = [right for _, right in self.keys]
        grouped = [*join.sum, *join.list]
        self.columns = list(dict.fromkeys(rights + grouped)) if grouped else self.reader.columns

    def load(self, bench: Workbench, wanted: set[str]) -> dict[str, Seen]:
        """Load the columns wanted, one row per key; raises DocumentError where several rows have one key."""
        connection = bench.connection
        rights = [right for _, right in self.keys]
        kept = [name for name in self.columns if name in wanted or name in rights]
        if self.join.list:
            of_lists = {part.column for parts in self.join.list.values() for part in parts.values()}
            kept = [name for name in self.reader.columns if name in of_lists | {*rights, *self.join.sum}]
        loaded = load.Loaded(dict.fromkeys(kept, "VARCHAR"))
        skipped = self.reader.add(bench, loaded, 0, kept, None)
        connection.execute(f"CREATE TEMP TABLE {quoted(self.name)} AS SELECT * FROM {loaded.relation}")
        if skipped:
            bench.warnings.append(f"{len(skipped):,} damaged rows of {self.path.name} were not looked up.")
        by = ", ".join(load.column(name) for name in rights)
        table = quoted(self.name)
        if self.join.sum or self.join.list:
            total = [
                f"rtrim(rtrim(sum(TRY_CAST(trim({load.column(c)}) AS DECIMAL(38, 6)))::VARCHAR, '0'), '.') AS {load.column(c)}"
                for c in self.join.sum
            ]
            texts = {name: load.column(name) for name in loaded.columns}
            total += [
                f"{elements.gathered(parts, texts)} AS {load.column(name)}"
                for name, parts in self.join.list.items()
            ]
            connection.execute(
                f"CREATE OR REPLACE TEMP TABLE {table} AS SELECT {by}, {', '.join(total)} FROM {table} GROUP BY ALL"
            )
        elif self.join.first:
            connection.execute(
                f"CREATE OR REPLACE TEMP TABLE {table} AS SELECT * FROM {table} "
                f'QUALIFY row_number() OVER (PARTITION BY {by} ORDER BY "row") = 1'
            )
        else:
            several = connection.execute(
                f"SELECT {by}, count(*) FROM {table} WHERE {load.column(rights[0])} IS NOT NULL "
                "GROUP BY ALL HAVING count(*) > 1 ORDER BY count(*) DESC, 1 LIMIT 1",
            ).fetchall()
            if several:
                raise DocumentError(
                    f"{self.path.name} has several rows for one {', '.join(rights)} ({several[0][-1]} for {several[0][0]!r}).",
                    code="join",
                    hint="Say which columns to add up, such as `sum: [amount]`, or `first: true` to take the first row.",
                )
        made = {name: Seen(self.reader.file.rows, 0, {"JSON": 1}) for name in self.join.list}
        return self.reader.seen | made


def _join(
    bench: Workbench,
    loaded: load.Loaded,
    joins: list[_Joined],
    known: dict[str, str],
    wanted: Mapping[str, str],
    seen: dict[str, Seen],
) -> tuple[str, dict[str, str], dict[str, Seen]]:
    """The loaded rows with what is looked up, as one relation; rows are neither lost nor doubled."""
    all_seen = dict(seen)
    lefts = {left for join in joins for left, _ in join.keys}
    source = f"{loaded.relation} AS r"
    for i, join in enumerate(joins):
        prefix = join.join.prefix
        need = {name.removeprefix(prefix) for name in (*wanted, *lefts) if name.startswith(prefix)}
        for name, what in join.load(bench, need).items():
            if known.get(prefix + name) == f"j{i}.{load.column(name)}":
                all_seen[prefix + name] = what
        met = " AND ".join(f"{known[left]} = j{i}.{load.column(right)}" for left, right in join.keys)
        source += f" LEFT JOIN {quoted(join.name)} AS j{i} ON {met}"
    own = 'r."row", r.file, r.line, r.start, r.finish, r.h'
    taken = [name for name in wanted if name in known]
    shown = {name: known[name] for name in taken}
    shown |= {name: f"r.{load.column(name)}" for name in loaded.columns if name.startswith("@kind ")}
    columns = ", ".join(f"{sql} AS {load.column(name)}" for name, sql in shown.items())
    name = quoted(bench.fresh("joined"))
    bench.connection.execute(
        f"CREATE TEMP TABLE {name} AS SELECT {own}{', ' if columns else ''}{columns} FROM {source}"
    )
    return name, {name: load.column(name) for name in shown}, all_seen
