// What the scripts of all Node clients share: the two servers, and the loop over cases.
//
// A case is a function; it passes when it returns. What it returns is a remark for the
// table's reader, such as the class of the exception that was raised.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

export { assert };

const { TOLLGATE_SIM_URL, TOLLGATE_BINARY, TOLLGATE_CONFIG, TOLLGATE_CASE } = process.env;
export const GATEWAY = process.env.TOLLGATE_URL;

export const MODEL = "openai/gpt-4o-mini";
// Its fallback is MODEL, by the configuration.
export const DOWN = "anthropic/claude-haiku-4.5";
export const REASONER = "anthropic/claude-sonnet-4.5";
export const EMBEDDER = "sim-labs/embed-small";
export const KEY = "sk-or-v1-any-key-of-the-simulator";

export const HELLO = [{ role: "user", content: "hello" }];
export const WEATHER = [{ role: "user", content: "Use get_weather for Paris, please." }];
export const PLACE = {
  type: "object",
  properties: { city: { type: "string" } },
  required: ["city"],
  additionalProperties: false,
};
export const TOOL = {
  type: "function",
  function: { name: "get_weather", description: "The weather of a city", parameters: PLACE },
};
export const EVERYTHING_FAILS = '[[rules]]\nfault = "status=503"\n';
export const EVERYTHING_IS_LIMITED = '[[rules]]\nfault = "rate-limited=1"\n';
export const EVERYTHING_IS_CUT = '[[rules]]\nfault = "cut-event=5"\n';
export const FIRST_CHOICE_FAILS = `[[rules]]\nmodel = "${DOWN}"\nfault = "status=503"\n`;
export const SLOW = "latency = { fixed = { first_token_ms = 1, tokens_per_second = 20 } }";

// Runs cases in order, and prints a line of JSON for each.
export async function run(cases) {
  for (const [name, work] of Object.entries(cases)) {
    if (TOLLGATE_CASE && name !== TOLLGATE_CASE) continue;
    await scenario("");
    await http("POST", "/sim/reset");
    try {
      tell({ case: name, passed: true, note: (await work()) ?? "" });
    } catch (error) {
      const line = /run_\w+\.mjs:\d+/.exec(error.stack)?.[0] ?? "";
      const note = `${line} ${error.constructor.name}: ${error.message}`.slice(0, 600);
      tell({ case: name, passed: false, note });
    }
  }
  // A client's idle connections would keep the process for a while.
  process.exit(0);
}

// Runs a snippet of the documentation as its reader would; gives what it printed.
export function snippet(name) {
  const path = fileURLToPath(new URL(`snippets/${name}`, import.meta.url));
  return execFileSync(process.execPath, [path], { encoding: "utf8", timeout: 60_000 });
}

// Sets what goes wrong in the simulator from here on.
export const scenario = (text) => http("PUT", "/sim/scenario", text);

// The inference requests that the simulator has seen in this case.
export async function inference() {
  const log = JSON.parse(await http("GET", "/sim/log")).data;
  return log.filter((seen) => seen.method === "POST");
}

// How many inference requests the gateway has answered since it started.
async function requests() {
  const text = await (await fetch(`${GATEWAY}/metrics`)).text();
  const name = 'http_server_request_duration_seconds_count{http_request_method="POST"';
  const lines = text.split("\n").filter((line) => line.startsWith(name));
  return lines.reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
}

// Waits until the ledger's report by a dimension has a text.
export function booked(by, text) {
  const words = ["--config", TOLLGATE_CONFIG, "usage", "--by", by, "--json"];
  const read = () => execFileSync(TOLLGATE_BINARY, words, { encoding: "utf8" });
  return until(`the ledger has ${text}`, () => read().includes(text));
}

// Waits until the gateway has left the simulator in the middle of an answer.
export function left() {
  return until("the gateway leaves", async () => (await inference()).some((one) => one.cancelled));
}

// Makes a call that must be one request to the gateway, however it ends; gives its exception.
export async function oneRequest(call) {
  const before = await requests();
  const raised = await call().then(
    () => assert.fail("no exception"),
    (error) => error,
  );
  const made = await until("the gateway's count", async () => (await requests()) - before);
  assert.equal(made, 1, `requests to the gateway: ${made}; ${raised}`);
  return raised;
}

// Checks an exception's class, and its status where it has one; gives the class's name.
export function raisedAs(error, kind, status) {
  assert.ok(error instanceof kind, `${error.constructor.name} instead of ${kind.name}: ${error}`);
  if (status) assert.equal(error.status ?? error.statusCode, status);
  return error.constructor.name;
}

// All that a stream gives.
export async function all(stream) {
  const found = [];
  for await (const one of stream) found.push(one);
  return found;
}

// A data URL of 5 MiB. The simulator does not look into it.
export const image = () =>
  "data:image/png;base64," + "iVBORw0KGgoAAAAN".repeat((5 * 1024 * 1024) / 16);

async function until(what, holds) {
  for (const end = Date.now() + 10_000; Date.now() < end; await sleep(50)) {
    const found = await holds();
    if (found) return found;
  }
  assert.fail(`${what}: not within 10 s`);
}

async function http(method, path, body) {
  const answer = await fetch(TOLLGATE_SIM_URL + path, { method, body });
  assert.ok(answer.ok, `${method} ${path}: ${answer.status}`);
  return answer.text();
}

const tell = (found) => console.log(JSON.stringify(found));
