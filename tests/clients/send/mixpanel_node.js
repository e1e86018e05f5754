// mixpanel: mixpanel_node.js ADDRESS KEY EVENTS. It does not retry by itself; a shop would, so this does.
const Mixpanel = require("mixpanel");

const [address, key, events] = process.argv.slice(2);
const begin = Date.UTC(2026, 2, 1, 12);
const client = Mixpanel.init(key, { host: address.split("://")[1], protocol: "http", verbose: true });
const patiently = async (send) => {
  for (let attempt = 0; attempt < 20; attempt++) {
    const error = await new Promise((resolve) => send(resolve));
    if (!error || (Array.isArray(error) && error.length === 0)) return;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  process.exit(1);
};
const track = (n) => ({
  event: "Product Added",
  properties: {
    distinct_id: `user-${n % 3}`,
    $insert_id: `mixpanel-node-${n}`,
    time: new Date(begin + n * 1000),
    n,
    price: n + 0.5,
    note: "Καλημέρα 🛒",
  },
});
(async () => {
  for (let first = 0; first < events; first += 5) {
    const some = [...Array(Math.min(5, events - first)).keys()].map((n) => track(first + n));
    if (first % 2) await patiently((done) => client.track_batch(some, (errors) => done(errors)));
    else for (const one of some) await patiently((done) => client.track(one.event, { ...one.properties }, done));
  }
  await patiently((done) => client.people.set("user-0", { $email: "user-0@shop.example" }, { $time: begin / 1000 }, done));
  process.exit(0);
})();
