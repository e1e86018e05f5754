"""Small logs of a shop, and what may be asked of a workspace afterwards: answers, standing events, what lies about."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from periplus.store import files, manifest, standing
from periplus.workspace import Workspace, open_workspace

STEPS = ("Product Viewed", "Product Added", "Checkout Started", "Order Completed")
QUESTIONS: tuple[Mapping[str, Any], ...] = (
    {"kind": "map", "map": "shop"},
    {"kind": "flow", "map": "shop"},
    {"kind": "funnel", "steps": [{"event": name} for name in STEPS], "within": "14d", "breakdown": "price"},
    {"kind": "funnel", "map": "shop", "unit": "journeys", "steps": [{"step": "product"}, {"step": "order"}]},
)


def log(count: int, seed: int = 0, prefix: str = "m") -> list[dict[str, Any]]:
    """Events of some customers over two weeks, with message ids; some carry two identifiers, some none."""
    choose = random.Random(seed)
    return [
        {
            "type": "track",
            "event": choose.choice(STEPS),
            "messageId": f"{prefix}{number}",
            "timestamp": f"2026-03-{choose.randrange(1, 15):02d}T{choose.randrange(24):02d}:00:00Z",
            **({"userId": f"u{choose.randrange(9)}"} if choose.random() < 0.5 else {}),
            **({"anonymousId": f"d{choose.randrange(9)}"} if choose.random() < 0.9 else {}),
            "properties": {
                "price": choose.randrange(1, 4),
                "order_id": f"o{number}",
                "total": 10 * choose.randrange(9),
            },
        }
        for number in range(count)
    ]


def write(path: Path, events: Iterable[Mapping[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(event) + "\n" for event in events))
    return path


def answers(shop: Workspace | Path, questions: Sequence[Mapping[str, Any]] = QUESTIONS) -> list[Any]:
    """Rows, stages and totals of the answers, and the event's time they took for now; as texts, so that 1 is not 1.0."""
    if isinstance(shop, Path):
        with open_workspace(shop) as opened:
            return answers(opened, questions)
    found = [shop.ask(question) for question in questions]
    return [
        [
            answer.now_from != "clock" and answer.now,
            *map(json.dumps, (answer.rows, answer.stages, answer.totals)),
        ]
        for answer in found
    ]


def standing_ids(root: Path) -> Counter[str]:
    """How often each message id stands in the live version."""
    with open_workspace(root) as shop:
        live = shop.snapshot()
        sql = standing.narrow(live.manifest, live.files, ("message_id",))
        with shop.home.connect() as connection:
            standing.load_masks(connection, root, live.manifest)
            return Counter(name for (name,) in connection.execute(sql).fetchall())


def counts_add_up(root: Path) -> None:
    """Of every batch: accepted + duplicate + rejected + withheld = rows, and the ledger has just those rows."""
    with open_workspace(root) as shop:
        for batch in shop.batches():
            parts = {name: batch[name] for name in ("accepted", "duplicate", "rejected")}
            assert sum(parts.values()) + batch["withheld"] == batch["rows"], batch
            listed = Counter(row["outcome"] for row in shop.ledger(batch=batch["id"], limit=1_000_000))
            assert listed == Counter({name: count for name, count in parts.items() if count}), batch


def named(live: manifest.Manifest) -> set[str]:
    """The files a version names, without their endings."""
    parts = {name for name, _ in live.masks} | {*live.files, *live.keys}
    for batch in live.batches:
        parts |= {name for name in (batch.rejects, *batch.claims, batch.rows_file, batch.unmade) if name}
    return parts


def strays(root: Path) -> list[str]:
    """Files and folders that the live version does not name: what a killed writer may have left."""
    known = named(manifest.read(root))
    found = [str(path.relative_to(root)) for path in (root / "spill").iterdir()]
    for folder in ("runs", "shards", "masks", "keys", "batches"):
        for path in (root / folder).rglob("*"):
            if path.is_file() and f"{path.parent.relative_to(root)}/{path.name.split('.')[0]}" not in known:
                found.append(str(path.relative_to(root)))
    return found


def healthy(root: Path) -> None:
    """`doctor` finds no problem, and each live file can be opened whole."""
    from periplus.doctor import examine

    with open_workspace(root) as shop:
        problems = [
            check for check in examine(shop) if check["state"] == "problem" and check["check"] != "Free disk"
        ]
        assert problems == []
        assert sum(files.load(root, name).rows for name in shop.snapshot().manifest.files) >= 0
