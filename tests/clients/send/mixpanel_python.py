"""mixpanel: `mixpanel_python.py ADDRESS KEY EVENTS`, by `/import` in batches, as its guide has it for the past.

The client mounts its retries for https only; here they are mounted for the plain address too.
"""

import sys
import time

from mixpanel import BufferedConsumer, Mixpanel, MixpanelException

address, key, events = sys.argv[1], sys.argv[2], int(sys.argv[3])
places = {name: f"{address}/{path}" for name, path in
          {"events_url": "track", "people_url": "engage", "groups_url": "groups", "import_url": "import"}.items()}  # fmt: skip
consumer = BufferedConsumer(max_size=5, request_timeout=10, retry_backoff_factor=0.1, **places)
session = consumer._consumer._session
session.mount("http://", session.get_adapter("https://"))


def patiently(send, *arguments, **named):
    """A refused batch stays in the buffer: the next flush sends it again."""
    for _ in range(20):
        try:
            return send(*arguments, **named)
        except MixpanelException:
            time.sleep(0.2)
            send, arguments, named = consumer.flush, (), {}
    raise SystemExit("not delivered")


client = Mixpanel(key, consumer=consumer)
begin = 1772366400  # 2026-03-01T12:00:00Z
for n in range(events):
    properties = {"n": n, "price": n + 0.5, "note": "Καλημέρα 🛒"}
    user = f"user-{n % 3}"
    if n % 2:
        patiently(client.track, user, "Product Added", {**properties, "time": begin + n})
    else:
        patiently(client.import_data, None, user, "Product Added", begin + n, properties, api_secret=key)
patiently(client.people_set, "user-0", {"$email": "user-0@shop.example"}, {"$time": begin})
patiently(consumer.flush)
