// The official TypeScript SDK of Codex, with `agent` as its executable, against our gateway with
// fixtures/scripts/sdk.toml. Needs the package `@openai/codex-sdk`, found from the directory it is started in, and
// AGENT, AGENT_GATEWAY_URL and AGENT_GATEWAY_TOKEN in the environment. Ends with 1 and a message when something is off.

import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import assert from "node:assert/strict";

const require = createRequire(pathToFileURL(process.cwd() + "/"));
const found = require.resolve.paths("@openai/codex-sdk").map((dir) => join(dir, "@openai/codex-sdk/dist/index.js"));
const { existsSync } = await import("node:fs");
const { Codex } = await import(pathToFileURL(found.find(existsSync)));

const place = mkdtempSync(join(tmpdir(), "agent-sdk-"));
const codex = new Codex({
  codexPathOverride: process.env.AGENT,
  baseUrl: process.env.AGENT_GATEWAY_URL,
  apiKey: process.env.AGENT_GATEWAY_TOKEN,
  env: { PATH: process.env.PATH, HOME: place, AGENT_HOME: join(place, "home") },
});
const options = { workingDirectory: place, skipGitRepoCheck: true, model: "scripted", approvalPolicy: "never" };

async function run() {
  const turn = await codex.startThread(options).run("What do you see?");
  assert.equal(turn.finalResponse, '{"answer": "seen"}');
  assert.ok(turn.usage.input_tokens > 0);
  const command = turn.items.find((item) => item.type === "command_execution");
  assert.deepEqual([command.status, command.exit_code, command.aggregated_output], ["completed", 0, "seen\n"]);
}

async function runStreamed() {
  const { events } = await codex.startThread(options).runStreamed("What do you see?");
  const types = [];
  for await (const event of events) types.push(event.type);
  assert.deepEqual([types[0], types[1], types.at(-1)], ["thread.started", "turn.started", "turn.completed"]);
  assert.ok(types.includes("item.started") && types.includes("item.completed"), types.join());
}

async function resume() {
  const thread = codex.startThread(options);
  await thread.run("What do you see?");
  const again = await thread.run("And now?");
  assert.equal(again.finalResponse, "Still seen.");
  assert.equal((await codex.resumeThread(thread.id, options)).id, thread.id);
}

async function outputSchema() {
  const outputSchema = {
    type: "object",
    properties: { answer: { type: "string" } },
    required: ["answer"],
    additionalProperties: false,
  };
  const turn = await codex.startThread(options).run("What do you see?", { outputSchema });
  assert.deepEqual(JSON.parse(turn.finalResponse), { answer: "seen" });
}

async function image() {
  const path = join(place, "dot.png");
  const png = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
  writeFileSync(path, Buffer.from(png, "base64"));
  const input = [
    { type: "text", text: "What is this?" },
    { type: "local_image", path },
  ];
  const turn = await codex.startThread(options).run(input);
  assert.equal(turn.finalResponse, '{"answer": "seen"}');
}

async function abort() {
  const controller = new AbortController();
  const { events } = await codex.startThread(options).runStreamed("What do you see?", { signal: controller.signal });
  await assert.rejects(async () => {
    for await (const _ of events) controller.abort();
  });
}

for (const test of [run, runStreamed, resume, outputSchema, image, abort]) {
  await test();
  console.log(`codex sdk: ${test.name} ok`);
}
