"""What the map says in words: its title line, its cards, its ribbons, and the same aloud."""

from __future__ import annotations

from periplus.maps.fill import FilledMap, FilledStage, FilledStep, Flow
from periplus.maps.geometry import Tone
from periplus.maps.words import Words

ENOUGH = 20
"""Visits below which a share is not called high."""


def goal_names(filled: FilledMap, words: Words) -> str:
    return words.listed([step.name for step in filled.steps if step.goal])


def sentence(filled: FilledMap, words: Words) -> str:
    """The answer in one line: the goal, how many set out, how many got there, how long it took."""
    goal = words.gettext("Goal: %(goal)s.") % {"goal": goal_names(filled, words)}
    if not filled.journeys:
        empty = words.gettext(
            "No journeys yet. Import events or connect a source, and the map fills by itself."
        )
        return f"{goal} {empty}"
    parts = [
        words.ngettext("%(n)s journey", "%(n)s journeys", filled.journeys)
        % {"n": words.number(filled.journeys)},
        words.gettext("%(share)s reached it")
        % {"share": words.percent(filled.reached, filled.journeys, fine=True)},
    ]
    if filled.median_seconds is not None:
        parts.append(words.gettext("median %(time)s") % {"time": words.duration(filled.median_seconds)})
    if filled.open:
        parts.append(words.gettext("%(n)s still open") % {"n": words.number(filled.open)})
    return f"{goal} {' · '.join(parts)}"


def loss(filled: FilledMap, words: Words) -> tuple[str, str]:
    """What leaves before the goal, and where most of it does; empty where nothing does."""
    if not filled.stopped:
        return "", ""
    worst = max(filled.steps, key=lambda step: step.outcomes.stopped)
    head = words.ngettext(
        "%(n)s journey stops before the goal", "%(n)s journeys stop before the goal", filled.stopped
    ) % {"n": words.number(filled.stopped)}
    if not worst.outcomes.stopped:
        return head, ""
    where = words.gettext("%(share)s of them at “%(step)s”") % {
        "share": words.percent(worst.outcomes.stopped, filled.stopped),
        "step": worst.name,
    }
    return head, where


def usual_stop(filled: FilledMap) -> float:
    """The share of all visits at which a journey stops: what a card's own share is held against."""
    visits = sum(step.visits for step in filled.steps)
    return sum(step.outcomes.stopped for step in filled.steps) / visits if visits else 0.0


def rate(step: FilledStep, usual: float, words: Words) -> tuple[str, Tone]:
    """The one share a card shows, and whether it is red: more stop here than at the average visit."""
    if not step.visits:
        return words.gettext("no visits"), "muted"
    fate = step.outcomes
    stays = {
        "stopped": words.gettext("%(share)s stop"),
        "ended": words.gettext("%(share)s end"),
        "goal": words.gettext("%(share)s reach it"),
        "again": words.gettext("%(share)s again"),
        "running": words.gettext("%(share)s open"),
    }
    ends = ("goal", "again", "stopped", "ended") if step.goal else ("stopped", "ended", "goal")
    counts = {name: getattr(fate, name) for name in ends}
    if not any(counts.values()):
        if fate.running:
            return stays["running"] % {"share": words.percent(fate.running, step.visits)}, "muted"
        return words.gettext("none stop") if fate.back else words.gettext("all go on"), "muted"
    name = max(counts, key=lambda key: counts[key])
    if name == "goal" and fate.goal == step.visits:
        return words.gettext("all reach it"), "muted"
    text = stays[name] % {"share": words.percent(counts[name], step.visits)}
    high = (
        name == "stopped" and step.visits >= ENOUGH and fate.stopped / step.visits >= max(1.1 * usual, 0.05)
    )
    return text, "stop" if high else "muted"


def stage_line(stage: FilledStage, last: bool, words: Words) -> tuple[str, str, str]:
    """A stage in short: entries, the same in few characters, and the share that goes on."""
    if not any(step.measured for step in stage.steps):
        return words.gettext("not measured"), words.gettext("not measured"), ""
    many = words.ngettext("%(n)s entry", "%(n)s entries", stage.visits)
    on = ""
    if stage.visits and not last and stage.outcomes.onward:
        share = words.percent(stage.outcomes.onward, stage.visits)
        on = words.gettext("%(share)s on") % {"share": share} + (" ←" if words.rtl else " →")
    elif stage.visits and stage.outcomes.goal:
        share = words.percent(stage.outcomes.goal, stage.visits)
        on = words.gettext("%(share)s reach it") % {"share": share}
    elif stage.visits and stage.outcomes.again:
        share = words.percent(stage.outcomes.again, stage.visits)
        on = words.gettext("%(share)s again") % {"share": share}
    return many % {"n": words.number(stage.visits)}, many % {"n": words.compact(stage.visits)}, on


def outcome_words(words: Words) -> dict[str, str]:
    """Outcome to its word, in the order of the bar."""
    return {
        "onward": words.gettext("onward"),
        "goal": words.gettext("goal"),
        "again": words.gettext("again"),
        "back": words.gettext("back"),
        "stopped": words.gettext("stopped"),
        "ended": words.gettext("ended"),
        "running": words.gettext("running"),
    }


def end_words(words: Words) -> dict[str, str]:
    """An end to how a list says it."""
    return {
        "goal": words.gettext("goal reached, closed here"),
        "again": words.gettext("begin anew"),
        "stopped": words.gettext("stop here"),
        "ended": words.gettext("end here, after the goal"),
        "running": words.gettext("still running"),
        "start": words.gettext("begin here"),
        "other": words.gettext("go on to several others"),
        "back": words.gettext("go back to several others"),
        "before": words.gettext("come from several others"),
    }


def said_step(step: FilledStep, stage: FilledStage, words: Words) -> str:
    """A card aloud: '36 627 visits, 12 700 onward, …'."""
    head = f"{stage.name}, {step.name}"
    if not step.measured:
        return f"{head}: " + words.gettext("not measured yet")
    parts = [words.ngettext("%(n)s visit", "%(n)s visits", step.visits) % {"n": words.number(step.visits)}]
    names = outcome_words(words)
    parts += [f"{words.number(n)} {names[key]}" for key, n in step.outcomes.items().items() if n]
    if step.goal:
        head += f" ({words.gettext('goal')})"
    return f"{head}: {', '.join(parts)}"


def said_flow(flow: Flow, names: dict[str, str], words: Words) -> str:
    """A ribbon aloud: 'Product page to Added to cart: 6 245 visits'."""
    visits = words.ngettext("%(n)s visit", "%(n)s visits", flow.visits) % {"n": words.number(flow.visits)}
    way = words.gettext("%(source)s to %(target)s") % {
        "source": names.get(flow.source, flow.source),
        "target": names.get(flow.target, flow.target),
    }
    return f"{way}: {visits}"


def said_end(step: str, end: str, visits: int, words: Words) -> str:
    """A stub aloud: 'Product page: 17 092 stop here'."""
    return f"{step}: {words.number(visits)} {end_words(words)[end]}"


def said_map(filled: FilledMap, words: Words) -> str:
    return f"{filled.name}. {sentence(filled, words)}"


def end_of(target: str) -> str:
    """'stopped' of '(stopped)'; 'start' of '(start)'."""
    return target.strip("()") if target.startswith("(") else ""
