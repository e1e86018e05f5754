"""Kissmetrics beacons, as its specification has them: `kissmetrics.py ADDRESS KEY EVENTS`."""

import sys
import time
import urllib.error
import urllib.parse
import urllib.request

address, key, events = sys.argv[1], sys.argv[2], int(sys.argv[3])
begin = 1772366400  # 2026-03-01T12:00:00Z


def beacon(path, **pairs):
    url = f"{address}{path}?" + urllib.parse.urlencode({"_k": key, **pairs})
    for _ in range(20):
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                assert answer.headers["content-type"] == "image/gif"
            return
        except OSError as problem:
            if isinstance(problem, urllib.error.HTTPError) and problem.code in (400, 401):
                raise
            time.sleep(0.2)


for n in range(events):
    said = {"n": n, "price": n + 0.5, "note": "Καλημέρα 🛒"}
    beacon("/e", _p=f"user-{n % 3}", _n="Added to Cart", _t=begin + n, _d=1, **said)
beacon("/s", _p="user-0", _t=begin, _d=1, email="user-0@shop.example")
