"""A hashed id in the browser: shown as one, found by the address it was made of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from periplus.store import pseudonyms
from tests.web.conftest import _serve, write_jsonl


def test_a_hashed_address_is_shown_as_one_and_found_as_it_is_typed(empty: Any, tmp_path: Path) -> None:
    row = {
        "type": "track", "event": "Product Viewed", "messageId": "1", "timestamp": "2026-05-01T10:00:00Z",
        "email": "ann@shop.example", "phone": "+306945551234",
    }  # fmt: skip
    empty.hashing.keep("email", "phone")
    empty.import_file(write_jsonl(tmp_path / "events.jsonl", [row]))
    for served in _serve(empty):
        with served.signed_in() as client:
            found = client.get("/people.json", params={"search": "Ann@shop.example"}).json()
            (person,) = found["rows"]
            said = f"hashed e-mail {(pseudonyms.digest(person['label']) or '')[:8]}…"
            listed = client.get("/people", params={"search": "+30 694 555 1234"}).text
            page = client.get(f"/people/{person['customer']}").text
            assert said in listed
            assert said in page
            assert "hashed phone" in page
            assert pseudonyms.DOMAIN not in listed
            assert "Kept hashed: E-mail, Phone" in client.get("/people/identity").text
            assert client.get("/people/identity.json").json()["hashed"] == ["email", "phone"]
            asked = {"kind": "funnel", "steps": [{"event": "Product Viewed"}, {"event": "Nothing"}]}
            people = client.get(f"/people/{person['customer']}/held").text
            assert "hashed phone" in people
            assert empty.ask(asked).rows[0]["reached"] == 1
