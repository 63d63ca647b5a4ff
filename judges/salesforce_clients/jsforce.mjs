// jsforce against the sandbox: sign-in, rows, queries, composite, collections, Bulk 2.0, replication, limits.
import { createSign } from "node:crypto";
import { readFileSync } from "node:fs";

import jsforce from "jsforce";

import { assert, judge, refused } from "./steps.mjs";

const ready = JSON.parse(readFileSync(process.argv[2])).salesforce;
const version = "66.0";
const seller = new jsforce.Connection({
  instanceUrl: ready.instance_url, accessToken: ready.seller.access_token, version,
});
const app = { clientId: ready.consumer_key, clientSecret: ready.consumer_secret, redirectUri: ready.callback_url };
const product = (loginUrl) => new jsforce.Connection({ oauth2: { ...app, loginUrl }, version });

async function control(method, path, body) {
  const answer = await fetch(`${ready.instance_url}/_sandbox${path}`, {
    method, body: body && JSON.stringify(body), headers: { "content-type": "application/json" },
  });
  assert.ok(answer.ok, `${path}: ${answer.status}`);
  return answer.status === 204 ? null : answer.json();
}
const knobs = (patch) => control("PATCH", "/knobs", patch);

const closes = "2027-03-31";
const deal = (name, more = {}) => ({ Name: name, StageName: "Prospecting", CloseDate: closes, ...more });

function assertion(audience) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const exp = Math.floor(Date.now() / 1000) + 180;
  const text = `${part({ alg: "RS256" })}.${part({ iss: ready.consumer_key, sub: ready.username, aud: audience, exp })}`;
  return `${text}.${createSign("RSA-SHA256").update(text).sign(ready.private_key_pem, "base64url")}`;
}

async function code(oauth2) {
  const page = oauth2.getAuthorizationUrl({ scope: "api id refresh_token", state: "s1", login_hint: ready.seller.username });
  const answer = await fetch(page, { redirect: "manual" });
  const back = new URL(answer.headers.get("location"));
  assert.equal(back.searchParams.get("state"), "s1");
  return back.searchParams.get("code");
}

const kept = {};
const steps = [
  ["versions and resources", async () => {
    const versions = await seller.request("/services/data");
    assert.equal(versions.at(-1).version, "68.0");
    assert.ok((await seller.request("/services/data/v66.0/")).query.endsWith("/query"));
  }],
  ["SOAP login", async () => {
    const { username, password, security_token } = ready.users.find((user) => user.username === ready.seller.username);
    const connection = new jsforce.Connection({ loginUrl: ready.login_url, version: "60.0" });
    const info = await connection.login(username, password + security_token);
    assert.equal(info.organizationId, ready.org_id);
    assert.equal(connection.instanceUrl, ready.instance_url);
    assert.equal((await connection.identity()).username, username);
    await refused(() => connection.login(username, "wrong"), "INVALID_LOGIN");
  }],
  ["client credentials at My Domain, and refused at the login host", async () => {
    const connection = product(ready.my_domain_url);
    await connection.authorize({ grant_type: "client_credentials" });
    assert.equal((await connection.identity()).username, ready.username);
    const error = await refused(
      () => product(ready.login_url).authorize({ grant_type: "client_credentials" }), "invalid_grant");
    assert.match(error.message, /not supported on this domain/);
  }],
  ["JWT bearer, and a wrong audience refused", async () => {
    const bearer = "urn:ietf:params:oauth:grant-type:jwt-bearer";
    const connection = product(ready.login_url);
    await connection.authorize({ grant_type: bearer, assertion: assertion("https://login.salesforce.com") });
    assert.equal((await connection.identity()).username, ready.username);
    await refused(
      () => connection.authorize({ grant_type: bearer, assertion: assertion("https://example.com") }), "audience");
  }],
  ["authorization code with PKCE, refresh with rotation, replays refused", async () => {
    await knobs({ sign_in: { approval: "approves", refresh_rotation: true } });
    const oauth2 = new jsforce.OAuth2({ ...app, loginUrl: ready.login_url, useVerifier: true });
    const once = await code(oauth2);
    const first = await oauth2.requestToken(once);
    assert.ok(first.refresh_token && first.id.includes(ready.org_id));
    assert.equal(first.expires_in, undefined);
    await refused(() => oauth2.requestToken(once), "invalid_grant");
    const second = await oauth2.refreshToken(first.refresh_token);
    assert.notEqual(second.refresh_token, first.refresh_token);
    await refused(() => oauth2.refreshToken(first.refresh_token), "invalid_grant");
    kept.refresh = second.refresh_token;
  }],
  ["a dead session is refreshed once", async () => {
    const connection = new jsforce.Connection({
      oauth2: { ...app, loginUrl: ready.login_url }, instanceUrl: ready.instance_url, accessToken: "00Ddead!dead",
      refreshToken: kept.refresh, version,
    });
    let refreshes = 0;
    connection.on("refresh", () => { refreshes += 1; });
    assert.equal((await connection.query("SELECT Id FROM User LIMIT 1")).totalSize, 1);
    assert.equal(refreshes, 1);
    await connection.logout();
  }],
  ["create, retrieve, update, delete", async () => {
    const rows = seller.sobject("Opportunity");
    const { id, success } = await rows.create(deal("jsforce one", { Amount: 1200.5 }));
    assert.ok(success);
    assert.equal((await rows.update({ Id: id, NextStep: "Call O'Brien" })).success, true);
    const read = await rows.retrieve(id);
    assert.deepEqual([read.Amount, read.NextStep, read.attributes.type], [1200.5, "Call O'Brien", "Opportunity"]);
    await rows.destroy(id);
    await refused(() => rows.retrieve(id), "ENTITY_IS_DELETED");
    await refused(() => rows.create({ Name: "no stage" }), "REQUIRED_FIELD_MISSING");
    await refused(() => rows.create(deal("x", { Nothing__c: 1 })), "INVALID_FIELD");
  }],
  ["upsert by external id", async () => {
    const row = deal("jsforce upsert", { Referral_Identifier__c: "jsf-1" });
    const rows = seller.sobject("Opportunity");
    const first = await rows.upsert(row, "Referral_Identifier__c");
    const second = await rows.upsert({ ...row, NextStep: "again" }, "Referral_Identifier__c");
    assert.deepEqual([first.created, second.created, second.id], [true, false, first.id]);
  }],
  ["collections: create, update, retrieve, delete many, and all or none", async () => {
    const rows = seller.sobject("Opportunity");
    const made = await rows.create([1, 2, 3].map((n) => deal(`many ${n}`)));
    const ids = made.map((row) => row.id);
    assert.ok(made.every((row) => row.success));
    await rows.update(ids.map((Id) => ({ Id, NextStep: "together" })));
    const read = await rows.retrieve(ids);
    assert.deepEqual(read.map((row) => row.NextStep), ["together", "together", "together"]);
    const none = await rows.create([deal("fine"), { Name: "not fine" }], { allOrNone: true });
    assert.deepEqual(none.map((row) => row.errors[0].statusCode ?? row.errors[0].errorCode),
      ["ALL_OR_NONE_OPERATION_ROLLED_BACK", "REQUIRED_FIELD_MISSING"]);
    assert.ok((await rows.destroy(ids)).every((row) => row.success));
  }],
  ["query with paging, by 450 rows in pages of 200", async () => {
    const rows = seller.sobject("Opportunity");
    const all = Array.from({ length: 450 }, (_, n) => deal(`paged ${String(n).padStart(3, "0")}`));
    const made = await rows.create(all, { allowRecursive: true });
    assert.equal(made.filter((row) => row.success).length, 450);
    const headers = { "Sforce-Query-Options": "batchSize=200" };
    const whole = await seller.query("SELECT Name FROM Opportunity WHERE Name LIKE 'paged %' ORDER BY Name",
      { headers, autoFetch: true, maxFetch: 1000 });
    const names = whole.records.map((record) => record.Name);
    assert.deepEqual([names.length, names[0], names.at(-1)], [450, "paged 000", "paged 449"]);
    let page = await seller.query("SELECT Id FROM Opportunity WHERE Name LIKE 'paged %'", { headers });
    const sizes = [page.records.length];
    while (!page.done) {
      page = await seller.queryMore(page.nextRecordsUrl);
      sizes.push(page.records.length);
    }
    assert.deepEqual(sizes, [200, 200, 50]);
  }],
  ["queries: parents, children, aggregates, literals, jsforce's own find", async () => {
    const account = await seller.sobject("Account").create({ Name: "jsforce account" });
    const { id } = await seller.sobject("Opportunity").create(deal("with children", { AccountId: account.id, Amount: 7 }));
    const solution = { Opportunity__c: id, Name: "S", Solution_Id__c: "SOL-1" };
    await seller.sobject("Microsoft_Solution__c").create(solution);
    const { records: [row] } = await seller.query(
      "SELECT Name, Account.Name, (SELECT Solution_Id__c FROM Microsoft_Solutions__r) FROM Opportunity " +
      `WHERE Id = '${id}' AND CreatedDate = TODAY AND Account.Name != null`);
    assert.deepEqual([row.Account.Name, row.Microsoft_Solutions__r.records[0].Solution_Id__c], ["jsforce account", "SOL-1"]);
    const groups = await seller.query(
      "SELECT StageName, COUNT(Id) total, MAX(Amount) FROM Opportunity GROUP BY StageName HAVING COUNT(Id) > 1 ORDER BY COUNT(Id) DESC");
    assert.equal(groups.records[0].attributes.type, "AggregateResult");
    assert.ok(groups.records[0].total >= 450);
    assert.equal((await seller.query("SELECT COUNT() FROM Opportunity WHERE Name LIKE 'paged %'")).totalSize, 450);
    const found = await seller.sobject("Opportunity")
      .find({ Amount: { $lte: 7 }, AccountId: account.id, CloseDate: jsforce.SfDate.toDateLiteral(closes) }, ["Id", "Name"]);
    assert.equal(found[0].Name, "with children");
    await refused(() => seller.query("SELECT FROM Opportunity"), "MALFORMED_QUERY");
    await refused(() => seller.query("SELECT Nope__c FROM Opportunity"), "INVALID_FIELD");
    kept.opportunity = id;
  }],
  ["describe and describe global", async () => {
    const shape = await seller.sobject("Opportunity").describe();
    const key = shape.fields.find((field) => field.name === "Referral_Identifier__c");
    assert.deepEqual([key.externalId, key.unique, key.type], [true, true, "string"]);
    assert.ok((await seller.describeGlobal()).sobjects.some((object) => object.name === "Account"));
  }],
  ["composite with references, and one that rolls back", async () => {
    const at = `/services/data/v${version}/sobjects`;
    const send = (requests, allOrNone) =>
      seller.requestPost("/composite", { allOrNone, compositeRequest: requests });
    const contact = (reference) => ({
      method: "POST", url: `${at}/Contact`, referenceId: "person", body: { LastName: "Berg", AccountId: `@{${reference}.id}` },
    });
    const made = await send([
      { method: "POST", url: `${at}/Account`, referenceId: "company", body: { Name: "Composite" } }, contact("company"),
    ], true);
    assert.deepEqual(made.compositeResponse.map((part) => part.httpStatusCode), [201, 201]);
    const failed = await send([
      { method: "POST", url: `${at}/Account`, referenceId: "company", body: { Name: "Gone again" } },
      { method: "POST", url: `${at}/Contact`, referenceId: "bad", body: {} },
    ], true);
    assert.deepEqual(failed.compositeResponse.map((part) => part.body[0].errorCode),
      ["PROCESSING_HALTED", "REQUIRED_FIELD_MISSING"]);
    assert.equal((await seller.query("SELECT Id FROM Account WHERE Name = 'Gone again'")).totalSize, 0);
  }],
  ["updated and deleted", async () => {
    const rows = seller.sobject("Opportunity");
    const { id } = await rows.create(deal("to be deleted"));
    await rows.destroy(id);
    const [start, end] = [-5, 2].map((minutes) => new Date(Date.now() + minutes * 60_000));
    assert.ok((await rows.updated(start, end)).ids.includes(kept.opportunity));
    const gone = await rows.deleted(start, end);
    assert.ok(gone.deletedRecords.some((row) => row.id === id));
    assert.ok(gone.earliestDateAvailable && gone.latestDateCovered);
    await refused(() => rows.updated(new Date(Date.now() - 40 * 86_400_000), end), "INVALID_REPLICATION_DATE");
  }],
  ["Bulk 2.0: load with successes and failures, upsert, query, delete", async () => {
    seller.bulk2.pollInterval = 100;
    seller.bulk2.pollTimeout = 20_000;
    const input = Array.from({ length: 120 }, (_, n) => deal(`bulk ${n}`, { Referral_Identifier__c: `bulk-${n}` }));
    input.push({ ...deal("bulk bad"), CloseDate: "", Referral_Identifier__c: "bulk-bad" });
    const made = await seller.bulk2.loadAndWaitForResults({ object: "Opportunity", operation: "insert", input });
    assert.deepEqual([made.successfulResults.length, made.failedResults.length, made.unprocessedRecords.length], [120, 1, 0]);
    assert.match(made.failedResults[0].sf__Error, /^REQUIRED_FIELD_MISSING:.*CloseDate/);
    const again = await seller.bulk2.loadAndWaitForResults({
      object: "Opportunity", operation: "upsert", externalIdFieldName: "Referral_Identifier__c",
      input: [deal("bulk renamed", { Referral_Identifier__c: "bulk-1" }), deal("bulk new", { Referral_Identifier__c: "bulk-new" })],
    });
    assert.deepEqual(again.successfulResults.map((row) => row.sf__Created), ["false", "true"]);
    const stream = await seller.bulk2.query("SELECT Id, Name, Amount, Account.Name FROM Opportunity WHERE Name LIKE 'bulk %'");
    const rows = await stream.toArray();
    assert.equal(rows.length, 121);
    assert.ok(rows.some((row) => row.Name === "bulk renamed" && row.Amount === ""));
    const gone = await seller.bulk2.loadAndWaitForResults({
      object: "Opportunity", operation: "delete", input: rows.map((row) => ({ Id: row.Id })),
    });
    assert.equal(gone.successfulResults.length, 121);
  }],
  ["limits, and the budget in every answer", async () => {
    const limits = await seller.limits();
    assert.ok(limits.DailyApiRequests.Remaining < limits.DailyApiRequests.Max);
    assert.equal(seller.limitInfo.apiUsage.limit, limits.DailyApiRequests.Max);
  }],
  ["the texts of a 401 that must not loop", async () => {
    await knobs({ sign_in: { shut: "session_not_for_rest" } });
    const error = await refused(() => seller.query("SELECT Id FROM User"), "INVALID_SESSION_ID");
    assert.match(error.message, /not valid for use with the REST API/);
    await knobs({ sign_in: { shut: null } });
  }],
];

const plant = async () => assert.equal((await seller.query("SELECT COUNT() FROM User")).totalSize, -1);
await judge("jsforce", steps, plant);
