"""Tickets and answers out of events, by hand."""

from __future__ import annotations

from typing import Any

from periplus.people.said import answers
from periplus.people.tickets import tickets

SECOND = 1_000_000


def event(name: str, seconds: int, channel: str | None = None, /, **properties: Any) -> dict[str, Any]:
    return {
        "event": name, "micros": seconds * SECOND, "timestamp": f"t{seconds}", "properties": properties,
    } | ({"channel": channel} if channel else {})  # fmt: skip


def test_opened_answered_solved() -> None:
    (found,) = tickets(
        [
            event("Ticket Opened", 100, "e-mail", ticket_id=7, reason="where is it", order_id="A"),
            event("Ticket Answered", 160, ticket_id="7"),
            event("Ticket Answered", 190, ticket_id="7"),
            event("Ticket Solved", 400, ticket_id=7, reason="parcel", satisfaction="good"),
        ]
    )
    assert (found["ticket_id"], found["answer_seconds"], found["solve_seconds"]) == ("7", 60, 300)
    assert (found["reason"], found["satisfaction"], found["channel"]) == ("where is it", "good", "e-mail")
    assert (found["order_id"], found["open"], found["reopened"]) == ("A", False, 0)


def test_names_of_the_simulated_shop() -> None:
    (found,) = tickets(
        [event("Support Ticket Created", 1, ticket_id="t"), event("Support Ticket Solved", 5, ticket_id="t")]
    )
    assert (found["open"], found["solve_seconds"], found["answer_seconds"]) == (False, 4, None)


def test_a_ticket_without_an_answer_is_open() -> None:
    (found,) = tickets([event("Ticket Opened", 1, ticket_id="t")])
    assert (found["open"], found["solved"], found["solve_seconds"]) == (True, None, None)


def test_opened_again() -> None:
    rows = [event("Ticket Opened", 1, ticket_id="t"), event("Ticket Solved", 5, ticket_id="t")]
    again = [*rows, event("Ticket Opened", 9, ticket_id="t")]
    assert (tickets(again)[0]["open"], tickets(again)[0]["reopened"]) == (True, 1)
    solved = [*again, event("Ticket Solved", 11, ticket_id="t")]
    assert (tickets(solved)[0]["open"], tickets(solved)[0]["solve_seconds"]) == (False, 10)


def test_an_answer_told_before_its_ticket_has_no_length() -> None:
    (found,) = tickets([event("Ticket Answered", 1, ticket_id="t"), event("Ticket Opened", 5, ticket_id="t")])
    assert found["answer_seconds"] is None


def test_tickets_without_a_number_are_each_their_own() -> None:
    rows = [
        event("Ticket Opened", 1, reason="a"),
        event("Ticket Opened", 2, reason="b"),
        event("Ticket Solved", 3),
    ]
    assert [(row["ticket_id"], row["reason"]) for row in tickets(rows)] == [(None, "b"), (None, "a")]


def test_a_later_word_on_satisfaction_counts() -> None:
    rows = [
        event("Ticket Opened", 1, ticket_id="t"),
        event("Ticket Solved", 2, ticket_id="t", satisfaction="offered"),
        event("Ticket Rated", 3, ticket_id="t", rating=5),
    ]
    assert tickets(rows)[0]["satisfaction"] == "5"


def test_answers_newest_first() -> None:
    rows = answers(
        [
            event("Product Reviewed", 1, name="Sandal", rating=4, review_body="Nice"),
            event("Product Viewed", 2, name="Sandal"),
            event("Survey Answered", 3, survey="nps", score=9.0),
        ]
    )
    assert [(row["about"], row["rating"], row["text"]) for row in rows] == [
        ("nps", "9", None),
        ("Sandal", "4", "Nice"),
    ]
