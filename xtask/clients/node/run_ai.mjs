// Vercel's ai package, with OpenRouter's provider for it.

import { createOpenRouter } from "@openrouter/ai-sdk-provider";
import { APICallError, Output, embedMany, generateText, stepCountIs, streamText, tool } from "ai";
import { z } from "zod";
import * as h from "./harness.mjs";
import { DOWN, GATEWAY, HELLO, KEY, MODEL, WEATHER, assert } from "./harness.mjs";

const tollgate = createOpenRouter({ baseURL: `${GATEWAY}/api/v1`, apiKey: KEY });
const asked = (model, more) => ({
  model: tollgate.chat(model ?? MODEL, { usage: { include: true } }),
  messages: HELLO,
  maxRetries: 0,
  ...more,
});
const ask = (model, more) => generateText(asked(model, more));
// What it meets in a stream it tells here, and ends.
const stream = (model, more) => {
  const errors = [];
  const onError = ({ error }) => errors.push(error);
  return { errors, answer: streamText(asked(model, { onError, ...more })) };
};
// The provider has another copy of the class, so `instanceof` does not know its errors.
const refused = (error, status) => {
  assert.ok(APICallError.isInstance(error), `${error}`);
  assert.equal(error.statusCode, status);
  return error.constructor.name;
};
const forUser = (user, headers) => ({ headers, providerOptions: { openrouter: { user } } });

await h.run({
  snippet: () => assert.match(h.snippet("ai_sdk.mjs"), /dollars: 0\.\d+/),

  chat: async () => {
    const answer = await ask();
    assert.ok(answer.text && answer.usage.outputTokens > 0);
  },

  stream: async () => {
    const { answer } = stream();
    assert.equal((await h.all(answer.textStream)).join(""), (await ask()).text);
    assert.ok((await answer.usage).outputTokens > 0);
  },

  tools: async () => {
    const calls = [];
    const execute = async ({ city }) => (calls.push(city), "18 °C");
    const inputSchema = z.object({ city: z.string() });
    const get_weather = tool({ description: "The weather of a city", inputSchema, execute });
    const more = { messages: WEATHER, tools: { get_weather }, stopWhen: stepCountIs(2) };
    const answer = await ask(MODEL, more);
    assert.ok(answer.steps.length === 2 && calls.length > 0);
  },

  schema: async () => {
    const schema = z.object({ city: z.string(), people: z.number() });
    const answer = await ask(MODEL, { output: Output.object({ schema }) });
    assert.equal(typeof answer.output.city, "string");
  },

  reasoning: async () => {
    const openrouter = { reasoning: { effort: "high" } };
    const answer = await ask(h.REASONER, { providerOptions: { openrouter } });
    assert.ok(answer.reasoningText);
  },

  embeddings: async () => {
    const model = tollgate.textEmbeddingModel(h.EMBEDDER);
    const found = await embedMany({ model, values: ["one", "two"] });
    assert.equal(found.embeddings.length, 2);
  },

  completions: async () => {
    const model = tollgate.completion(MODEL);
    assert.ok((await generateText({ model, prompt: "Once upon", maxRetries: 0 })).text);
  },

  "bad-parameter": async () => {
    const error = await h.oneRequest(() => ask(MODEL, { providerOptions: { openrouter: { max_tokens: -1 } } }));
    return refused(error, 400);
  },

  "unknown-model": async () => {
    const error = await h.oneRequest(() => ask("nobody/nothing"));
    return refused(error, 404);
  },

  budget: async () => {
    const error = await h.oneRequest(() => ask(MODEL, forUser("poor")));
    assert.deepEqual(await h.inference(), []);
    return refused(error, 402);
  },

  failover: async () => {
    await h.scenario(h.FIRST_CHOICE_FAILS);
    assert.ok((await ask(DOWN)).text);
    assert.ok((await h.all(stream(DOWN).answer.textStream)).join(""));
  },

  cut: async () => {
    await h.scenario(h.EVERYTHING_IS_CUT);
    const { answer, errors } = stream();
    assert.ok((await h.all(answer.textStream)).join(""), "nothing was shown before the cut");
    assert.equal(errors.length, 1, "errors told");
    assert.equal(await answer.finishReason, "error");
    return `onError, finishReason "error"`;
  },

  cancel: async () => {
    await h.scenario(h.SLOW);
    const leave = new AbortController();
    const more = { abortSignal: leave.signal, ...forUser("leaves-ai") };
    for await (const _ of stream(MODEL, more).answer.textStream) leave.abort();
    await h.left();
    await h.booked("tag.user", "leaves-ai");
  },

  image: async () => {
    const content = [
      { type: "text", text: "What is it?" },
      { type: "image", image: h.image() },
    ];
    assert.ok((await ask(MODEL, { messages: [{ role: "user", content }] })).text);
  },

  virtual: async () => {
    const answer = await ask("tollgate/auto");
    assert.notEqual(answer.response.modelId, "tollgate/auto");
  },

  tags: async () => {
    const headers = { "x-tollgate-tags": "project=of-ai" };
    await ask(MODEL, forUser("user-of-ai", headers));
    await h.booked("tag.user", "user-of-ai");
    await h.booked("tag.project", "of-ai");
  },

  headers: async () => assert.ok(Number((await ask()).response.headers["x-tollgate-cost"]) > 0),

  // The last two: for some seconds after them, the gateway leaves the models alone.
  unavailable: async () => {
    await h.scenario(h.EVERYTHING_FAILS);
    return refused(await h.oneRequest(() => ask()), 502);
  },

  "rate-limited": async () => {
    await h.scenario(h.EVERYTHING_IS_LIMITED);
    const error = await h.oneRequest(() => ask());
    assert.equal(error.responseHeaders["retry-after"], "1");
    return refused(error, 429);
  },
});
