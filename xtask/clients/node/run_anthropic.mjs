// The @anthropic-ai/sdk package.

import Anthropic from "@anthropic-ai/sdk";
import * as h from "./harness.mjs";
import { DOWN, GATEWAY, HELLO, KEY, MODEL, WEATHER, assert } from "./harness.mjs";

const client = new Anthropic({ baseURL: GATEWAY, apiKey: KEY, maxRetries: 0 });
const patient = new Anthropic({ baseURL: GATEWAY, apiKey: KEY });
const ASK = { model: MODEL, max_tokens: 300, messages: HELLO };
const TOOLS = [
  { name: "get_weather", description: "The weather of a city", input_schema: h.PLACE },
];
const create = (body, options) => client.messages.create({ ...ASK, ...body }, options);
const block = (message, type) => message.content.find((one) => one.type === type);

await h.run({
  snippet: () => assert.match(h.snippet("anthropic_messages.mjs"), /tokens in/),

  messages: async () => {
    const message = await create();
    assert.equal(message.stop_reason, "end_turn");
    assert.ok(block(message, "text").text && message.usage.output_tokens > 0);
  },

  "messages-stream": async () => {
    const final = await client.messages.stream(ASK).finalMessage();
    assert.equal(block(final, "text").text, block(await create(), "text").text);
    assert.ok(final.usage.output_tokens > 0);
  },

  "count-tokens": async () => {
    const counted = await client.messages.countTokens({ model: MODEL, messages: HELLO });
    assert.ok(counted.input_tokens > 0);
    assert.deepEqual(await h.inference(), []);
  },

  tools: async () => {
    const asked = { messages: WEATHER, tools: TOOLS };
    const first = await create(asked);
    const call = block(first, "tool_use");
    assert.ok(call.input.city);
    const result = { type: "tool_result", tool_use_id: call.id, content: "18 °C" };
    const turns = [...WEATHER, { role: "assistant", content: first.content }];
    const second = await create({ ...asked, messages: [...turns, { role: "user", content: [result] }] });
    assert.ok(block(second, "text").text);
    const streamed = await client.messages.stream({ ...ASK, ...asked }).finalMessage();
    assert.deepEqual(block(streamed, "tool_use").input, call.input);
  },

  schema: async () => {
    const format = { type: "json_schema", schema: h.PLACE };
    const message = await create({ output_config: { format } });
    assert.ok(JSON.parse(block(message, "text").text).city);
  },

  reasoning: async () => {
    const thinking = { type: "enabled", budget_tokens: 1024 };
    const message = await create({ model: h.REASONER, max_tokens: 2000, thinking });
    assert.ok(block(message, "thinking").thinking);
  },

  models: async () => {
    const ids = (await h.all(client.models.list({ limit: 1000 }))).map((one) => one.id);
    assert.ok(ids.includes(MODEL));
  },

  "bad-parameter": async () => {
    const error = await h.oneRequest(() => create({ max_tokens: -1 }));
    return h.raisedAs(error, Anthropic.BadRequestError, 400);
  },

  "unknown-model": async () => {
    const error = await h.oneRequest(() => create({ model: "nobody/nothing" }));
    return h.raisedAs(error, Anthropic.NotFoundError, 404);
  },

  budget: async () => {
    const error = await h.oneRequest(() => create({ metadata: { user_id: "poor" } }));
    assert.deepEqual(await h.inference(), []);
    return h.raisedAs(error, Anthropic.APIError, 402);
  },

  failover: async () => {
    await h.scenario(h.FIRST_CHOICE_FAILS);
    assert.ok(block(await create({ model: DOWN }), "text").text);
    assert.ok(await client.messages.stream({ ...ASK, model: DOWN }).finalText());
  },

  cut: async () => {
    await h.scenario('[[rules]]\nfault = "cut-event=6"\n');
    const seen = [];
    const error = await h.oneRequest(async () => {
      for await (const event of await create({ stream: true })) seen.push(event.type);
    });
    assert.ok(seen.includes("content_block_delta"), "nothing was shown before the cut");
    return h.raisedAs(error, Anthropic.APIError);
  },

  cancel: async () => {
    await h.scenario(h.SLOW);
    const body = { stream: true, metadata: { user_id: "leaves-anthropic-node" } };
    for await (const event of await create(body)) {
      if (event.type === "content_block_delta") break;
    }
    await h.left();
    await h.booked("tag.user", "leaves-anthropic-node");
  },

  image: async () => {
    const source = { type: "base64", media_type: "image/png", data: h.image().split(",")[1] };
    const content = [
      { type: "image", source },
      { type: "text", text: "What is it?" },
    ];
    assert.ok(block(await create({ messages: [{ role: "user", content }] }), "text").text);
  },

  virtual: async () => assert.notEqual((await create({ model: "tollgate/auto" })).model, "tollgate/auto"),

  tags: async () => {
    const headers = { "x-tollgate-tags": "project=of-anthropic-node" };
    await create({ metadata: { user_id: "user-of-anthropic-node" } }, { headers });
    await h.booked("tag.user", "user-of-anthropic-node");
    await h.booked("tag.project", "of-anthropic-node");
  },

  headers: async () => {
    const { data, response } = await client.messages.create(ASK).withResponse();
    assert.ok(Number(response.headers.get("x-tollgate-cost")) > 0);
    assert.ok(data._request_id);
  },

  // The last two: for some seconds after them, the gateway leaves the models alone.
  unavailable: async () => {
    await h.scenario(h.EVERYTHING_FAILS);
    const error = await h.oneRequest(() => create());
    await h.oneRequest(() => patient.messages.create(ASK));
    return h.raisedAs(error, Anthropic.InternalServerError);
  },

  "rate-limited": async () => {
    await h.scenario(h.EVERYTHING_IS_LIMITED);
    const error = await h.oneRequest(() => create());
    assert.equal(error.headers.get("retry-after"), "1");
    return h.raisedAs(error, Anthropic.RateLimitError, 429);
  },
});
