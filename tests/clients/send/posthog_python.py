"""posthog: `posthog_python.py ADDRESS KEY EVENTS`."""

import sys
from datetime import UTC, datetime, timedelta

from posthog import Posthog

address, key, events = sys.argv[1], sys.argv[2], int(sys.argv[3])
begin = datetime(2026, 3, 1, 12, tzinfo=UTC)
client = Posthog(key, host=address, flush_at=5, flush_interval=0.1, max_retries=10, gzip=True, timeout=10)
for n in range(events):
    client.capture(
        "Product Added",
        distinct_id=f"user-{n % 3}",
        properties={"n": n, "price": n + 0.5, "note": "Καλημέρα 🛒"},
        timestamp=begin + timedelta(seconds=n),
    )
client.set(distinct_id="user-0", properties={"email": "user-0@shop.example"}, timestamp=begin)
client.flush(timeout_seconds=None)
client.shutdown()
