// posthog-node: posthog_node.js ADDRESS KEY EVENTS
const { PostHog } = require("posthog-node");

const [address, key, events] = process.argv.slice(2);
const begin = Date.UTC(2026, 2, 1, 12);
const client = new PostHog(key, { host: address, flushAt: 5, maxBatchSize: 5, flushInterval: 100, fetchRetryCount: 10, fetchRetryDelay: 200 });
for (let n = 0; n < events; n++) {
  client.capture({
    distinctId: `user-${n % 3}`,
    event: "Product Added",
    properties: { n, price: n + 0.5, note: "Καλημέρα 🛒" },
    timestamp: new Date(begin + n * 1000),
  });
}
client.identify({ distinctId: "user-0", properties: { email: "user-0@shop.example" } });
client.shutdown(240000).then(() => process.exit(0));
