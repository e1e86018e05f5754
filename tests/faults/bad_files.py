"""Files, and mappings of files, that cannot be imported, and what must be said of each."""

from __future__ import annotations

import gzip
import random
from dataclasses import dataclass

ORDERS = "order,customer,ordered,total\n1,c1,2026-01-05 10:00,49.9\n2,c2,2026-01-06 11:30,20\n"
MAPPING = """source: orders
tables:
- files: "*"
  events:
  - {event: Order Completed, userId: customer, time: ordered, properties: {order_id: order, total: total}}
"""
PACKED = gzip.compress(ORDERS.encode() * 20_000)
NOISE = random.Random(1).randbytes(5000)


@dataclass(frozen=True)
class BadFile:
    """A file with its mapping (None: none is given), and words of the one message that refuses it."""

    name: str
    content: str | bytes
    mapping: str | bytes | None
    said: list[str]


BAD = [
    BadFile(*case)  # type: ignore[arg-type]
    for case in (
        ("empty.csv", b"", MAPPING, ["empty.csv is empty"]),
        ("empty.jsonl", b"", None, ["empty.jsonl is empty"]),
        ("empty.parquet", b"", None, ["empty.parquet is empty"]),
        ("empty.csv.gz", b"", MAPPING, ["empty.csv.gz is empty"]),
        ("packed.csv.gz", gzip.compress(b""), MAPPING, ["packed.csv.gz is empty"]),
        ("blank.jsonl", b"\n\n\n", None, ["blank.jsonl"]),
        ("header.csv", ORDERS.splitlines()[0] + "\n", MAPPING, ["a header and no rows"]),
        ("semi.csv", ORDERS.replace(",", ";"), MAPPING, ["delimited by ';'", "delimiter"]),
        ("tab.csv", ORDERS.replace(",", "\t"), MAPPING, ["delimited by '\\t'"]),
        ("cut.csv.gz", PACKED[: len(PACKED) // 2], MAPPING, ["cut off or damaged"]),
        ("noise.csv.gz", PACKED[:10] + NOISE, MAPPING, ["cut off or damaged"]),
        ("sum.csv.gz", PACKED[:-8] + bytes(8), MAPPING, ["cut off or damaged"]),
        ("noise.csv.zst", b"\x28\xb5\x2f\xfd" + NOISE, MAPPING, ["cut off or damaged"]),
        ("binary.csv", NOISE, MAPPING, ["not a text file"]),
        ("picture.csv", b"\x89PNG\r\n\x1a\n" + NOISE, MAPPING, ["not a text file"]),
        ("binary.jsonl", NOISE, None, ["not a text file"]),
        ("broken.parquet", b"PAR1" + NOISE + b"PAR1", None, ["cannot be read as Parquet"]),
        ("orders.csv", ORDERS, None, ["mapping"]),
        ("column.csv", ORDERS, MAPPING.replace("time: ordered", "time: orderd"), ["'orderd'", "'ordered'"]),
        ("zone.csv", ORDERS, "zone: Europe/Atens\n" + MAPPING, ["Europe/Atens", "Europe/Athens"]),
        ("key.csv", ORDERS, MAPPING.replace("userId", "userID"), ["'userID'", "'userId'"]),
        ("yaml.csv", ORDERS, "a: [1,\n b: }", ["YAML", "line 2"]),
        ("tag.csv", ORDERS, "!!python/object/apply:os.getcwd []", ["mapping", "line 1"]),
        ("list.csv", ORDERS, "- 1\n- 2\n", ["tables"]),
        ("nothing.csv", ORDERS, "", ["tables"]),
        ("itself.csv", ORDERS, "a: &a [*a]\n", ["mapping", "line 1"]),
        ("noise.csv", ORDERS, NOISE, ["mapping"]),
    )
]
