"""Every kind of question against its oracle, over a great many random logs:

    python -m tests.journeys.deep --logs 100000 [--kinds funnel,flow] [--crowd 200]

The tests of the suite themselves, but each question is asked of a crowd: as many random logs at once, the customers
of one workspace, some empty, some with one event, some of two merged; times collide and events repeat. So many logs
are tried of each kind, shared among its tests. A difference is printed with the question that found it, and the exit
code is 1; small logs that show it are found by the suite, with more examples:
PERIPLUS_EXAMPLES=20000 pytest tests/journeys/test_funnel.py.
"""

from __future__ import annotations

import argparse
import importlib
import os
import subprocess
import sys
import time
import traceback
import warnings

from hypothesis.errors import HypothesisWarning

CHECKS: dict[str, dict[str, list[str]]] = {
    "map": {"test_map": ["test_the_map_agrees_with_the_oracle", "test_counts_are_conserved"]},
    "flow": {
        "test_flow": [
            "test_the_flow_agrees_with_the_oracle",
            "test_flows_add_up_to_the_map",
            "test_flows_by_steps_and_by_property",
            "test_stages_repeats_and_loops",
        ]
    },
    "funnel": {
        "test_funnel": [
            "test_plain",
            "test_ordered",
            "test_strict",
            "test_any",
            "test_every_attempt",
            "test_breakdown",
            "test_journeys",
            "test_funnels_of_journeys_equal_the_map",
        ],
        "test_funnel_options": [
            "test_windows_of_sessions",
            "test_sessions_are_counted",
            "test_every_attempt_whatever_the_order",
            "test_every_attempt_within_journeys",
            "test_a_funnel_over_time_adds_up_to_the_funnel",
            "test_time_to_convert",
        ],
    },
    "timing": {"test_timing": ["test_as_the_oracle_times"]},
    "retention": {"test_retention": ["test_as_the_oracle_counts"]},
    "lifecycle": {"test_lifecycle": ["test_as_the_oracle_counts"]},
    "trend": {
        "test_trend": ["test_as_the_oracle_counts", "test_journeys_count_in_the_buckets_of_their_events"]
    },
    "attribution": {
        "test_attribution": ["test_as_the_oracle_counts", "test_who_was_won_as_the_oracle_counts"]
    },
    "drivers": {"test_drivers": ["test_as_the_oracle_counts", "test_of_journeys_too"]},
    "pattern": {"test_pattern": ["test_as_python_finds_them"]},
    "site": {"test_site": ["test_as_the_oracle_counts"]},
    "customers": {
        "test_customers": [
            "test_the_engine_and_the_reading_in_memory_agree_with_the_oracle",
            "test_maps_and_flows_of_some_customers",
            "test_funnels_of_some_customers",
            "test_steps_look_at_the_customer_as_of_the_start",
            "test_who_counts_now_counts_with_all_they_did",
            "test_a_trend_looks_at_the_customer_as_of_each_event",
        ]
    },
    "apart": {
        "test_apart": [
            "test_the_parts_add_up_to_the_whole",
            "test_journeys_add_up_too",
            "test_cohorts_of_every_bucket_add_up",
        ]
    },
    "traffic": {
        "test_traffic": [
            "test_map_flow_and_funnel_agree_with_the_oracle_and_each_other",
            "test_a_funnel_agrees_with_the_oracle",
        ]
    },
}


def main() -> int:
    """One process per kind, one after another; 0 where nothing differs."""
    parser = argparse.ArgumentParser(prog="python -m tests.journeys.deep", description=__doc__)
    parser.add_argument("--logs", type=int, default=100_000, help="random logs of each kind")
    parser.add_argument("--crowd", type=int, default=200, help="logs that one question is asked of")
    parser.add_argument("--kinds", default=",".join(CHECKS), help="which kinds, with commas")
    asked = parser.parse_args()
    kinds = asked.kinds.split(",")
    for kind in kinds:
        if kind not in CHECKS:
            parser.error(f"unknown kind {kind!r}; there are {', '.join(CHECKS)}")
    if os.environ.get("PERIPLUS_CROWD"):
        return _check(kinds[0])
    differs = 0
    for kind in kinds:
        tests = sum(len(names) for names in CHECKS[kind].values())
        examples = max(1, round(asked.logs / tests / asked.crowd))
        variables = {"PERIPLUS_CROWD": str(asked.crowd), "PERIPLUS_EXAMPLES": str(examples)}
        began = time.monotonic()
        command = [sys.executable, "-m", "tests.journeys.deep", "--kinds", kind]
        ended = subprocess.run(command, env=os.environ | variables, check=False).returncode
        differs += ended != 0
        said = "differs" if ended else "agrees"
        print(
            f"{kind}: {said}, {examples * tests * asked.crowd:,} logs in {time.monotonic() - began:.0f} s",
            flush=True,
        )
    return 1 if differs else 0


def _check(kind: str) -> int:
    """The tests of one kind, in this process; all of them, whatever one of them finds."""
    differs = 0
    warnings.simplefilter("ignore", HypothesisWarning)
    for module, names in CHECKS[kind].items():
        tests = importlib.import_module(f"tests.journeys.{module}")
        for name in names:
            try:
                getattr(tests, name)()
            except Exception as problem:
                differs = 1
                # What was drawn ends with the question; a crowd's events alone fill pages.
                drawn = "\n".join(getattr(problem, "__notes__", []))[-2000:]
                problem.__notes__ = []
                said = "".join(traceback.format_exception(problem, limit=-3))
                print(f"--- {module}.{name}\n{said[-4000:]}\n... {drawn}", file=sys.stderr)
    return differs


if __name__ == "__main__":
    sys.exit(main())
