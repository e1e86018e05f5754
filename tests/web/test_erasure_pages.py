"""What is held about a person, in the browser and by programs: taken along, erased with a proof; how long events are kept."""

from __future__ import annotations

import io
import json
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from periplus.people.directory import shown
from periplus.people.identifiers import customer_hash
from tests.web.conftest import Served, _serve, events, write_jsonl
from tests.web.errand import asked, token


@pytest.fixture
def served(empty: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    monkeypatch.setattr("periplus.people.erasure.READERS", 0.0)
    monkeypatch.setattr("periplus.people.retention.READERS", 0.0)
    empty.import_file(write_jsonl(tmp_path / "events.jsonl", events(30)), source="web")
    yield from _serve(empty)


def test_a_person_is_taken_along_and_erased_and_the_proof_stays(served: Served) -> None:
    ws = served.ws
    label = next(row["label"] for row in ws.search(limit=100)["rows"] if row["label"].startswith("shopper-"))
    customer = shown(customer_hash("user", label))
    here = f"/people/{customer}"
    with served.stranger() as stranger:
        for path in (f"{here}/held", "/erasures", "/erasures/1", "/sources/retention"):
            assert stranger.get(path).status_code == 303, path
        assert stranger.post(f"{here}/erase", data={"sure": "yes"}).status_code in (401, 403)
    with served.signed_in() as client:
        assert f'href="{here}/held"' in client.get(here).text
        page = client.get(f"{here}/held")
        assert label in page.text
        held = client.get(f"{here}/held.json").json()
        assert {row["place"]: row["rows"] for row in held["places"]}["events"] > 0
        form = {"csrf": token(client)}
        for path in ("export", "erase"):
            assert client.post(f"{here}/{path}", data={"form": "json", "sure": "yes"}).status_code == 403, (
                path
            )
        found = client.post(f"{here}/export", data={**form, "form": "json"})
        assert found.headers["content-disposition"] == 'attachment; filename="person.json"'
        assert found.json()["person"]["label"] == label
        packed = client.post(f"{here}/export", data={**form, "form": "zip"}).content
        assert "events.csv" in zipfile.ZipFile(io.BytesIO(packed)).namelist()
        assert client.post(f"{here}/export", data={**form, "form": "pdf"}).status_code == 400
        assert client.post(f"{here}/erase", data=form).status_code == 400
        assert ws.search(label)["total"] == 1
        said = client.post(f"{here}/erase", data={**form, "sure": "yes", "reason": "letter 7"})
        assert said.status_code == 200
        address = f"{said.url.path}.json"
        limit = time.monotonic() + 60
        while (twin := client.get(address).json())["state"] == "running":
            assert time.monotonic() < limit
            time.sleep(0.05)
        assert twin["state"] == "done", twin
        assert all(row["after"]["rows"] == 0 for row in twin["proof"]["places"])
        assert ws.search(label)["total"] == 0
        proof = client.get("/erasures/1")
        assert "letter 7" in proof.text
        assert label not in proof.text
        listed = client.get("/erasures.json").json()
        assert [(row["action"], row["who"]) for row in listed["actions"]] == [
            ("erase", "browser"), ("person export", "browser"), ("person export", "browser"),
        ]  # fmt: skip
        assert label not in json.dumps(listed)
        assert client.get(f"{here}/held").status_code == 404
        assert client.get("/erasures/9").status_code == 404
    by_program(served)


def by_program(served: Served) -> None:
    ws = served.ws
    label = next(row["label"] for row in ws.search(limit=100)["rows"] if row["label"].startswith("shopper-"))
    bearer = {"Authorization": f"Bearer {ws.add_token('desk')}"}
    here = f"/api/customers/{label}"
    with served.stranger() as client:
        assert client.post(f"{here}/erase", json={"sure": True}).status_code == 401
        assert client.post(f"{here}/export", headers=bearer).json()["person"]["label"] == label
        assert client.get(f"{here}/held", headers=bearer).json()["label"] == label
        assert client.post(f"{here}/erase", headers=bearer, json={}).status_code == 400
        assert client.post(f"{here}/erase", headers=bearer, json={"sure": True}).json()["who"] == "desk"
        assert len(client.get("/api/erasures", headers=bearer).json()["erasures"]) == 2


def test_rules_of_retention_are_tried_adopted_and_carried_out(served: Served) -> None:
    ws = served.ws
    with served.signed_in() as client:
        here, rules = "/sources/retention", "sources:\n  web: 1d\n"
        page, twin = asked(client, here, "try", document=rules)
        assert twin["result"]["sources"] == {"web": len(events(30))}
        assert "would leave" in page
        page, twin = asked(client, here, "try", document="sources: {web: soon}\n")
        assert twin["state"] == "failed"
        page, twin = asked(client, here, "adopt", document=rules)
        assert twin["result"] == {"version": 1}
        assert ws.search()["total"] > 0
        page, twin = asked(client, here, "run")
        assert twin["result"]["events"] == len(events(30))
        assert ws.search()["total"] == 0
        assert client.get(f"{here}.json").json()["rules"] == {"sources": {"web": "1d"}}
