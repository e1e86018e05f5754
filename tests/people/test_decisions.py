"""What people decide about who is who: it holds whatever comes when, and taken back it is as if never said."""

from __future__ import annotations

import os
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from periplus.errors import PeriplusError
from periplus.people.admission import admit
from periplus.people.deciding import decide
from periplus.people.decisions import Decision, Identifier
from periplus.people.identity_rules import IdentityRules, international, mailbox
from periplus.store import door, manifest
from tests.people.arrivals import fresh, staged, standing_events
from tests.people.oracle import NO_DECISIONS, Said, owners
from tests.people.test_admission import logs

EXAMPLES = int(os.environ.get("PERIPLUS_EXAMPLES", "4"))
IDS = [
    "user:u1",
    "user:u2",
    "user:u3",
    "email:a@x.org",
    "email:b@x.org",
    "phone:+301234567",
    "device:d1",
    "device:d2",
]
RULES = [{"email": False}, {"phone": False}, {"device": False}, {"reference": False}, {"alias": False}]


def silent(done: int, total: int, what: str) -> None:
    del done, total, what


@st.composite
def documents(draw: st.DrawFn) -> dict[str, object]:
    act = draw(st.sampled_from(["join", "separate", "block", "rules"]))
    if act == "rules":
        return {"rules": draw(st.sampled_from(RULES))}
    if act == "block":
        return {"block": draw(st.sampled_from([*IDS, "order:o1"]))}
    pair = draw(st.lists(st.sampled_from(IDS), min_size=2, max_size=2, unique=True))
    return {act: pair}


def said(documents_: list[dict[str, object]]) -> Said:
    """The decisions as the oracle takes them."""
    found = NO_DECISIONS
    for document in documents_:
        decision = Decision.parse(document)
        pairs = [tuple((each.kind, each.value) for each in link) for link in decision.links]
        if decision.kind == "join":
            found = replace(found, joins=[*found.joins, *pairs])
        elif decision.kind == "separate":
            found = replace(found, cuts=[*found.cuts, *pairs])
        elif decision.identifier is not None:
            found = replace(
                found, blocked=[*found.blocked, (decision.identifier.kind, decision.identifier.value)]
            )
        else:
            off = {key for key, on in decision.rules.model_dump().items() if on is False} - {"mailbox"}
            found = replace(found, off=off)
    return found


def customers(home) -> dict[int, int]:
    return {key: row["customer"] for key, row in standing_events(home).items()}


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(logs(), st.lists(documents(), min_size=1, max_size=3, unique_by=repr), st.data())
def test_decisions_before_between_and_after_the_events_give_the_same_customers(log, decided, data):
    """Events in two batches, decisions at any moment among them, all of them undone in any order."""
    with tempfile.TemporaryDirectory() as folder:
        home = fresh(Path(folder) / "shop")
        order = data.draw(st.permutations(log))
        cut = data.draw(st.integers(0, len(order)))
        when = sorted(data.draw(st.lists(st.integers(0, 2), min_size=len(decided), max_size=len(decided))))
        for moment in range(3):
            for document, at in zip(decided, when, strict=True):
                if at == moment:
                    decide(
                        home, lambda d, doc=document: d.added(Decision.parse(doc), who="ann", time=1), silent
                    )
            if moment < 2:
                batch = list(order[:cut] if moment == 0 else order[cut:])
                if batch:
                    admit(home, staged(home, batch), now=0)
        assert customers(home) == owners(log, said(decided))
        left = list(range(1, len(decided) + 1))
        for number in data.draw(st.permutations(left)):
            decide(home, lambda d, n=number: d.undone(n, who="bob", time=2), silent)
            left.remove(number)
            assert customers(home) == owners(log, said([decided[n - 1] for n in left]))


def one(id: int, time: int, **carried: object) -> dict[str, object]:
    return {"id": id, "time": time, "sequence": 0, "type": "track"} | carried


def test_a_version_names_its_decisions_and_what_is_wrong_is_said_in_one_sentence(tmp_path):
    home = fresh(tmp_path / "shop")
    log = [one(1, 1, email="ann@x.org", user_id="u1"), one(2, 2, email="ann@x.org"), one(3, 3, user_id="u2")]
    admit(home, staged(home, log), now=0)
    before = customers(home)
    assert before[2] == before[1]
    assert before[2] != before[3]
    decide(
        home,
        lambda d: d.added(Decision.parse({"separate": ["email:ANN@x.org", "user:u1"]}), who="", time=1),
        silent,
    )
    assert customers(home)[2] != before[1]
    assert manifest.read(home.root).decisions is not None
    decide(
        home,
        lambda d: d.added(Decision.parse({"join": ["user:u2", "email:ann@x.org"]}), who="a", time=2),
        silent,
    )
    assert customers(home)[2] == before[3]
    for document, words in (
        ({"join": ["user:u1", "user: u1 "]}, "the same identifier twice"),
        ({"join": ["user:u1"]}, "needs two identifiers"),
        ({"joins": ["user:u1", "user:u2"]}, "'joins'"),
        ({"join": ["mail:ann@x.org", "user:u1"]}, "'mail'"),
        ({"block": "user:" + "x" * 1_000_000}, "1,000,000 characters"),
        ({"block": "email:undefined"}, "means nobody"),
        ({"join": ["order:o1", "user:u1"]}, "of an order"),
        ({"join": ["user:u2", "email:ann@x.org"]}, "decided already, as decision 2"),
        ({"rules": {"emial": False}}, "emial"),
        ({"rules": {"region": "XX"}}, "no country"),
    ):
        with pytest.raises(PeriplusError) as problem:
            decide(home, lambda d, doc=document: d.added(Decision.parse(doc), who="a", time=3), silent)
        assert words in str(problem.value), document
        assert problem.value.hint, document
        assert len(str(problem.value)) < 600
    decide(home, lambda d: d.undone(1, who="a", time=3), silent)
    with pytest.raises(PeriplusError, match="taken back already"):
        decide(home, lambda d: d.undone(1, who="a", time=3), silent)
    with pytest.raises(PeriplusError, match="no decision 7"):
        decide(home, lambda d: d.undone(7, who="a", time=3), silent)
    decide(home, lambda d: d.undone(2, who="a", time=3), silent)
    assert customers(home) == before


def test_rules_compare_one_identifier_in_python_as_they_do_in_sql(tmp_path):
    mails = [
        "ann@x.org",
        "Ann.B+news@GMAIL.com",
        "ann.b+x@x.org",
        "+tag@x.org",
        "a.n.n@googlemail.com",
        '"a@b"@x.org',
    ]
    phones = ["6912345678", "0030 691 234 5678", "+1 212 555 0143", "306912345678", "271828", "030 1234567"]
    with fresh(tmp_path / "shop").connect() as connection:
        for rules in (IdentityRules(), IdentityRules(mailbox=True, region="GR"), IdentityRules(region="DE")):
            for kind, texts in (("email", mails), ("phone", phones)):
                for text in texts:
                    literal = door.literal(text)
                    (sql,) = connection.execute(f"SELECT {rules.value(kind, literal)}").fetchall()[0]
                    (quick,) = connection.execute(f"SELECT {rules.alike(kind, literal)}").fetchall()[0]
                    assert sql == quick == rules.plain(kind, Identifier.read(f"{kind}:{text}").value), (
                        text,
                        rules,
                    )
    assert mailbox("ann.b+news@gmail.com") == mailbox("annb@googlemail.com") == "annb@gmail.com"
    assert international("06912345678", "DE") == "+496912345678"
    assert international("306912345678", "GR") == "+306912345678"
