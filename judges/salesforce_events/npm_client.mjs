// The npm client salesforce-pubsub-api-client against the sandbox: subscribe, decode, replay, refusals.
import { readFileSync } from "node:fs";

import PubSubApiClient from "salesforce-pubsub-api-client";

import { assert, judge } from "./steps.mjs";

const ready = JSON.parse(readFileSync(process.argv[2])).salesforce;
const topic = "/data/OpportunityChangeEvent";
const deadline = 10_000;

async function call(method, path, body, token = ready.seller.access_token) {
  const answer = await fetch(`${ready.instance_url}${path}`, {
    method, body: body && JSON.stringify(body),
    headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
  });
  assert.ok(answer.ok, `${method} ${path}: ${answer.status} ${await answer.clone().text()}`);
  return answer.status === 204 ? null : answer.json();
}
const rows = (object) => `/services/data/v66.0/sobjects/${object}`;
const knobs = (events) => call("PATCH", "/_sandbox/knobs", { events });
const act = (actor, body) => call("POST", `/_sandbox/actor/${actor}`, body);
const counters = async () => (await call("GET", "/_sandbox/events")).counters;
const deal = async (name, more = {}) => (await call("POST", rows("Opportunity"), {
  Name: name, StageName: "Prospecting", CloseDate: "2027-03-31", ...more,
})).id;

const quiet = { debug() {}, info() {}, warn() {}, error() {} };
async function connected(more = {}) {
  // The client insists on https in the instance's address, which it only passes on.
  const client = new PubSubApiClient({
    authType: "user-supplied", accessToken: ready.seller.access_token,
    instanceUrl: ready.instance_url.replace("http://", "https://"), organizationId: ready.org_id,
    pubSubEndpoint: ready.pubsub_endpoint.replace("127.0.0.1", "localhost"), rejectUnauthorizedSsl: false, ...more,
  }, quiet);
  await client.connect();
  return client;
}

// The client fetches an unknown schema while further responses overtake it: by itself it keeps no order. That the
// platform does is judged by the other subscriber.
const inOrder = (told) => told.sort((one, other) => Number(commit(one)) - Number(commit(other)));
const commit = (event) => event?.payload?.ChangeEventHeader?.commitNumber ?? 0;

// What a subscription says, by commit; `until` waits for the first that fits.
function listener() {
  const said = [];
  let waiting = () => {};
  const callback = (subscription, kind, data) => {
    said.push({ kind, data });
    waiting();
  };
  const until = (kind, count = 1) => new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(
      `no ${count} ${kind} in ${deadline} ms, but ${JSON.stringify(said.map((one) => one.kind))}`,
    )), deadline);
    waiting = () => {
      const found = said.filter((one) => one.kind === kind);
      if (found.length >= count) {
        clearTimeout(timer);
        resolve(inOrder(found.map((one) => one.data)));
      }
    };
    waiting();
  });
  return { callback, until };
}

async function opened(before) {
  const end = Date.now() + deadline;
  while ((await counters()).streams_opened === before) assert.ok(Date.now() < end, "no stream was opened");
}

let place;
const steps = [
  ["a creation, an update and a deletion, decoded", async () => {
    const client = await connected();
    const { callback, until } = listener();
    const before = (await counters()).streams_opened;
    await client.subscribe(topic, callback, 3);
    await opened(before);
    const id = await deal("Deal ✓", { Amount: 1200.5 });
    await call("PATCH", `${rows("Opportunity")}/${id}`, { Name: "Renamed", Amount: null });
    await call("DELETE", `${rows("Opportunity")}/${id}`);
    const [created, updated, deleted] = (await until("event", 3)).map((event) => event.payload);
    assert.deepEqual(created.ChangeEventHeader.recordIds, [id]);
    assert.equal(created.ChangeEventHeader.changeType, "CREATE");
    assert.deepEqual([created.Name, created.Amount], ["Deal ✓", 1200.5]);
    assert.equal(created.CloseDate, Date.UTC(2027, 2, 31));
    const header = updated.ChangeEventHeader;
    assert.equal(header.changeType, "UPDATE");
    assert.deepEqual([...header.changedFields].sort(), ["Amount", "ExpectedRevenue", "LastModifiedDate", "Name"]);
    assert.deepEqual([...header.nulledFields].sort(), ["Amount", "ExpectedRevenue"]);
    assert.equal(updated.StageName, null);
    assert.equal(deleted.ChangeEventHeader.changeType, "DELETE");
    assert.equal(deleted.Sync_with_Partner_Center__c, false, "enriched");
    await until("lastEvent");
    client.close();
  }],
  ["children of a compound", async () => {
    await act("select-events", { entity: "AccountChangeEvent" });
    const client = await connected();
    const { callback, until } = listener();
    const { id } = await call("POST", rows("Account"), { Name: "Ada Ltd", BillingCity: "Kiel", ShippingCity: "Bonn" });
    await call("PATCH", `${rows("Account")}/${id}`, { BillingCity: "Ulm", ShippingCity: null, Phone: "1" });
    await client.subscribeFromEarliestEvent("/data/AccountChangeEvent", callback, 2);
    const [created, updated] = (await until("event", 2)).map((event) => event.payload);
    assert.deepEqual([created.Name, created.BillingAddress.City, created.ShippingAddress.City], ["Ada Ltd", "Kiel", "Bonn"]);
    const { changedFields, nulledFields } = updated.ChangeEventHeader;
    assert.deepEqual([...changedFields].sort(), ["BillingAddress.City", "LastModifiedDate", "Phone", "ShippingAddress.City"]);
    assert.deepEqual([...nulledFields].sort(), ["ShippingAddress", "ShippingAddress.City"]);
    assert.equal(updated.BillingAddress.City, "Ulm");
    client.close();
  }],
  ["a change of the schema in the middle of a stream", async () => {
    const client = await connected();
    const { callback, until } = listener();
    const before = (await counters()).streams_opened;
    await client.subscribe(topic, callback, 2);
    await opened(before);
    await deal("With a currency");
    await call("PATCH", "/_sandbox/knobs", { multi_currency: false });
    await deal("Without");
    const [former, later] = await until("event", 2);
    await call("PATCH", "/_sandbox/knobs", { multi_currency: true });
    assert.notEqual(former.schemaId, later.schemaId);
    assert.deepEqual([former.payload.CurrencyIsoCode, later.payload.CurrencyIsoCode], ["USD", undefined]);
    client.close();
  }],
  ["250 events by credit of a hundred", async () => {
    for (let number = 0; number < 250; number += 1) await deal(`Deal ${number}`);
    const all = (await call("GET", "/_sandbox/events")).log.filter((event) => event.entity === "Opportunity").length;
    const client = await connected();
    const { callback, until } = listener();
    await client.subscribeFromEarliestEvent(topic, callback);
    const events = await until("event", all);
    const names = events.slice(-250).map((event) => event.payload.Name);
    assert.deepEqual(names, Array.from({ length: 250 }, (_, number) => `Deal ${number}`));
    place = events.at(-11).replayId;
    client.close();
  }],
  ["from a stored replay id on", async () => {
    const client = await connected();
    const { callback, until } = listener();
    await client.subscribeFromReplayId(topic, callback, 10, place);
    const names = (await until("event", 10)).map((event) => event.payload.Name);
    assert.deepEqual(names, Array.from({ length: 10 }, (_, number) => `Deal ${number + 240}`));
    client.close();
  }],
  ["a replay id that is none, a dead token, a topic that is none", async () => {
    const refused = async (client, subscribe) => {
      const { callback, until } = listener();
      await subscribe(client, callback);
      const [error] = await until("error");
      client.close();
      return [error.code, error.metadata.get("error-code")[0]];
    };
    const code = "sfdc.platform.eventbus.grpc.";
    assert.deepEqual(
      await refused(await connected(), (client, said) => client.subscribeFromReplayId(topic, said, 1, 12345)),
      [3, `${code}subscription.fetch.replayid.corrupted`],
    );
    assert.deepEqual(
      await refused(await connected({ accessToken: "00D!dead" }), (client, said) => client.subscribe(topic, said, 1)),
      [16, `${code}service.auth.error`],
    );
    const [status] = await refused(await connected(), (client, said) => client.subscribe("/data/NothingChangeEvent", said, 1));
    assert.equal(status, 5);
  }],
  ["a word when there is nothing to say", async () => {
    await knobs({ keepalive_ms: 100 });
    const client = await connected();
    const { callback, until } = listener();
    await client.subscribe(topic, callback, 5);
    await until("grpcKeepAlive", 2);
    client.close();
  }],
];

// This client reads a replay id as a number of eight bytes.
await knobs({ replay_id_bytes: 8 });
await judge("salesforce-pubsub-api-client", steps, async () => {
  const client = await connected();
  const { callback, until } = listener();
  await deal("One");
  await client.subscribeFromEarliestEvent(topic, callback, 1);
  const [event] = await until("event");
  assert.equal(event.payload.Name, "Two");
});
