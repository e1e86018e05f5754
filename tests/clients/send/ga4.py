"""The Measurement Protocol as Google's guide shows it, by nothing but the standard library: `ga4.py ADDRESS KEY EVENTS`."""

import json
import sys
import time
import urllib.error
import urllib.request

address, key, events = sys.argv[1], sys.argv[2], int(sys.argv[3])
begin = 1772366400_000_000  # 2026-03-01T12:00:00Z
for first in range(0, events, 5):
    body = {
        "client_id": f"device-{first % 3}",
        "user_id": "user-0",
        "user_properties": {"email": {"value": "user-0@shop.example"}},
        "events": [
            {
                "name": "add_to_cart",
                "timestamp_micros": begin + n * 1_000_000,
                "params": {"n": n, "price": n + 0.5, "note": "Καλημέρα 🛒"},
            }
            for n in range(first, min(first + 5, events))
        ],
    }
    url = f"{address}/mp/collect?measurement_id=G-1&api_secret={key}"
    for _ in range(20):
        try:
            with urllib.request.urlopen(
                urllib.request.Request(url, json.dumps(body).encode()), timeout=10
            ) as answer:
                assert 200 <= answer.status < 300
            break
        except OSError as problem:
            if isinstance(problem, urllib.error.HTTPError) and problem.code in (400, 401):
                raise
            time.sleep(0.2)
