"""A file goes in through the pages: looked at, mended, imported, taken back."""

from __future__ import annotations

import csv
import io
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from periplus.errors import DocumentError, NotFoundError
from periplus.web.drafts import Drafts, safe_name
from periplus.web.jobs import Job, Jobs
from periplus.web.pages.imports import mapping_of
from periplus.web.pages.people import plain
from tests.web.conftest import events, write_jsonl

MAPPING = """
source: till
tables:
- files: "sales*.csv"
  events:
  - event: Order Completed
    userId: customer
    time: {column: day, format: "%d/%m/%Y"}
    properties: {order_id: receipt, total: amount}
"""

SALES = """receipt,customer,day,amount
1,anna,25/03/2026,10.5
2,ben,26/03/2026,7
3,cleo,31/02/2026,9
4,,27/03/2026,2
"""


def upload(site: Any, client: httpx.Client, name: str, content: bytes, **more: str) -> httpx.Response:
    data = {"csrf": site.csrf(client), **more}
    return client.post("/import", data=data, files={"files": (name, content)})


def settled(client: httpx.Client, path: str) -> dict[str, Any]:
    """The twin of a draft once its job is over."""
    limit = time.monotonic() + 120
    while time.monotonic() < limit:
        twin: dict[str, Any] = client.get(f"{path}.json").json()
        if twin["state"] != "running":
            return twin
        time.sleep(0.05)
    raise AssertionError("the job did not end")


def act(site: Any, client: httpx.Client, path: str, action: str, **more: str) -> httpx.Response:
    return client.post(path, data={"csrf": site.csrf(client), "action": action, **more})


def test_looking_writes_nothing_and_importing_does(fresh: Any, tmp_path: Path) -> None:
    content = write_jsonl(tmp_path / "e.jsonl", events(20)).read_bytes()
    with fresh.signed_in() as client:
        path = upload(fresh, client, "e.jsonl", content).url.path
        plan = settled(client, path)["plan"]
        rows = content.count(b"\n")
        assert plan["counts"]["accepted"] == plan["counts"]["rows"] == rows
        assert fresh.ws.batches() == []
        assert f"{rows} of {rows} rows would come in" in client.get(path).text
        act(fresh, client, path, "import")
        imported = settled(client, path)["imported"]
        assert imported["accepted"] == rows
        batch = fresh.ws.batches()[0]
        assert batch["id"] == imported["batch"]
        assert client.get("/import.json").json()["batches"] == fresh.ws.batches()
        assert fresh.ws.search("")["total"] > 0


def test_a_mapping_is_written_in_the_page(fresh: Any) -> None:
    with fresh.signed_in() as client:
        path = upload(fresh, client, "sales.csv", SALES.encode()).url.path
        settled(client, path)
        act(fresh, client, path, "look", mapping=MAPPING)
        plan = settled(client, path)["plan"]
        assert plan["counts"] == {"rows": 4, "accepted": 3, "duplicate": 0, "rejected": 1, "withheld": 0}
        assert {row["line"] for row in plan["problems"]} == {4}
        page = client.get(path).text
        assert "31/02/2026" in page
        assert "Import 3 rows" in page
        act(fresh, client, path, "import")
        imported = settled(client, path)["imported"]
        number = imported["batch"]
        assert (imported["accepted"], imported["rejected"]) == (3, 1)
        twin = client.get(f"/import/batches/{number}.json").json()
        assert [row["line"] for row in twin["rows"]] == [4]
        table = list(csv.DictReader(io.StringIO(client.get(f"/import/batches/{number}/rejected.csv").text)))
        assert [row["line"] for row in table] == ["4"]
        assert "31/02/2026" in table[0]["value"]


def test_a_wrong_mapping_is_said_where_it_can_be_mended(fresh: Any) -> None:
    with fresh.signed_in() as client:
        path = upload(fresh, client, "sales.csv", SALES.encode()).url.path
        settled(client, path)
        act(fresh, client, path, "look", mapping=MAPPING.replace("userId", "userid_"))
        twin = settled(client, path)
        assert twin["state"] == "failed"
        page = client.get(path).text
        assert "userId" in page
        assert "userid_" in page
        assert "<textarea" in page
        broken = act(fresh, client, path, "look", mapping="tables: [")
        assert broken.status_code == 422


def test_a_batch_is_taken_back(fresh: Any, tmp_path: Path) -> None:
    batch = fresh.ws.import_file(write_jsonl(tmp_path / "e.jsonl", events(10))).batch
    assert fresh.ws.search("")["total"] > 0
    with fresh.signed_in() as client:
        client.post(f"/import/batches/{batch}/undo", data={"csrf": fresh.csrf(client)})
        assert "was taken back" in client.get(f"/import/batches/{batch}").text
    assert fresh.ws.search("")["total"] == 0


def test_a_dropped_file_is_gone(fresh: Any) -> None:
    with fresh.signed_in() as client:
        path = upload(fresh, client, "sales.csv", SALES.encode()).url.path
        assert list((fresh.ws.path / "uploads").iterdir())
        act(fresh, client, path, "drop")
        assert client.get(path).status_code == 404
    assert list((fresh.ws.path / "uploads").iterdir()) == []


def test_too_large_and_missing_files_are_refused_plainly(fresh: Any) -> None:
    with fresh.signed_in() as client:
        large = upload(fresh, client, "large.csv", b"a,b\n" * 100_000)
        assert large.status_code == 413
        assert "larger than 200" in large.text
        missing = client.post("/import", data={"csrf": fresh.csrf(client)})
        assert missing.status_code == 400
        assert "No file was chosen" in missing.text


@pytest.mark.parametrize(
    "content", [b"", b"\x00\x01\x02\xff" * 500, b"{}\n", b'{"type": "track"}\n', b"a,b\n"]
)
def test_strange_files_are_said_to_be_strange(fresh: Any, content: bytes) -> None:
    with fresh.signed_in() as client:
        for name in ("x.jsonl", "x.csv", "x.parquet", "x"):
            path = upload(fresh, client, name, content).url.path
            twin = settled(client, path)
            assert twin["state"] in ("done", "failed")
            assert twin.get("problem", {}).get("code") != "unforeseen"
            assert client.get(path).status_code == 200


def test_an_upload_cannot_leave_its_folder(tmp_path: Path) -> None:
    for given in ("../../../etc/passwd", "/etc/passwd", "..", "", "C:\\x\\y.csv", "a\x00b.csv", "x" * 500):
        name = safe_name(given)
        assert "/" not in name
        assert (tmp_path / name).resolve().parent == tmp_path
        assert len(name) <= 120


def test_a_forgotten_draft_is_swept_away(tmp_path: Path) -> None:
    drafts = Drafts(tmp_path)
    old = drafts.new()
    old.created -= 2 * 24 * 3600
    new = drafts.new()
    assert [path.name for path in (tmp_path / "uploads").iterdir()] == [new.id]
    with pytest.raises(NotFoundError):
        drafts.get(old.id)


def test_a_job_stops_when_asked() -> None:
    jobs = Jobs()

    def work(job: Job) -> str:
        for done in range(100_000):
            job.progress(done, 100_000, "counting")
            time.sleep(0.001)
        return "all"

    job = jobs.start(work)
    while not job.done:
        time.sleep(0.001)
    job.stop()
    assert job.wait(10)
    assert job.state == "stopped"
    assert job.result is None


def test_a_job_keeps_its_problem() -> None:
    def work(job: Job) -> None:
        raise DocumentError("The mapping is wrong.", hint="Mend it.")

    job = Jobs().start(work)
    assert job.wait(10)
    assert (job.state, str(job.problem)) == ("failed", "The mapping is wrong. Mend it.")


@pytest.mark.parametrize(
    "text", ["[", "- a", "just words", "a: !!python/object/apply:os.system [ls]", "a: " + "[" * 5000]
)
def test_a_mapping_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(DocumentError):
        mapping_of(text)


def test_no_cell_becomes_a_formula() -> None:
    assert [plain(text) for text in ("=1+1", "+1", "-1", "@x", "ok", None)] == [
        "'=1+1",
        "'+1",
        "'-1",
        "'@x",
        "ok",
        "",
    ]
