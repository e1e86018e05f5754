"""`kill -9` under load, again and again: every acknowledged event is there once, and the ledger adds up."""

from __future__ import annotations

import json
import random
import threading
import time
from pathlib import Path

import httpx

import periplus
from tests.collect.collector.conftest import basic, track
from tests.collect.collector.served import Served, made

KILLS = 10
SENDERS = 3
PAUSE = 0.01
"""Seconds a sender waits after an answer: some hundred batches a second in all, whatever the machine can."""
LEAST = 10
"""Messages that are acknowledged before each kill, on average, however slow the machine is."""
PATIENCE = 30
"""Seconds that this is waited for at the most, each time."""


class Sender(threading.Thread):
    """Sends small batches almost as fast as they are answered, some of them twice; knows what was acknowledged."""

    def __init__(self, number: int, key: str) -> None:
        super().__init__(daemon=True)
        self.number, self.headers = number, {"authorization": basic(key)}
        self.url = ""
        self.client = httpx.Client(timeout=60, verify=False)
        self.acknowledged: set[str] = set()
        self.tried: set[str] = set()
        self.over = threading.Event()

    def run(self) -> None:
        chance, count = random.Random(self.number), 0
        unanswered: list[str] = []
        while not self.over.is_set():
            # What was not answered is sent again, as every client does.
            ids = unanswered[:50] + [f"{self.number}-{count + i}" for i in range(chance.randrange(1, 20))]
            if chance.random() < 0.1 and self.acknowledged:
                ids.append(next(iter(self.acknowledged)))
            count += 20
            self.tried.update(ids)
            bad = [track(f"bad-{self.number}-{count}", event="")]
            messages = [track(name, anonymousId=f"device-{chance.randrange(40)}") for name in ids]
            try:
                reply = self.client.post(
                    f"{self.url}/v1/batch", json={"batch": messages + bad}, headers=self.headers
                )
                reply.raise_for_status()
            except httpx.HTTPError:
                unanswered = ids
                time.sleep(0.02)
            else:
                self.acknowledged.update(ids)
                unanswered = []
                time.sleep(PAUSE)
        self.client.close()


def test_killed_ten_times_it_loses_and_doubles_nothing(tmp_path: Path) -> None:
    workspace = tmp_path / "ws"
    key = made(workspace)
    chance = random.Random(1)
    served = Served(workspace)
    senders = [Sender(number, key) for number in range(SENDERS)]
    for sender in senders:
        sender.url = served.url
        sender.start()
    for kill in range(KILLS):
        time.sleep(chance.uniform(0.2, 1.5))  # before, within and after a flush
        enough, until = LEAST * (kill + 1), time.monotonic() + PATIENCE
        while sum(len(sender.acknowledged) for sender in senders) <= enough and time.monotonic() < until:
            time.sleep(0.01)
        served.kill()
        if kill < KILLS - 1:
            served.start()
            for sender in senders:
                sender.url = served.url
    for sender in senders:
        sender.over.set()
        sender.join()
    served.start()
    assert served.stop() == 0
    acknowledged = set().union(*(sender.acknowledged for sender in senders))
    tried = set().union(*(sender.tried for sender in senders))
    assert len(acknowledged) > LEAST * KILLS
    with periplus.open(workspace) as ws:
        out = tmp_path / "out.jsonl"
        ws.export(out)
        found = [json.loads(line)["messageId"] for line in out.read_text().splitlines()]
        rows = ws.ledger_counts("web")
        rejects = ws.rejects(limit=100_000)
    assert len(found) == len(set(found))
    assert acknowledged <= set(found) <= tried
    assert sum(row["accepted"] for row in rows) == len(found)
    assert sum(row["rejected"] for row in rows) == len(rejects)
    for row in rows:
        assert row["received"] == row["accepted"] + row["duplicate"] + row["rejected"] + row["withheld"]
    assert list((workspace / "inbox").iterdir()) == []
