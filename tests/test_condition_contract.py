"""The contract of conditions: SQL over a real Parquet file and the predicate in memory agree, row by row.

Random events are written in the physical form of the store (shredded columns of random kinds, what does
not fit in `rest`), random trees are asked of them both ways. The operands come from the same pool as the
values, so that comparisons are often met, and nearly met.
"""

from __future__ import annotations

import json
import os
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from periplus.condition import Condition
from periplus.event import flatten
from periplus.store.columns import FileColumns

ARROW = {
    "BIGINT": pa.int64(),
    "DOUBLE": pa.float64(),
    "BOOLEAN": pa.bool_(),
    "VARCHAR": pa.string(),
    "JSON": pa.string(),
}
ZONES = [ZoneInfo(name) for name in ("UTC", "Europe/Athens", "America/St_Johns", "Asia/Kolkata")]
OWN = ("event", "type", "channel", "source", "department")
# fmt: off
NAMES = ["Product Added", "Order Completed", "Käufer", "Ka\u0308ufer", "\u212aaf", "Kaf", "", "it's; --"]
KEYS = [
    "a", "b", "price", "products", "category",
    "a.b", "back\\slash", 'q"uote', "it's", "~/x", "$[*]", "", "e", "0", "?",
]
TEXTS = [
    "", "shoes", "shoe", "Shoes", "true", "false", "True", "null", "007", "7", "7.0", " 12", "12 ", "1_000",
    "1e3", "1000", "nan", "inf", "-inf", "1e400", "1e-400", "+5", ".5", "5.", "0x10", "-0", "0", "-1.5",
    "9007199254740993", "9223372036854775808", "1e+300", "1e16", "10000000000000000", "0" * 30 + "5",
    "é", "e\u0301", "\u212a", "K", "\u037e", ";", "Ω", "\u2126", "👟", "👩\u200d👧", "日本", "שלום", "ﬁ", "Å",
    "A\u030a", "'", '"', "''; DROP TABLE events; --", "?", "$1", "\\", "%", "_", "a\nb", "\t", "\x01", "\x7f",
    "\u2028", "[1]", "{}",
]
TIMES = [
    "2026-03-29", "2026-03-29 02:59", "2026-03-29T03:00", "2026-03-29T03:30:00", "2026-03-29T01:00:00Z", "2026-10-25",
    "2026-10-25T03:30", "2026-10-25T03:30:00+03:00", "2026-10-25T03:30:00+0200", "2026-10-25T00:30:00.000001Z",
    "2026-07-01", "2026-07-01T00:00:00Z", "2026-06-30T21:00:00Z", "2026-07-01 00:00:00.123456789", "1970-01-01",
    "2199-12-31T23:59:59", "2026-06-30T23:59:59.999999", "2026-07-02T01:02-02:30", "2024-02-29",
]
NO_TIMES = [
    "2026-02-30", "2026-13-01", "2026-07-01T24:00", "2026-07-01T10", "2026-7-1", "01/07/2026", "2026-07-01Z", "20260701",
    "2026-07-01T10:00:60", " 2026-07-01", "2026-07-01\n", "3026-07-01", "2026-07-01T10:00+15:00", "1782864000", "2025-02-29",
]
MOMENTS = [
    1782864000000000, 1782853200000000, 1774746000000000, 1774745999999999, 1792890000000000, 1792886400000001, 0,
]
NUMBERS: list[int | float] = [
    0, 1, -1, 5, 7, 10, 12, 1000, -0.0, 0.1, 0.5, 2.5, 5.0, 7.0, 1e3, 1e15, 1e16, 1e21, 1e300, -1e300, 5e-324,
    1.5e-7, 2**53, 2**53 + 1, 2**53 + 2, float(2**53), 2**63 - 1, -(2**63), 2**63, 2**64, 2**70, float(2**63),
    9.2e18, -9.3e18, 12345678901234567890, 123456789012345678901234,
]
# fmt: on
EXAMPLES = int(os.environ.get("PERIPLUS_EXAMPLES", "40"))
ROOTS = ("properties", "context", "traits")

texts = (
    st.sampled_from(TEXTS)
    | st.sampled_from([*TIMES, *TIMES, *NO_TIMES])
    | st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=4)
)
numbers = (
    st.sampled_from(NUMBERS)
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.integers(-20, 20)
)
scalars = texts | numbers | st.booleans()
keys = st.sampled_from(KEYS[:5]) | st.sampled_from(KEYS)
values = st.recursive(
    scalars | scalars | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=6,
)
bodies = st.dictionaries(keys, values, max_size=4)
own = st.none() | st.sampled_from(["web", "é", "e\u0301", "7", "true"])
events = st.fixed_dictionaries(
    {
        "event": st.sampled_from(NAMES),
        "type": st.just("track"),
        "channel": own,
        "source": own,
        "department": own,
        "time": st.sampled_from(MOMENTS)
        | st.integers(1770000000, 1795000000).map(lambda second: second * 1_000_000),
        "properties": bodies,
        "context": st.just({}) | bodies,
        "traits": st.just({}) | bodies,
    }
)

operands = scalars
PATTERNS = ["sho", "^s.*s$", "(?i)SHOE", r"^\d+$", "é", "[^a-z]", r"\bK", ".", "a.b", r"a\sb", "^$|x", "👟"]
PATTERNS += ["(?:1|7){1,3}$"]
OPERATORS: dict[str, st.SearchStrategy[Any]] = {
    "eq": operands,
    "ne": operands,
    **dict.fromkeys(("gt", "gte", "lt", "lte"), texts | numbers),
    **{each: st.lists(operands, min_size=1, max_size=4) for each in ("in", "not_in")},
    **{each: texts.filter(bool) for each in ("contains", "starts_with", "ends_with")},
    "matches": st.sampled_from(PATTERNS),
    "before": st.sampled_from(TIMES),
    "after": st.sampled_from(TIMES),
    "between": st.sampled_from(
        [
            {"from": "2026-03-29", "to": "2026-10-25T03:30:00+03:00"},
            {"from": "2026-07-01"},
            {"to": "2026-10-25T03:30"},
        ]
    ),
    "within": st.sampled_from(["0s", "1d", "26w", "1h", "90d"]),
    "ahead": st.sampled_from(["0s", "1d", "26w", "1h", "90d"]),
}
tests = st.dictionaries(st.sampled_from(list(OPERATORS)), st.none(), min_size=1, max_size=2).flatmap(
    lambda chosen: st.fixed_dictionaries({each: OPERATORS[each] for each in chosen})
)
exists = st.booleans().map(lambda present: {"exists": present})
facets = operands | tests | tests | exists | (tests | operands).map(lambda each: {"every": each})


def escaped(parts: tuple[str, list[str]]) -> str:
    root, names = parts
    path = ".".join(name.replace("\\", "\\\\").replace(".", "\\.") for name in names)
    return f"{root}.{path}" if root else path or "a"


paths = st.tuples(st.sampled_from(["", "", "", *ROOTS]), st.lists(keys, min_size=1, max_size=3)).map(escaped)
paths |= st.sampled_from(["channel", "source", "department"])
names = st.sampled_from(NAMES[:6]) | st.lists(st.sampled_from(NAMES[:6]), min_size=1, max_size=3)
leaves = st.one_of(
    st.dictionaries(paths, facets, min_size=1, max_size=2).map(lambda where: {"where": where}),
    st.tuples(names, st.dictionaries(paths, facets, max_size=2)).map(
        lambda both: {"event": both[0], "where": both[1]}
    ),
    st.dictionaries(paths, facets, min_size=1, max_size=2).map(lambda where: {"where": where}),
    st.just({}),
)
documents = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: {"all": parts}),
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: {"any": parts}),
        inner.map(lambda part: {"not": part}),
        st.tuples(inner, leaves).map(lambda two: two[1] | {"not": two[0], "any": [two[0], two[1]]}),
    ),
    max_leaves=5,
)


def fits(kind: str | None, leaf: object) -> bool:
    """Whether a column of this kind holds the leaf exactly."""
    if isinstance(leaf, bool):
        return kind == "BOOLEAN"
    if isinstance(leaf, int):
        exact = -(2**63) <= leaf < 2**63
        return exact and (kind == "BIGINT" or (kind == "DOUBLE" and int(float(leaf)) == leaf))
    return (kind, type(leaf)) in {("DOUBLE", float), ("VARCHAR", str), ("JSON", list)}


def write(
    rows: list[dict[str, Any]], kinds: Mapping[str, str], path: Path, ascii_only: bool
) -> frozenset[str]:
    """Writes events as the store does; returns the paths in `rest`."""
    table: dict[str, list[Any]] = {name: [row[name] for row in rows] for name in OWN}
    shredded: dict[str, list[Any]] = {column: [None] * len(rows) for column in kinds}
    rests: list[str | None] = []
    found: set[str] = set()
    for index, row in enumerate(rows):
        rest = {}
        for root in ROOTS:
            for leaf_path, leaf in flatten(row[root], root).items():
                kind = kinds.get(leaf_path)
                if fits(kind, leaf):
                    if kind == "JSON":
                        leaf = json.dumps(leaf, ensure_ascii=ascii_only)
                    shredded[leaf_path][index] = float(leaf) if kind == "DOUBLE" else leaf
                else:
                    rest[leaf_path] = leaf
        found |= set(rest)
        rests.append(json.dumps(rest, ensure_ascii=ascii_only) if rest else None)
    arrays = [pa.array(column, pa.string()) for column in table.values()]
    table["time"] = [row.get("time", 0) for row in rows]
    arrays.append(pa.array(table["time"], pa.int64()))
    arrays += [pa.array(column, ARROW[kinds[name]]) for name, column in shredded.items()]
    arrays.append(pa.array(rests, pa.string()))
    pq.write_table(pa.Table.from_arrays(arrays, names=[*table, *shredded, "rest"]), path)
    return frozenset(found)


@pytest.fixture(scope="module")
def door() -> Any:
    connection = duckdb.connect(config={"threads": 1})
    yield connection
    connection.close()


@settings(
    max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), report_multiple_bugs=False
)
@given(st.data())
def test_sql_and_memory_agree(
    door: Any, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    rows = data.draw(st.lists(events, min_size=4, max_size=12))
    occurring = sorted({path for row in rows for root in ROOTS for path in flatten(row[root], root)})
    kind = st.sampled_from([None, None, *ARROW])
    drawn = {path: data.draw(kind | st.just(kind_of(rows, path))) for path in occurring}
    kinds = {path: each for path, each in drawn.items() if each is not None}
    file = tmp_path_factory.getbasetemp() / "contract.parquet"
    rest = write(rows, kinds, file, ascii_only=data.draw(st.booleans()))
    zone = data.draw(st.sampled_from(ZONES))
    columns = FileColumns(kinds, data.draw(st.sampled_from([rest, None])), zone)
    for document in data.draw(st.lists(documents | aimed(occurring), min_size=8, max_size=8)):
        condition = Condition.parse(document)
        assert Condition.parse(condition.document()) == condition
        text, bound = condition.sql(columns)
        note(f"{document}\n{text}\n{bound}")
        answer = door.execute(f"SELECT {text} FROM read_parquet(?)", [*bound, str(file)]).fetchall()
        assert [met for (met,) in answer] == [condition.matches(row, zone) for row in rows], (rows, kinds)
        check_names(condition, rows)


def kind_of(rows: list[dict[str, Any]], path: str) -> str | None:
    """The kind an importer would choose: that of the first leaf."""
    for row in rows:
        for root in ROOTS:
            leaf = flatten(row[root], root).get(path)
            for kind in ("BOOLEAN", "BIGINT", "DOUBLE", "VARCHAR", "JSON"):
                if leaf is not None and fits(kind, leaf):
                    return kind
    return None


def aimed(occurring: list[str]) -> st.SearchStrategy[dict[str, Any]]:
    """Conditions on paths that do occur, or lie just above one."""
    if not occurring:
        return documents
    above = [path.rpartition(".")[0] for path in occurring if path.count(".") > 1]
    inside = [f"{path}.{key}" for path in occurring for key in ("a", "b", "category", "0")]
    chosen = st.sampled_from(occurring * 3 + above + inside)
    return st.dictionaries(chosen, facets, min_size=1, max_size=2).map(lambda where: {"where": where})


def check_names(condition: Condition, rows: list[dict[str, Any]]) -> None:
    """`names` leaves out no event that matches; `only_names` means that nothing else counts."""
    allowed = condition.names()
    for row in rows:
        if condition.matches(row) and allowed is not None:
            assert unicodedata.normalize("NFC", row["event"]) in allowed
        if condition.only_names():
            assert condition.matches({"event": row["event"]}) == condition.matches(row)


BOUNDS: list[Any] = ["7", "007", "true", "", "e\u0301", "9007199254740993", "shoes", "\u212a", "1e+300", '"']
BOUNDS += ["[1]", 5, 7, 0, -0.0, 2.5, 1000, 2**53, 2**53 + 1, 2**63, -(2**63), 1e300, True, False]
SCALES = [bound for bound in BOUNDS if not isinstance(bound, bool)]
PAIRS = list(zip(BOUNDS, reversed(BOUNDS), strict=True))
ORDERED = [{sign: bound} for sign in ("gt", "gte", "lt", "lte") for bound in SCALES]
EQUAL = [{sign: bound} for sign in ("eq", "ne") for bound in BOUNDS]
AMONG = [{sign: [one, two]} for sign in ("in", "not_in") for one, two in PAIRS]
PARTS = [{sign: part} for sign in ("contains", "starts_with", "ends_with") for part in ("7", "e", "é", "00")]
ASKED = [*ORDERED, *EQUAL, *AMONG, *PARTS, {"exists": True}, {"exists": False}]
ASKED += [{sign: time} for sign, time in (("before", TIMES[7]), ("after", TIMES[1]))]
ASKED += [
    {"between": {"from": "2026-03-29", "to": "2026-07-01"}},
    {"within": "90d"},
    {"ahead": "90d", "after": "2026-07-01"},
]
ASKED += [{"every": asked} for asked in (*EQUAL[::3], *AMONG[::5])]
LEAVES = [
    *TIMES[::3],
    *NO_TIMES[::4],
    *TEXTS,
    *NUMBERS,
    True,
    False,
    None,
    {},
    [],
    [None],
    [[7]],
    [{}],
    {"a": None},
    {"a": []},
]
LEAVES += [[7, "shoes"], ["007", True], ["7", "7"], [7.0, None], [2**53 + 1], ["e\u0301"]]


@pytest.mark.parametrize("kind", [*ARROW, None])
def test_every_operator_on_every_value(door: Any, tmp_path: Path, kind: str | None) -> None:
    """The whole table: each operator with each operand, on each value, in a column of each kind."""
    within = [[{"x": leaf}, 5] for leaf in LEAVES if leaf is not None]
    rows = [
        row_of({"x": leaf, "list": inner}) | {"time": MOMENTS[place % len(MOMENTS)]}
        for place, (leaf, inner) in enumerate(zip(LEAVES, [*within, []], strict=False))
    ]
    zone = ZONES[1]
    kinds = {} if kind is None else {"properties.x": kind}
    kinds |= {"properties.list": "JSON"} if kind == "JSON" else {}
    file = tmp_path / "table.parquet"
    rest = write(rows, kinds, file, ascii_only=kind == "VARCHAR")
    paths = ["x", "list.x"] if kind in ("JSON", None) else ["x"]
    conditions = [Condition.parse({"where": {path: asked}}) for path in paths for asked in ASKED]
    for start in range(0, len(conditions), 50):
        some = conditions[start : start + 50]
        written = [condition.sql(FileColumns(kinds, rest, zone)) for condition in some]
        text = ", ".join(text for text, _ in written)
        bound = [value for _, values in written for value in values]
        answer = door.execute(f"SELECT {text} FROM read_parquet(?)", [*bound, str(file)]).fetchall()
        for place, condition in enumerate(some):
            for row, met in zip(rows, answer, strict=True):
                assert met[place] is condition.matches(row, zone), (condition.document(), row["properties"])


def row_of(properties: dict[str, Any]) -> dict[str, Any]:
    return {**dict.fromkeys(OWN), "event": "X", "properties": properties, "context": {}, "traits": {}}
