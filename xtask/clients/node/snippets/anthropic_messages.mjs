import Anthropic from "@anthropic-ai/sdk";

const client = new Anthropic({
  baseURL: process.env.TOLLGATE_URL ?? "http://127.0.0.1:8787", // without /v1
  apiKey: "any", // the gateway has its own key for the upstream
});

const stream = client.messages.stream(
  {
    model: "tollgate/auto",
    max_tokens: 300,
    messages: [{ role: "user", content: "Why is the sky blue?" }],
  },
  { headers: { "x-tollgate-tags": "project=docs" } },
);
stream.on("text", (text) => process.stdout.write(text));
const { usage } = await stream.finalMessage();
console.log(`\n${usage.input_tokens} tokens in, ${usage.output_tokens} out`);
