// @rudderstack/rudder-sdk-node: rudder_node.js ADDRESS KEY EVENTS
const module_ = require("@rudderstack/rudder-sdk-node");

const RudderAnalytics = module_.default || module_;
const [address, key, events] = process.argv.slice(2);
const begin = Date.UTC(2026, 2, 1, 12);
const client = new RudderAnalytics(key, { dataPlaneUrl: address, flushAt: 5, flushInterval: 100, retryCount: 10 });
let open = 0;
const sent = (error) => {
  if (error) console.error(String(error));
  open -= 1;
  if (open === 0) process.exit(error ? 1 : 0);
};
for (let n = 0; n < events; n++) {
  open += 1;
  client.track(
    {
      userId: `user-${n % 3}`,
      anonymousId: `device-${n % 3}`,
      event: "Product Added",
      properties: { n, price: n + 0.5, note: "Καλημέρα 🛒" },
      timestamp: new Date(begin + n * 1000),
    },
    sent,
  );
}
open += 1;
client.identify({ userId: "user-0", traits: { email: "user-0@shop.example" }, timestamp: new Date(begin) }, sent);
