// OpenRouter's own package.

import { OpenRouter } from "@openrouter/sdk";
import * as errors from "@openrouter/sdk/models/errors";
import { ZodError } from "zod/v4";
import * as h from "./harness.mjs";
import { DOWN, GATEWAY, HELLO, KEY, MODEL, TOOL, WEATHER, assert } from "./harness.mjs";

const retryConfig = { strategy: "none" };
const client = new OpenRouter({ serverURL: `${GATEWAY}/api/v1`, apiKey: KEY, retryConfig });
const send = (body, options) =>
  client.chat.send({ chatRequest: { model: MODEL, messages: HELLO, ...body } }, options);
const respond = (body) =>
  client.responses.send({ responsesRequest: { model: MODEL, input: "hello", ...body } });
const textOf = (chunks) => chunks.map((one) => one.choices[0]?.delta.content ?? "").join("");

await h.run({
  snippet: () => assert.match(h.snippet("openrouter_chat.mjs"), /dollars: 0\.\d+/),

  chat: async () => {
    const answer = await send();
    assert.ok(answer.choices[0].message.content && answer.usage.cost > 0);
  },

  stream: async () => {
    const chunks = await h.all(await send({ stream: true }));
    assert.equal(textOf(chunks), (await send()).choices[0].message.content);
    assert.ok(chunks.at(-1).usage.cost > 0);
  },

  tools: async () => {
    const asked = { messages: WEATHER, tools: [TOOL] };
    const { message } = (await send(asked)).choices[0];
    const [call] = message.toolCalls;
    assert.ok(JSON.parse(call.function.arguments).city);
    const result = { role: "tool", toolCallId: call.id, content: "18 °C" };
    const second = await send({ ...asked, messages: [...WEATHER, message, result] });
    assert.ok(second.choices[0].message.content);
  },

  schema: async () => {
    const jsonSchema = { name: "place", schema: h.PLACE, strict: true };
    const answer = await send({ responseFormat: { type: "json_schema", jsonSchema } });
    assert.ok(JSON.parse(answer.choices[0].message.content).city);
  },

  reasoning: async () => {
    const answer = await send({ model: h.REASONER, reasoning: { effort: "high" } });
    assert.ok(answer.choices[0].message.reasoning);
  },

  responses: async () => {
    const answer = await respond();
    assert.ok(answer.output[0].content[0].text && answer.usage.outputTokens > 0);
  },

  "responses-stream": async () => {
    const events = await h.all(await respond({ stream: true }));
    const deltas = events.filter((one) => one.type === "response.output_text.delta");
    assert.equal(deltas.map((one) => one.delta).join(""), (await respond()).output[0].content[0].text);
  },

  embeddings: async () => {
    const asked = { model: h.EMBEDDER, input: ["one", "two"] };
    const plain = await client.embeddings.generate({ requestBody: asked });
    assert.equal(plain.data.length, 2);
    const packed = { ...asked, encodingFormat: "base64" };
    const found = await client.embeddings.generate({ requestBody: packed });
    assert.equal(typeof found.data[0].embedding, "string");
  },

  models: async () => {
    const page = await client.models.list();
    const ids = (page.result ?? page).data.map((one) => one.id);
    assert.ok(ids.includes(MODEL) && ids.includes("tollgate/auto"));
  },

  model: async () => {
    const listed = await client.endpoints.list({ author: "openai", slug: "gpt-4o-mini" });
    assert.ok(listed.data.endpoints.length > 0);
  },

  generation: async () => {
    const { id } = await send();
    assert.equal((await client.generations.getGeneration({ id })).data.id, id);
  },

  key: async () => assert.ok((await client.apiKeys.getCurrentKeyMetadata()).data.usage >= 0),

  credits: async () => assert.ok((await client.credits.getCredits()).data.totalCredits >= 0),

  "bad-parameter": async () => {
    const error = await h.oneRequest(() => send({ maxTokens: -1 }));
    return h.raisedAs(error, errors.BadRequestResponseError, 400);
  },

  "unknown-model": async () => {
    const error = await h.oneRequest(() => send({ model: "nobody/nothing" }));
    return h.raisedAs(error, errors.NotFoundResponseError, 404);
  },

  budget: async () => {
    const error = await h.oneRequest(() => send({ user: "poor" }));
    assert.deepEqual(await h.inference(), []);
    return h.raisedAs(error, errors.PaymentRequiredResponseError, 402);
  },

  failover: async () => {
    await h.scenario(h.FIRST_CHOICE_FAILS);
    assert.equal((await send({ model: DOWN })).model, MODEL);
    assert.ok(textOf(await h.all(await send({ model: DOWN, stream: true }))));
  },

  cut: async () => {
    await h.scenario(h.EVERYTHING_IS_CUT);
    const seen = [];
    // Were the event a chunk like any other, the package would hand it over as one, and a
    // program that prints contents alone would take the cut for the end.
    const error = await h.oneRequest(async () => {
      for await (const chunk of await send({ stream: true })) seen.push(chunk);
    });
    assert.ok(textOf(seen), "nothing was shown before the cut");
    return h.raisedAs(error, ZodError);
  },

  cancel: async () => {
    await h.scenario(h.SLOW);
    for await (const _ of await send({ stream: true, user: "leaves-openrouter-node" })) break;
    await h.left();
    await h.booked("tag.user", "leaves-openrouter-node");
  },

  image: async () => {
    const picture = { type: "image_url", imageUrl: { url: h.image() } };
    const content = [{ type: "text", text: "What is it?" }, picture];
    assert.ok((await send({ messages: [{ role: "user", content }] })).choices[0].message.content);
  },

  virtual: async () => assert.notEqual((await send({ model: "tollgate/auto" })).model, "tollgate/auto"),

  tags: async () => {
    const headers = { "x-tollgate-tags": "project=of-openrouter-node" };
    await send({ user: "user-of-openrouter-node" }, { headers });
    await h.booked("tag.user", "user-of-openrouter-node");
    await h.booked("tag.project", "of-openrouter-node");
  },

  // The last two: for some seconds after them, the gateway leaves the models alone.
  unavailable: async () => {
    await h.scenario(h.EVERYTHING_FAILS);
    return h.raisedAs(await h.oneRequest(() => send()), errors.OpenRouterError, 502);
  },

  "rate-limited": async () => {
    await h.scenario(h.EVERYTHING_IS_LIMITED);
    const error = await h.oneRequest(() => send());
    assert.equal(error.headers.get("retry-after"), "1");
    return h.raisedAs(error, errors.TooManyRequestsResponseError, 429);
  },
});
