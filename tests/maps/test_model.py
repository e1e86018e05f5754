"""Maps as documents: defaults to the letter, and errors that name the place and the nearest word."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from periplus.errors import DocumentError, NotFoundError
from periplus.journeys.rules import meanings
from periplus.maps.model import MapDocument, kebab
from periplus.maps.template import SHOP

DAY = 86_400_000_000


def shop(**changes: Any) -> dict[str, Any]:
    """A small valid map, with changes at its top."""
    return {
        "name": "First purchase",
        "goal": ["order"],
        "stages": [
            {
                "name": "Intent",
                "steps": [
                    {"id": "cart", "name": "Added to cart", "rule": {"event": "Product Added"}},
                    {
                        "id": "mail",
                        "name": "Reminder",
                        "rule": {"event": "Email Delivered"},
                        "initiator": "shop",
                    },
                    {"id": "talk", "name": "Word of mouth"},
                ],
            },
            {
                "name": "Purchase",
                "steps": [
                    {"id": "checkout", "name": "Checkout", "rule": {"event": "Checkout Started"}},
                    {"id": "order", "name": "Order", "rule": {"event": "Order Completed"}},
                ],
            },
            {
                "name": "After",
                "steps": [
                    {
                        "id": "parcel",
                        "name": "Parcel",
                        "rule": {"event": "Order Delivered"},
                        "initiator": "shop",
                        "prolongs": True,
                    },
                    {"id": "review", "name": "Review", "rule": {"event": "Product Reviewed"}},
                ],
            },
        ],
        **changes,
    }


def test_defaults_to_the_letter() -> None:
    map = MapDocument.parse(shop())
    assert (map.id, map.end, map.lapse) == ("first-purchase", "goal", "30d")
    assert map.start_steps == ("cart", "talk", "checkout", "order")
    assert map.restart_steps == ("cart", "talk")
    rules = map.rules()
    ids = [step.id for step in rules.steps]
    assert ids == ["cart", "mail", "talk", "checkout", "order", "parcel", "review"]
    assert {ids[i] for i in rules.goal} == {"order"}
    assert {ids[i] for i in rules.start} == set(map.start_steps)
    assert {ids[i] for i in rules.restart} == {"cart", "talk"}
    assert [step.prolongs for step in rules.steps] == [True, False, True, True, True, True, True]
    assert [step.rule is None for step in rules.steps] == [i == 2 for i in range(7)]
    assert rules.lapse == 30 * DAY
    assert rules.stages == ("Intent", "Purchase", "After")
    assert rules.steps[5].stage == "After"


def test_with_goals_in_several_stages_start_reaches_to_the_last_and_restart_to_before_the_first() -> None:
    map = MapDocument.parse(shop(goal=["order", "review"]))
    assert map.start_steps == ("cart", "talk", "checkout", "order", "review")
    assert map.restart_steps == ("cart", "talk")


@pytest.mark.parametrize("goal", [["cart"], "cart"])
def test_where_no_stage_lies_before_the_goal_its_own_steps_restart(goal: object) -> None:
    map = MapDocument.parse(shop(goal=goal))
    assert map.goal == ("cart",)
    assert map.restart_steps == ("cart",)
    assert map.start_steps == ("cart", "talk")


def test_what_is_written_counts() -> None:
    map = MapDocument.parse(shop(id="x", start=["cart"], restart="checkout", end="restart", lapse="2w"))
    assert (map.id, map.start_steps, map.restart_steps) == ("x", ("cart",), ("checkout",))
    assert map.rules().lapse == 14 * DAY
    assert map.rules().end == "restart"


def test_step_ids_default_to_the_name_in_kebab_case() -> None:
    steps = [{"name": "Πρώτη  αγορά!", "rule": {"event": "A"}}, {"name": "加入購物車"}]
    map = MapDocument.parse({"name": "M", "goal": "πρώτη-αγορά", "stages": [{"name": "S", "steps": steps}]})
    assert [step.id for step in map.steps] == ["πρώτη-αγορά", "加入購物車"]


@pytest.mark.parametrize("map", [SHOP, MapDocument.parse(shop(lapse="2w", description="Why."))])
def test_document_and_yaml_come_back_the_same(map: MapDocument) -> None:
    assert MapDocument.parse(map.document()) == map
    assert MapDocument.parse(map.to_yaml()) == map
    assert MapDocument.parse(map) is map


def step(**changes: Any) -> dict[str, Any]:
    return {"name": "M", "goal": "a", "stages": [{"name": "S", "steps": [{"name": "A", **changes}]}]}


def one(stage: dict[str, Any]) -> dict[str, Any]:
    return {"name": "M", "goal": "a", "stages": [{"name": "S", "steps": [{"name": "A"}], **stage}]}


ERRORS: list[tuple[object, str, str]] = [
    (shop(goal=["ordr"]), "`goal`: unknown step 'ordr'", "order"),
    (shop(start=["crat"]), "`start`: unknown step 'crat'", "cart"),
    (shop(restart=["chekout"]), "`restart`: unknown step", "checkout"),
    (shop(lapze="3d"), "Unknown key 'lapze'", "lapse"),
    (shop(lapse="3 days"), "`lapse`: '3 days' is not a duration", "30m"),
    (shop(lapse="0d"), "`lapse` is longer than nothing", "30d"),
    (shop(end="gaol"), "Unknown end 'gaol'", "goal"),
    (shop(currency="euro"), "`currency`", "EUR"),
    (shop(goal=[]), "`goal` is [], empty", "goal: [order]"),
    (shop(id="a b"), "`id` is 'a b'", "kebab"),
    (shop(id="(start)"), "`id` is '(start)'", "kebab"),
    (shop(lanes=[{"name": "Pain", "cards": [{"stage": "Intend", "text": "x"}]}]), "Lane 'Pain'", "Intent"),
    ({"name": "M", "goal": "a"}, "The map has no `stages`", "`stages`"),
    ({"goal": "a", "stages": one({})["stages"]}, "The map has no `name`", "`name`"),
    (one({"steps": []}), "Stage 1 'S': `steps` is (), empty", "`rule`"),
    (one({"colour": "#112233"}), "Stage 1 'S': Unknown key 'colour'", "color"),
    (one({"color": "red"}), "Stage 1 'S': `color` is 'red'", "#5B7FDE"),
    (one({"color": "#fff;}"}), "`color`", "#5B7FDE"),
    (one({"steps": [{"name": "A"}, {"id": "a", "name": "B"}]}), "Two steps have the id 'a'", "`id`"),
    (one({"steps": [{"rule": {"event": "A"}}]}), "Stage 1 'S', step 1 has no `name`", "name"),
    (one({"steps": [{"id": "a"}]}), "Stage 1 'S', step 1 'a' has no `name`", "`name`"),
    (one({"steps": [{"name": "!!"}]}), "Stage 1 'S', step 1 '!!' has no `id`", "`id`"),
    (one({"steps": "A"}), "not a list", "`steps`"),
    ({"name": "M", "goal": "a", "stages": [1]}, "not a set of keys", "stages"),
    (step(rul={}), "Stage 1 'S', step 1 'A': Unknown key 'rul'", "rule"),
    (step(rule="Order Completed"), "`rule` is 'Order Completed', not a set of keys", "event"),
    (step(rule={"evnt": "X"}), "'a'", "event"),
    (step(rule={"touchpoint": "cart"}), "refers to a touchpoint", "event:"),
    (step(rule={"any": [{"event": "X"}, {"not": {"stage": "S"}}]}), "refers to a stage", "event:"),
    (step(initiator="client"), "Unknown initiator 'client'", "customer"),
    (step(initiator="shop"), "No step can open a journey", "start"),
    (step(prolongs="yes"), "`prolongs` is 'yes', not true or false", "true or false"),
    (step(name=404), "`name` is 404, not a text", "quotes"),
    (step(name="x" * 201), "too long", "name"),
    ([], "A map is a set of keys", "goal:"),
    ("name: x\nname: y", "The key 'name' stands twice, the second time in line 2", "Keep one"),
    ("a: &x [1]\nb: *x", "an anchor or an alias in line 1", "Write"),
    ("a: !!python/object:os.system x", "a tag in line 1", "Leave"),
    ("[" * 100, "nested deeper", "right file"),
    ("stages: [", "not readable YAML", "colon"),
    ("\tname: x", "not readable YAML in line 1", "tab"),
    ("a: " + "x" * 300_000, "has 300003 characters", "right file"),
    ("a: \x00", "not readable YAML", "tab"),
    ("? [a]\n: b", "The key in line 1 is not a text", "colon"),
]


@pytest.mark.parametrize(("document", "message", "hint"), ERRORS)
def test_errors_name_the_place_and_what_to_do(document: Any, message: str, hint: str) -> None:
    with pytest.raises(DocumentError) as caught:
        MapDocument.parse(document)
    assert message in caught.value.message
    assert hint in f"{caught.value.hint} {caught.value.allowed[:1]}"


def test_two_stages_of_one_name_and_too_many_steps_are_refused() -> None:
    with pytest.raises(DocumentError, match="Two stages"):
        MapDocument.parse(
            {**one({}), "stages": [*one({})["stages"], {"name": "S", "steps": [{"name": "B"}]}]}
        )
    stages = [{"name": f"S{i}", "steps": [{"name": f"A{i} {j}"} for j in range(90)]} for i in range(3)]
    with pytest.raises(DocumentError, match="270 steps"):
        MapDocument.parse({"name": "M", "goal": "a0-0", "stages": stages})


def test_deep_documents_do_not_exhaust_the_stack() -> None:
    rule: dict[str, Any] = {"event": "A"}
    for _ in range(5000):
        rule = {"not": rule}
    with pytest.raises(DocumentError, match="nested deeper"):
        MapDocument.parse(step(rule=rule))


def test_yaml_reads_norway_and_dates_as_text() -> None:
    text = "name: no\ngoal: on\ndescription: 2026-01-01\nstages: [{name: yes, steps: [{name: on}]}]"
    map = MapDocument.parse(text)
    assert (map.name, map.description, map.stages[0].name, map.goal) == ("no", "2026-01-01", "yes", ("on",))
    assert MapDocument.parse(map.to_yaml()) == map


def test_properties_called_stage_are_no_references() -> None:
    MapDocument.parse(step(rule={"event": "A", "where": {"stage": "won"}}))


@settings(max_examples=60, deadline=None)
@given(names=st.lists(st.text(min_size=1, max_size=30).filter(str.strip), min_size=1, max_size=5))
def test_any_name_survives_its_yaml(names: list[str]) -> None:
    steps = [{"id": f"s{i}", "name": name} for i, name in enumerate(names)]
    map = MapDocument.parse(
        {"name": names[0], "id": "m", "goal": "s0", "stages": [{"name": names[-1], "steps": steps}]}
    )
    assert MapDocument.parse(map.to_yaml()) == map
    assert MapDocument.parse(map.document()) == map


@given(st.text(max_size=40))
def test_kebab_is_a_fixed_point(name: str) -> None:
    assert kebab(kebab(name)) == kebab(name)


def stored(kind: str, name: str) -> dict[str, Any] | None:
    return shop() if (kind, name) == ("map", "first-purchase") else None


@pytest.mark.parametrize("name", ["first-purchase", "First purchase"])
def test_a_question_names_a_stored_map_by_id_or_name(name: str) -> None:
    assert meanings["map"](name, stored).id == "first-purchase"


def test_a_question_may_hold_a_whole_map_or_name_the_template() -> None:
    assert meanings["map"](shop(id="mine"), stored).id == "mine"
    assert len(meanings["map"]("shop", stored).steps) == len(SHOP.steps)


@pytest.mark.parametrize("name", ["shopp", "", "!"])
def test_a_map_nobody_knows(name: str) -> None:
    with pytest.raises(NotFoundError) as caught:
        meanings["map"](name, stored)
    assert caught.value.hint
    assert "shop" in caught.value.allowed


def test_a_map_that_is_neither_name_nor_document() -> None:
    with pytest.raises(DocumentError):
        meanings["map"](3, stored)  # type: ignore[arg-type]
