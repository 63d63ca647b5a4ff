// A second SOQL parser's opinion, and the published error codes. What the product asked stands in the dumped exchanges;
// lists below say what the sandbox has to take and to refuse together with the parser, or differs with a reason.
import { execFile } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

import { isQueryValid } from "@jetstreamapp/soql-parser-js";

import { assert, judge } from "./steps.mjs";

const [cosell, ready, dump, codes, types] = process.argv.slice(2);
const crm = JSON.parse(readFileSync(ready)).salesforce;
const headers = { authorization: `Bearer ${crm.seller.access_token}`, "content-type": "application/json" };
const rest = `${crm.instance_url}/services/data/v66.0`;
const PATIENCE_MS = 60_000;
// Fewer would mean that the play went wrong, not that the product asks so little.
const AT_LEAST = 6;

async function send(method, path, body) {
  const answer = await fetch(`${rest}${path}`, { method, headers, body: body && JSON.stringify(body) });
  const told = answer.status === 204 ? null : await answer.json();
  return { status: answer.status, told };
}

async function create(object, row) {
  const { status, told } = await send("POST", `/sobjects/${object}`, row);
  assert.equal(status, 201, JSON.stringify(told));
  return told.id;
}

const ask = (text) => send("GET", `/query?q=${encodeURIComponent(text)}`);

// A seller's day, without a query of its own: what is asked then, the product asks.
async function play() {
  const account = await create("Account", {
    Name: "Wide World Importers", BillingStreet: "Kade 3", BillingCity: "Rotterdam", BillingPostalCode: "3011", BillingCountry: "NL",
  });
  const contact = await create("Contact", {
    FirstName: "Ana", LastName: "O'Brien", Email: "ana@wide-world.example", Phone: "+31101234567", AccountId: account,
  });
  const opportunity = await create("Opportunity", {
    Name: "O'Brien's \\ \"warehouse\"", StageName: "Qualification", CloseDate: "2027-02-28", Amount: 64000, CurrencyIsoCode: "EUR",
    AccountId: account, Description: "Line one\nline two", Consent_to_Share__c: true, Share_with_Microsoft__c: true,
  });
  await create("OpportunityContactRole", { OpportunityId: opportunity, ContactId: contact, IsPrimary: true });
  await create("Microsoft_Solution__c", { Opportunity__c: opportunity, Name: "Insight", Solution_Id__c: "SOL-12345-ABC" });
  const save = (row) => send("PATCH", `/sobjects/Opportunity/${opportunity}`, row);
  await save({ Sync_with_Partner_Center__c: true });
  const until = Date.now() + PATIENCE_MS;
  for (;;) {
    const { told } = await send("GET", `/sobjects/Opportunity/${opportunity}?fields=Referral_Identifier__c`);
    if (told.Referral_Identifier__c) break;
    assert.ok(Date.now() < until, "no referral appeared");
    await new Promise((look) => setTimeout(look, 100));
  }
  await save({ Amount: 65000 });
  await send("DELETE", `/sobjects/Opportunity/${opportunity}`);
}

// What a person asks of the product; how it judges this little org is another matter.
async function commands() {
  for (const words of [["check"], ["verify"], ["deals"]]) {
    const said = await new Promise((done) => {
      execFile(cosell, [...words, "--config", join(dirname(ready), "cosell.toml"), "--format", "json"],
        (error, stdout) => done(stdout));
    });
    assert.ok(said.length > 0, `cosell ${words.join(" ")} said nothing`);
  }
}

function asked() {
  const texts = new Set();
  const note = (url) => {
    const at = new URL(url, "http://x");
    if (/\/query(All)?\/?$/.test(at.pathname) && at.searchParams.has("q")) texts.add(at.searchParams.get("q"));
  };
  for (const name of readdirSync(dump).filter((name) => name.includes("salesforce"))) {
    const { request } = JSON.parse(readFileSync(join(dump, name)));
    note(request.target);
    const body = request.body ?? {};
    for (const part of [...(body.compositeRequest ?? []), ...(body.batchRequests ?? [])]) note(part.url);
    if (typeof body.query === "string") texts.add(body.query);
  }
  return [...texts];
}

const taken = [
  "SELECT Id, Name FROM Opportunity WHERE Name = 'O\\'Brien' AND Amount > 5.5 ORDER BY Name DESC NULLS LAST LIMIT 5 OFFSET 1",
  "SELECT StageName, COUNT(Id) c, SUM(Amount) FROM Opportunity GROUP BY StageName HAVING COUNT(Id) > 1",
  "SELECT COUNT() FROM Opportunity WHERE CloseDate = NEXT_N_DAYS:30 AND CreatedDate >= 2026-11-22T06:00:00Z",
  "SELECT Id, Account.Owner.Name, (SELECT ContactId FROM OpportunityContactRoles WHERE IsPrimary = true) FROM Opportunity",
  "SELECT Id FROM Opportunity WHERE AccountId NOT IN (SELECT Id FROM Account WHERE BillingCity LIKE 'R%\\_')",
  "SELECT FIELDS(ALL) FROM Account LIMIT 200",
  "SELECT Id FROM Opportunity USING SCOPE mine WHERE Amount >= USD5000 WITH SECURITY_ENFORCED FOR VIEW",
  "SELECT Id FROM Opportunity WHERE NOT (Name = 'a' OR (Amount < 5 AND Amount != null))",
];
const refused = [
  "SELECT * FROM Opportunity",
  "SELECT Id FROM Opportunity WHERE Name = 'O'Brien'",
  "SELECT Id FROM Opportunity ORDER Name",
  "SELECT Id FROM Opportunity WHERE",
  "SELECT Id FROM Opportunity WHERE Name = \"double\"",
  "SELECT Id, FROM Opportunity",
  "SELECT Id FROM Opportunity LIMIT many",
  "SELECT Id FROM Opportunity LIMIT 5 WHERE Name = 'late'",
  "SELECT Id Name Amount FROM Opportunity",
  "SELECT Id FROM Opportunity WHERE Name IN ()",
  "SELECT Id FROM Opportunity WHERE Name LIKE",
  "SELECT Id FROM Opportunity WHERE (Name = 'open'",
  "SELECT Id FROM Opportunity WHERE Name == 'twice'",
  "SELECT Id FROM Opportunity GROUP StageName",
  "UPDATE Opportunity SET Name = 'x'",
  "SELECT Id FROM Opportunity; DELETE FROM Opportunity",
  "SELECT Id FROM",
  "",
];
// Only the syntax is the parser's matter; these are refused for what they mean.
const refusedForMeaning = [
  "SELECT Id FROM Opportunity WHERE CreatedDate > '2026-11-22T06:00:00Z'",
  "SELECT Id FROM Opportunity WHERE Description = 'long text'",
  "SELECT Id FROM Opportunity WHERE Amount = 1 LIMIT 5 OFFSET 2001",
  "SELECT FIELDS(ALL) FROM Opportunity",
  "SELECT Name, COUNT(Id) FROM Opportunity GROUP BY StageName",
];

const published = () => {
  const text = readFileSync(types, "utf8");
  const known = (name) => new RegExp(`export type ${name} = ([^;]*);`).exec(text)[1].match(/'[A-Z0-9_]+'/g)
    .map((quoted) => quoted.slice(1, -1));
  return new Set([...known("StatusCode"), ...known("ExceptionCode")]);
};
const emitted = () => readFileSync(codes, "utf8").split("\n").filter((line) => line !== "");

const steps = [
  ["the product's day is played", play],
  ["and it is asked to check, verify and list", commands],
  ["every query that the product sent is taken by the second parser", async () => {
    const texts = asked();
    assert.ok(texts.length >= AT_LEAST, `only ${texts.length} queries were sent`);
    const wrong = texts.filter((text) => !isQueryValid(text));
    assert.deepEqual(wrong, []);
    console.log(`  ${texts.length} different texts, the longest with ${Math.max(...texts.map((text) => text.length))} characters`);
  }],
  ["what both have to take, both take", async () => {
    for (const text of taken) {
      const { status, told } = await ask(text);
      assert.deepEqual([isQueryValid(text), status], [true, 200], `${text}: ${JSON.stringify(told)}`);
    }
  }],
  ["what the parser refuses, the sandbox refuses", async () => {
    for (const text of refused) {
      const { status, told } = await ask(text);
      assert.deepEqual([isQueryValid(text), status, told[0].errorCode], [false, 400, "MALFORMED_QUERY"], text);
    }
  }],
  ["what only means nothing, the sandbox alone refuses", async () => {
    for (const text of refusedForMeaning) {
      assert.deepEqual([isQueryValid(text), (await ask(text)).status], [true, 400], text);
    }
  }],
  ["every error code that the sandbox has is a published one", async () => {
    const [ours, all] = [emitted(), published()];
    assert.ok(ours.length > 30 && all.size > 700, `${ours.length} of ${all.size}`);
    assert.deepEqual(ours.filter((code) => !all.has(code)), []);
    console.log(`  ${ours.length} of ${all.size}`);
  }],
];

const plant = async () => {
  const wrong = ["SELECT Id FROM Opportunity", "SELECT Id FORM Opportunity"].filter((text) => !isQueryValid(text));
  assert.deepEqual(wrong, []);
};
await judge("SOQL", steps, plant);
