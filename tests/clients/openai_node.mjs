// The official OpenAI client for Node against our gateway with fixtures/scripts/clients.toml: over HTTP, streamed and
// whole, and over its WebSocket. Needs the packages `openai` and `ws`, found from the directory it is started in, and
// AGENT_GATEWAY_URL and AGENT_GATEWAY_TOKEN in the environment. Ends with 1 and a message when something is off.

import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import assert from "node:assert/strict";

const require = createRequire(pathToFileURL(process.cwd() + "/"));
const { default: OpenAI } = await import(pathToFileURL(require.resolve("openai")));
const { ResponsesWS } = await import(pathToFileURL(require.resolve("openai/resources/responses/ws")));

const model = "scripted";
const tools = [
  {
    type: "function",
    name: "get_weather",
    description: "The temperature in a city.",
    strict: true,
    parameters: {
      type: "object",
      properties: { city: { type: "string" } },
      required: ["city"],
      additionalProperties: false,
    },
  },
  { type: "custom", name: "take_note", description: "Writes a note.", format: { type: "text" } },
];
const client = new (OpenAI.default ?? OpenAI)({
  baseURL: process.env.AGENT_GATEWAY_URL,
  apiKey: process.env.AGENT_GATEWAY_TOKEN,
  maxRetries: 0,
});

// Does what the model calls for.
function outputs(response) {
  return response.output.flatMap((item) => {
    if (item.type === "function_call") {
      const output = { Paris: "18", Rome: "25" }[JSON.parse(item.arguments).city];
      return [{ type: "function_call_output", call_id: item.call_id, output }];
    }
    if (item.type === "custom_tool_call") {
      assert.equal(item.input, "Paris: 18 °C\nRome: 25 °C\n");
      return [{ type: "custom_tool_call_output", call_id: item.call_id, output: "noted" }];
    }
    return [];
  });
}

const text = (response) =>
  response.output.flatMap((item) => item.content ?? []).map((part) => part.text ?? "").join("");

// The whole conversation; `ask` is given the new items.
async function converse(ask) {
  const first = await ask([{ role: "user", content: "What is the weather in Paris and Rome?" }]);
  assert.deepEqual(first.output.map((item) => item.type), ["reasoning", "message", "function_call", "function_call"]);
  const second = await ask(outputs(first));
  const third = await ask(outputs(second));
  assert.equal(text(third), "Paris has 18 °C, Rome has 25 °C. “Noted” — 👍🏽.");
  assert.equal(text(await ask([{ role: "user", content: "thanks" }])), "You are welcome.");
}

function withWindow(ask) {
  const window = [];
  return async (items) => {
    window.push(...items);
    const response = await ask(window);
    window.push(...response.output);
    return response;
  };
}

async function httpWhole() {
  await converse(withWindow((input) => client.responses.create({ model, tools, input, store: false })));
}

async function httpStreamed() {
  await converse(
    withWindow(async (input) => {
      const stream = client.responses.stream({ model, tools, input, store: false });
      return stream.finalResponse();
    }),
  );
}

async function websocket() {
  const socket = new ResponsesWS(client);
  const events = socket[Symbol.asyncIterator]();
  const create = async (fields) => {
    socket.send({ type: "response.create", model, tools, store: false, ...fields });
    for (;;) {
      const { value, done } = await events.next();
      assert.ok(!done, "the connection ended");
      if (value.type === "error") return value;
      const event = value.type === "message" ? value.message : undefined;
      if (event && /^(response\.(completed|failed|incomplete)|error)$/.test(event.type)) return event;
    }
  };
  const completed = async (fields) => {
    const event = await create(fields);
    assert.equal(event.type, "response.completed", JSON.stringify(event));
    return event.response;
  };
  const warm = await completed({ input: [], generate: false });
  assert.deepEqual(warm.output, []);
  let previous = warm.id;
  await converse(async (input) => {
    const response = await completed({ input, previous_response_id: previous });
    assert.equal(response.previous_response_id, previous);
    previous = response.id;
    return response;
  });
  const miss = await create({ input: "thanks", previous_response_id: "resp_unknown" });
  assert.equal(miss.type, "error");
  assert.match(JSON.stringify(miss) + String(miss.error ?? ""), /previous_response_not_found|not found/);
  const first = await completed({ input: "What is the weather in Paris and Rome?" });
  assert.equal(first.output.length, 4);
  socket.close();
}

async function refusals() {
  const stranger = new client.constructor({ baseURL: client.baseURL, apiKey: "wrong", maxRetries: 0 });
  await assert.rejects(stranger.models.list(), { status: 401 });
  await assert.rejects(client.responses.create({ model, input: "x" }), { status: 400 });
}

const listed = [];
for await (const { id } of client.models.list()) listed.push(id);
assert.ok(listed.length > 0);
for (const test of [httpWhole, httpStreamed, websocket, refusals]) {
  await test();
  console.log(`openai for node: ${test.name} ok`);
}
process.exit(0);
