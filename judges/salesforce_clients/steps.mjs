// Steps that assert, one line each; a failed one ends the run with status 1.
import assert from "node:assert/strict";

export { assert };

// With PLANTED set, only a step with a wrong expectation runs: the control that proves that a judge can fail.
const planted = process.env.PLANTED === "1";

export async function judge(client, steps, plant) {
  for (const [name, step] of planted ? [["a planted wrong expectation", plant]] : steps) {
    const began = performance.now();
    try {
      await step();
      console.log(`${client}: ${name} (${Math.round(performance.now() - began)} ms)`);
    } catch (error) {
      console.log(`${client}: ${name}: FAILED\n${error.stack ?? error}`);
      process.exit(1);
    }
  }
  process.exit(0);
}

// The error that a call must end with: its code, which clients keep in different places.
export async function refused(call, code) {
  let outcome;
  try {
    outcome = await call();
  } catch (error) {
    const told = [error.errorCode, error.name, error.error, error.message].join(" ");
    assert.ok(told.includes(code), `refused, but not with ${code}: ${told}`);
    return error;
  }
  assert.fail(`${code} was expected, and it answered ${JSON.stringify(outcome)}`);
}
