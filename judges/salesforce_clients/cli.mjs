// Salesforce's own command line against the sandbox: sign-in with an access token, query, records, bulk, describe.
import { execFile } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";

import { assert, judge } from "./steps.mjs";

const ready = JSON.parse(readFileSync(process.argv[2])).salesforce;
const [program, home] = [process.argv[3], process.argv[4]];
const run = promisify(execFile);

async function sf(...words) {
  const { stdout } = await run(process.execPath, [program, ...words, "--json"], {
    cwd: home, maxBuffer: 64 << 20,
    env: { ...process.env, HOME: home, SF_ACCESS_TOKEN: ready.seller.access_token },
  }).catch((error) => ({ stdout: error.stdout || JSON.stringify({ status: 1, message: error.message }) }));
  const told = JSON.parse(stdout);
  assert.equal(told.status, 0, `sf ${words.join(" ")}: ${stdout.slice(0, 2000)}`);
  return told.result;
}

const org = ["-o", "sim"];
const values = "Name='CLI deal' StageName=Prospecting CloseDate=2027-03-31 Amount=900";
const kept = {};
const both = (...steps) => Promise.all(steps.map((step) => step()));
const signIn = () => sf("org", "login", "access-token", "--instance-url", ready.instance_url, "--alias", "sim",
  "--no-prompt", "--set-default");

const steps = [
  ["login with an access token", async () => assert.equal((await signIn()).orgId, ready.org_id)],
  ["org display; create a record", () => both(
    async () => assert.equal((await sf("org", "display", ...org)).username, ready.seller.username),
    async () => { kept.id = (await sf("data", "create", "record", ...org, "-s", "Opportunity", "-v", values)).id; },
  )],
  ["query; get and update a record", () => both(
    async () => {
      const text = "SELECT Id, Name, Amount, Account.Name FROM Opportunity WHERE Name = 'CLI deal'";
      const { records, totalSize } = await sf("data", "query", ...org, "-q", text);
      assert.deepEqual([totalSize, records[0].Amount], [1, 900]);
    },
    async () => {
      await sf("data", "update", "record", ...org, "-s", "Opportunity", "-i", kept.id, "-v", "NextStep='Call them'");
      assert.equal((await sf("data", "get", "record", ...org, "-s", "Opportunity", "-i", kept.id)).NextStep, "Call them");
    },
  )],
  ["bulk import; org list limits", () => both(
    async () => {
      const file = join(home, "rows.csv");
      const rows = Array.from({ length: 25 }, (_, n) => `CLI bulk ${n},Prospecting,2027-03-31,${n}.5`);
      writeFileSync(file, ["Name,StageName,CloseDate,Amount", ...rows, ""].join("\n"));
      const done = await sf("data", "import", "bulk", ...org, "-s", "Opportunity", "-f", file, "-w", "1");
      assert.deepEqual([done.processedRecords, done.successfulRecords, done.failedRecords], [25, 25, 0]);
    },
    async () => assert.ok((await sf("org", "list", "limits", ...org)).some((limit) => limit.name === "DailyApiRequests")),
  )],
  ["bulk export; sobject describe; delete a record", () => both(
    async () => {
      const file = join(home, "export.csv");
      const text = "SELECT Id, Name, Amount FROM Opportunity WHERE Name LIKE 'CLI bulk%'";
      const done = await sf("data", "export", "bulk", ...org, "-q", text, "--output-file", file, "-w", "1");
      assert.equal(done.totalSize, 25);
      assert.equal(readFileSync(file, "utf8").trim().split("\n").length, 26);
    },
    async () => assert.equal((await sf("sobject", "describe", ...org, "-s", "Opportunity")).keyPrefix, "006"),
    async () => assert.ok((await sf("data", "delete", "record", ...org, "-s", "Opportunity", "-i", kept.id)).success),
  )],
];

const plant = async () => {
  await signIn();
  assert.equal((await sf("data", "query", ...org, "-q", "SELECT Id FROM User")).totalSize, -1);
};
await judge("Salesforce CLI", steps, plant);
