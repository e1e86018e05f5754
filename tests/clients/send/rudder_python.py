"""rudder-sdk-python: `rudder_python.py ADDRESS KEY EVENTS`."""

import sys
from datetime import UTC, datetime, timedelta

from rudderstack.analytics.client import Client

address, key, events = sys.argv[1], sys.argv[2], int(sys.argv[3])
begin = datetime(2026, 3, 1, 12, tzinfo=UTC)
client = Client(key, host=address, upload_size=5, upload_interval=0.1, max_retries=10)
for n in range(events):
    client.track(
        f"user-{n % 3}",
        "Product Added",
        {"n": n, "price": n + 0.5, "note": "Καλημέρα 🛒"},
        anonymous_id=f"device-{n % 3}",
        timestamp=begin + timedelta(seconds=n),
    )
client.identify("user-0", {"email": "user-0@shop.example"}, timestamp=begin)
client.flush()
client.join()
