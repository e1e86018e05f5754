"""Which values belong together: pairs joined into components by compiled loops, each named after its least member.

DuckDB tells the values apart and hashes them; the loops walk hashes and numbers, never texts. A pair takes 16 bytes
while it is translated and 8 after, a value 36 to 52, beside what DuckDB takes within its limit; what it cannot hold, it spills.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from periplus.store.compiled import compiled
from periplus.store.door import Connection


@compiled("i8(u8[::1], u8[::1])")
def placed(hashes: NDArray[np.uint64], slots: NDArray[np.uint64]) -> int:
    """Put every member into a hash table; returns how many could not be told from one that is there already.

    `slots` has a power of two of places, all 0: free. A place taken has the upper half of the hash, and below it the
    member's number and one. Whoever is looked for later is a member, so what tells members apart suffices.
    """
    mask = np.uint64(len(slots) - 1)
    upper = np.uint64(0xFFFFFFFF00000000)
    alike = 0
    for number in range(len(hashes)):
        tag = hashes[number] & upper
        slot = hashes[number] & mask
        while slots[slot] and slots[slot] & upper != tag:
            slot = (slot + np.uint64(1)) & mask
        if slots[slot]:
            alike += 1
        else:
            slots[slot] = tag | np.uint64(number + 1)
    return alike


@compiled("void(u8[::1], u8[::1], i4[::1])")
def found(slots: NDArray[np.uint64], hashes: NDArray[np.uint64], numbers: NDArray[np.int32]) -> None:
    """Write the number of the member behind each of `hashes`, all of which are members'."""
    mask = np.uint64(len(slots) - 1)
    upper, lower = np.uint64(0xFFFFFFFF00000000), np.uint64(0xFFFFFFFF)
    for place in range(len(hashes)):
        tag = hashes[place] & upper
        slot = hashes[place] & mask
        while slots[slot] & upper != tag:
            slot = (slot + np.uint64(1)) & mask
        numbers[place] = np.int32((slots[slot] & lower) - np.uint64(1))


@compiled("void(i4[::1], i4[::1], i4[::1])")
def united(root: NDArray[np.int32], left: NDArray[np.int32], right: NDArray[np.int32]) -> None:
    """Make `root` the least number in each one's component, given pairs of numbers.

    int32[n], each its own number at first. Union by least number with path halving, after which every path is
    flattened: nobody's root is greater than itself, so one walk upwards does it. R. E. Tarjan and J. van
    Leeuwen, "Worst-case analysis of set union algorithms", Journal of the ACM 31 (1984).
    """
    for pair in range(len(left)):
        a, b = left[pair], right[pair]
        while root[a] != a:
            root[a] = root[root[a]]
            a = root[a]
        while root[b] != b:
            root[b] = root[root[b]]
            b = root[b]
        if a < b:
            root[b] = a
        else:
            root[a] = b
    for number in range(len(root)):
        root[number] = root[root[number]]


@compiled("void(i4[::1], i4[::1], i4[::1])")
def first_of(root: NDArray[np.int32], letter: NDArray[np.int32], least: NDArray[np.int32]) -> None:
    """For each root the one member whose first letter is the least, or -1 where several share that; `least` is -2 at first."""
    for number in range(len(root)):
        of = root[number]
        known = least[of]
        # One that shares its letter is kept as -3 minus its number, so that the letter is still known.
        held = known if known >= 0 else -3 - known
        if known == -2 or letter[number] < letter[held]:
            least[of] = number
        elif letter[number] == letter[held]:
            least[of] = -3 - held
    for number in range(len(root)):
        if least[number] < -2:
            least[number] = -1


def least(connection: Connection, table: str, pairs: str) -> None:
    """Make the table (value, root): for every value in the relation `pairs` (a, b) the least one of its component.

    `pairs` is read several times, so it had better be a table. Texts are compared by their bytes; a pair with a
    NULL names nobody.
    """
    run = connection.execute
    pairs = f"(SELECT a, b FROM {pairs} WHERE a IS NOT NULL AND b IS NOT NULL)"
    if not run(f"SELECT 1 FROM {pairs} LIMIT 1").fetchall():  # as in most flushes: no loop need be compiled
        run(f"CREATE OR REPLACE TEMP TABLE {table} (value VARCHAR, root VARCHAR)")
        return
    run(f"CREATE OR REPLACE TEMP TABLE member AS SELECT a AS value FROM {pairs} UNION SELECT b FROM {pairs}")
    root = _roots(connection, pairs)
    letter = _column(connection, "SELECT ascii(value) AS n FROM member", np.int32)
    names = np.full(len(root), -2, np.int32)
    first_of(root, letter, names)
    connection.register("root_column", {"root": root, "several": names[root] == -1, "letter": letter})
    # Where several begin alike the texts themselves are compared.
    rest = run(
        "SELECT root, arg_min(number, value) AS least FROM (SELECT root, value, rowid AS number, several FROM member "
        "POSITIONAL JOIN root_column) WHERE several GROUP BY root"
    ).fetchnumpy()
    connection.unregister("root_column")
    names[np.asarray(rest["root"], np.int64)] = rest["least"]
    connection.register("name_column", {"name": names[root]})
    run(
        f"CREATE OR REPLACE TEMP TABLE {table} AS SELECT m.value, r.value AS root FROM "
        "(SELECT * FROM member POSITIONAL JOIN name_column) AS m JOIN member AS r ON r.rowid = m.name"
    )
    connection.unregister("name_column")
    run("DROP TABLE member")


def _roots(connection: Connection, pairs: str) -> NDArray[np.int32]:
    """int32[n]: for each row of `member` the first row of its component."""
    hashed = "hash({})"
    for salt in range(1, 100):
        hashes = _column(connection, f"SELECT {hashed.format('value')} AS n FROM member", np.uint64)
        slots = np.zeros(1 << int(2 * len(hashes)).bit_length(), np.uint64)
        if not placed(hashes, slots):
            break
        hashed = f"hash({{}}, {salt})"  # two values would be taken for one: all are hashed otherwise
    sides = []
    for side in "ab":
        hashes = _column(connection, f"SELECT {hashed.format(side)} AS n FROM {pairs}", np.uint64)
        sides.append(np.empty(len(hashes), np.int32))
        found(slots, hashes, sides[-1])
    del slots, hashes
    root = np.arange(connection.execute("SELECT count(*) FROM member").fetchall()[0][0], dtype=np.int32)
    united(root, *sides)
    return root


def _column(connection: Connection, sql: str, kind: type) -> NDArray[Any]:
    return np.ascontiguousarray(connection.execute(sql).fetchnumpy()["n"], kind)
