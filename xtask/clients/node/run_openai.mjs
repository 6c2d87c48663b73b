// The openai package.

import OpenAI from "openai";
import { zodResponseFormat } from "openai/helpers/zod";
import { z } from "zod";
import * as h from "./harness.mjs";
import { DOWN, GATEWAY, HELLO, KEY, MODEL, TOOL, WEATHER, assert } from "./harness.mjs";

const client = new OpenAI({ baseURL: `${GATEWAY}/v1`, apiKey: KEY, maxRetries: 0 });
const patient = new OpenAI({ baseURL: `${GATEWAY}/v1`, apiKey: KEY });
const create = (body, options) =>
  client.chat.completions.create({ model: MODEL, messages: HELLO, ...body }, options);
const textOf = (chunks) => chunks.map((one) => one.choices[0]?.delta.content ?? "").join("");

await h.run({
  snippet: () => assert.match(h.snippet("openai_chat.mjs"), /dollars: 0\.\d+/),

  chat: async () => {
    const answer = await create();
    assert.ok(answer.choices[0].message.content);
    assert.ok(answer.usage.total_tokens > 0);
  },

  stream: async () => {
    const options = { include_usage: true };
    const chunks = await h.all(await create({ stream: true, stream_options: options }));
    assert.equal(textOf(chunks), (await create()).choices[0].message.content);
    assert.ok(chunks.at(-1).usage.completion_tokens > 0);
    assert.ok(Number(chunks.at(-1).tollgate.cost) > 0);
  },

  tools: async () => {
    const asked = { messages: WEATHER, tools: [TOOL] };
    const { message } = (await create(asked)).choices[0];
    const [call] = message.tool_calls;
    assert.ok(JSON.parse(call.function.arguments).city);
    const result = { role: "tool", tool_call_id: call.id, content: "18 °C" };
    const second = await create({ ...asked, messages: [...WEATHER, message, result] });
    assert.ok(second.choices[0].message.content);
    const runner = client.chat.completions.stream({ model: MODEL, ...asked });
    const streamed = (await runner.finalChatCompletion()).choices[0].message.tool_calls[0];
    assert.equal(streamed.function.arguments, call.function.arguments);
  },

  schema: async () => {
    const place = z.object({ city: z.string(), people: z.number() });
    const format = zodResponseFormat(place, "place");
    const body = { model: MODEL, messages: HELLO, response_format: format };
    const answer = await client.chat.completions.parse(body);
    assert.equal(typeof answer.choices[0].message.parsed.city, "string");
  },

  reasoning: async () => {
    const answer = await create({ model: h.REASONER, reasoning_effort: "high" });
    assert.ok(answer.choices[0].message.reasoning);
    assert.ok(answer.usage.completion_tokens_details.reasoning_tokens > 0);
  },

  responses: async () => {
    const answer = await client.responses.create({ model: MODEL, input: "hello" });
    assert.equal(answer.status, "completed");
    assert.ok(answer.output_text && answer.usage.output_tokens > 0);
  },

  "responses-stream": async () => {
    const stream = client.responses.stream({ model: MODEL, input: "hello" });
    const events = await h.all(stream);
    const deltas = events.filter((one) => one.type === "response.output_text.delta");
    const text = deltas.map((one) => one.delta).join("");
    assert.equal((await stream.finalResponse()).output_text, text);
    assert.ok(text);
  },

  embeddings: async () => {
    const asked = { model: h.EMBEDDER, input: ["one", "two"] };
    // The package asks for base64 unless told otherwise.
    const packed = await client.embeddings.create(asked);
    const plain = await client.embeddings.create({ ...asked, encoding_format: "float" });
    packed.data.forEach((one, index) =>
      one.embedding.forEach((value, place) =>
        assert.ok(Math.abs(value - plain.data[index].embedding[place]) < 1e-6),
      ),
    );
    assert.equal(packed.data.length, 2);
  },

  completions: async () => {
    const asked = { model: MODEL, prompt: "Once upon", max_tokens: 30 };
    const answer = await client.completions.create(asked);
    const chunks = await h.all(await client.completions.create({ ...asked, stream: true }));
    assert.equal(chunks.map((one) => one.choices[0]?.text ?? "").join(""), answer.choices[0].text);
  },

  models: async () => {
    const ids = (await h.all(client.models.list())).map((one) => one.id);
    assert.ok(ids.includes(MODEL) && ids.includes("tollgate/auto"));
  },

  model: async () => assert.equal((await client.models.retrieve(MODEL)).id, MODEL),

  "bad-parameter": async () => {
    const error = await h.oneRequest(() => create({ max_tokens: -1 }));
    return h.raisedAs(error, OpenAI.BadRequestError, 400);
  },

  "unknown-model": async () => {
    const error = await h.oneRequest(() => create({ model: "nobody/nothing" }));
    return h.raisedAs(error, OpenAI.NotFoundError, 404);
  },

  budget: async () => {
    const error = await h.oneRequest(() => create({ user: "poor" }));
    assert.deepEqual(await h.inference(), []);
    return h.raisedAs(error, OpenAI.APIError, 402);
  },

  failover: async () => {
    await h.scenario(h.FIRST_CHOICE_FAILS);
    assert.equal((await create({ model: DOWN })).model, MODEL);
    assert.ok(textOf(await h.all(await create({ model: DOWN, stream: true }))));
  },

  cut: async () => {
    await h.scenario(h.EVERYTHING_IS_CUT);
    const seen = [];
    const error = await h.oneRequest(async () => {
      for await (const chunk of await create({ stream: true })) seen.push(chunk);
    });
    assert.ok(textOf(seen), "nothing was shown before the cut");
    return h.raisedAs(error, OpenAI.APIError);
  },

  cancel: async () => {
    await h.scenario(h.SLOW);
    for await (const _ of await create({ stream: true, user: "leaves-openai-node" })) break;
    await h.left();
    await h.booked("tag.user", "leaves-openai-node");
  },

  image: async () => {
    const picture = { type: "image_url", image_url: { url: h.image() } };
    const content = [{ type: "text", text: "What is it?" }, picture];
    const answer = await create({ messages: [{ role: "user", content }] });
    assert.ok(answer.choices[0].message.content);
  },

  virtual: async () => assert.notEqual((await create({ model: "tollgate/auto" })).model, "tollgate/auto"),

  tags: async () => {
    const headers = { "x-tollgate-tags": "project=of-openai-node" };
    await create({ user: "user-of-openai-node" }, { headers });
    await h.booked("tag.user", "user-of-openai-node");
    await h.booked("tag.project", "of-openai-node");
  },

  headers: async () => {
    const body = { model: MODEL, messages: HELLO };
    const { data, response } = await client.chat.completions.create(body).withResponse();
    assert.ok(Number(response.headers.get("x-tollgate-cost")) > 0);
    assert.ok(data._request_id);
  },

  // The last two: for some seconds after them, the gateway leaves the models alone.
  unavailable: async () => {
    await h.scenario(h.EVERYTHING_FAILS);
    const body = { model: MODEL, messages: HELLO };
    const error = await h.oneRequest(() => create());
    // Even one that may retry does not, since the gateway has.
    await h.oneRequest(() => patient.chat.completions.create(body));
    return h.raisedAs(error, OpenAI.InternalServerError);
  },

  "rate-limited": async () => {
    await h.scenario(h.EVERYTHING_IS_LIMITED);
    const error = await h.oneRequest(() => create());
    assert.equal(error.headers.get("retry-after"), "1");
    return h.raisedAs(error, OpenAI.RateLimitError, 429);
  },
});
