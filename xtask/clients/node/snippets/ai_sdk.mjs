import { createOpenRouter } from "@openrouter/ai-sdk-provider";
import { streamText } from "ai";

const tollgate = createOpenRouter({
  baseURL: (process.env.TOLLGATE_URL ?? "http://127.0.0.1:8787") + "/api/v1",
  apiKey: "any", // the gateway has its own key for the upstream
  headers: { "x-tollgate-tags": "project=docs" },
});

const answer = streamText({
  model: tollgate.chat("tollgate/auto", { usage: { include: true } }),
  prompt: "Why is the sky blue?",
  onError: ({ error }) => console.error("broke off:", error), // else it ends without a word
});
for await (const text of answer.textStream) process.stdout.write(text);
const { openrouter } = await answer.providerMetadata;
console.log("\ncost in US dollars:", openrouter.usage.cost.toFixed(9));
