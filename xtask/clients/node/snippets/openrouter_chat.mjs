import { OpenRouter } from "@openrouter/sdk";

const client = new OpenRouter({
  serverURL: (process.env.TOLLGATE_URL ?? "http://127.0.0.1:8787") + "/api/v1",
  apiKey: "any", // the gateway has its own key for the upstream
  // The gateway has tried elsewhere already; the package would go on for an hour.
  retryConfig: { strategy: "none" },
});

const answer = await client.chat.send(
  {
    chatRequest: {
      model: "tollgate/auto",
      messages: [{ role: "user", content: "Why is the sky blue?" }],
    },
  },
  { headers: { "x-tollgate-tags": "project=docs" } },
);
console.log(answer.choices[0].message.content);
console.log("cost in US dollars:", answer.usage.cost.toFixed(9));
