// @segment/analytics-node: segment_node.js ADDRESS KEY EVENTS
const { Analytics } = require("@segment/analytics-node");

const [address, key, events] = process.argv.slice(2);
const begin = Date.UTC(2026, 2, 1, 12);
const client = new Analytics({ writeKey: key, host: address, flushAt: 5, flushInterval: 100, maxRetries: 10 });
for (let n = 0; n < events; n++) {
  client.track({
    userId: `user-${n % 3}`,
    anonymousId: `device-${n % 3}`,
    event: "Product Added",
    properties: { n, price: n + 0.5, note: "Καλημέρα 🛒" },
    timestamp: new Date(begin + n * 1000),
  });
}
client.identify({ userId: "user-0", traits: { email: "user-0@shop.example" }, timestamp: new Date(begin) });
client.closeAndFlush({ timeout: 240000 }).then(() => process.exit(0));
