"""Who may be one person though no identifier says so: records compared by name, contact, postcode and birth date.

A till, a call centre or an old CRM writes a name and a postcode where a web shop has an account. Records are compared
pair by pair by the model of I. P. Fellegi and A. B. Sunter, "A Theory for Record Linkage", Journal of the American
Statistical Association 64 (1969): each field that agrees, nearly agrees or differs is evidence for or against, by how
often it does so among records of one person and among strangers. These shares are estimated from the records
themselves, by expectation maximisation. splink does it, in DuckDB; it comes with `pip install periplus[matching]`.

Nothing is joined by it: what is likely enough is a proposal.

Assumptions: (1) fields agree or not independently of each other, given that two records are of one person or not;
(2) two records that share none of the pairs of fields in `_BLOCKS` are of two persons; (3) a missing field says nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import combinations
from typing import Any

import pyarrow as pa

from periplus.errors import InputError
from periplus.store import door
from periplus.store.staged import Progress

INSTALL = 'pip install "periplus[matching]"'
"""What brings splink."""
FIELDS = ("first_name", "last_name", "email", "phone", "postcode", "birth_date")
"""What is compared: texts in lower case; birth dates as YYYY-MM-DD."""
THRESHOLD = 0.9
"""How likely two records must be of one person to be proposed."""
LOWEST = 0.5
"""Below that a pair is more likely of two people, and there are very many of those."""
FEWEST = 50
"""With fewer records there is nothing to estimate from."""
_BLOCKS = (
    *combinations(("first_name", "last_name", "postcode", "birth_date"), 2),
    ("email",),
    ("phone",),
)
"""Only records that share all fields of some of these are compared."""
_SURE = (
    ("first_name", "last_name", "birth_date"),
    ("last_name", "postcode", "birth_date"),
    ("first_name", "postcode", "birth_date"),
    ("email", "last_name"),
    ("phone", "last_name"),
)
"""Records that share all of some of these are taken to be one person, to begin the estimate with."""
_FOUND_BY_THOSE = 0.8
"""How much of what is one person those find, roughly."""
_PAIRS = 1e6
"""Pairs at random from which it is estimated how strangers agree."""
STEPS = 5
"""Pieces of the work, of which progress is told: reading records, learning in three rounds, comparing."""


@dataclass(frozen=True)
class Match:
    """Two records (their `id`) that are likely of one person, how likely, and the evidence.

    `evidence` has for each field that both have the log2 of the odds it adds: above 0 speaks for one person.
    """

    one: str
    other: str
    probability: float
    evidence: dict[str, float]


def _silent(done: int, total: int, what: str) -> None:
    del done, total, what


def matched(
    records: Sequence[Mapping[str, str | None]],
    *,
    threshold: float = THRESHOLD,
    memory: str = "1GB",
    progress: Progress = _silent,
) -> list[Match]:
    """The pairs of records that are likely of one person, the likeliest first.

    A record has an `id` and any of FIELDS. Raises InputError where splink is not installed. `progress` is called before
    each of the STEPS; what it raises ends the work, and nothing is left of it.
    """
    splink, levels = _splink()
    columns = {
        name: pa.array([record.get(name) or None for record in records], pa.string()) for name in FIELDS
    }
    there = [name for name, values in columns.items() if len(values.drop_null().unique()) > 1]
    blocks = [keys for keys in _BLOCKS if set(keys) <= set(there)]
    if len(records) < FEWEST or not blocks:
        return []
    table = pa.table({"id": [record["id"] for record in records], **{name: columns[name] for name in there}})
    settings = splink.SettingsCreator(
        link_type="dedupe_only",
        unique_id_column_name="id",
        comparisons=[_compared(levels, name) for name in there],
        blocking_rules_to_generate_predictions=[splink.block_on(*keys) for keys in blocks],
        retain_intermediate_calculation_columns=True,
    )
    with door.opened(memory=memory) as connection:
        engine = splink.DuckDBAPI(connection=connection)
        linker = splink.Linker(engine.register(table), settings, log_level=logging.ERROR)
        shared = [
            name for name in there if len(columns[name].drop_null().unique()) < len(columns[name].drop_null())
        ]
        _estimate(splink, linker, there, shared, progress)
        progress(4, STEPS, "comparing pairs")
        found = linker.inference.predict(threshold_match_probability=threshold).as_record_list()
    matches = []
    for row in found:
        one, other = sorted((row["id_l"], row["id_r"]))
        matches.append(Match(one, other, row["match_probability"], _evidence(row, there)))
    return sorted(matches, key=lambda match: (-match.probability, match.one, match.other))


def _compared(levels: Any, name: str) -> Any:
    """How two values of a field are compared: alike, nearly alike, or not."""
    if name in ("first_name", "last_name"):
        return levels.JaroWinklerAtThresholds(name, [0.92, 0.8])
    if name == "email":
        return levels.JaroWinklerAtThresholds(name, [0.95])
    if name == "birth_date":
        return levels.DamerauLevenshteinAtThresholds(name, [1])
    return levels.LevenshteinAtThresholds(name, [1])


def _estimate(
    splink: Any, linker: Any, there: Sequence[str], shared: Sequence[str], progress: Progress
) -> None:
    """How often fields agree among strangers, by pairs at random; and among one person's records, by two rounds.

    A round looks at records that share one field (some do, for those in `shared`), and learns of all others; so each
    is learnt in one of them.
    """
    training = linker.training
    progress(1, STEPS, "learning how strangers agree")
    sure = [splink.block_on(*keys) for keys in _SURE if set(keys) <= set(there)]
    if sure:
        training.estimate_probability_two_random_records_match(sure, recall=_FOUND_BY_THOSE)
    training.estimate_u_using_random_sampling(max_pairs=_PAIRS, seed=1)
    rounds = [name for name in ("birth_date", "last_name", "postcode", "phone", "email") if name in shared]
    for number, name in enumerate(rounds[:2]):
        progress(2 + number, STEPS, "learning how records of one person agree")
        # Where no pair is on some level of agreement there is no share to learn: the usual one stays.
        with suppress(ValueError):
            training.estimate_parameters_using_expectation_maximisation(splink.block_on(name))


def _evidence(row: Mapping[str, Any], there: Sequence[str]) -> dict[str, float]:
    # A field of which nothing could be learnt adds nothing, and splink leaves it out.
    return {
        name: round(float(row[f"mw_{name}"]), 2)
        for name in there
        if f"mw_{name}" in row and row[f"{name}_l"] is not None and row[f"{name}_r"] is not None
    }


def installed() -> bool:
    """Whether splink is there."""
    return find_spec("splink") is not None


def checked(threshold: float) -> float:
    """A threshold; raises InputError for what is none."""
    if not LOWEST <= threshold <= 1:
        raise InputError(
            f"{threshold:g} is no threshold.",
            code="threshold",
            hint=f"It is how likely a pair must be: from {LOWEST} to 1, such as {THRESHOLD}.",
        )
    return threshold


def _splink() -> tuple[Any, Any]:
    try:
        import splink
        import splink.comparison_library as levels
    except ImportError:
        raise InputError(
            "Records are matched by splink, which is not installed.",
            code="no_splink",
            hint=f"Install it: {INSTALL}.",
        ) from None
    return splink, levels
