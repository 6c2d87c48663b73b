import OpenAI from "openai";

const client = new OpenAI({
  baseURL: (process.env.TOLLGATE_URL ?? "http://127.0.0.1:8787") + "/v1",
  apiKey: "any", // the gateway has its own key for the upstream
});

const { data, response } = await client.chat.completions
  .create(
    { model: "tollgate/auto", messages: [{ role: "user", content: "Why is the sky blue?" }] },
    { headers: { "x-tollgate-tags": "project=docs" } },
  )
  .withResponse();
console.log(data.choices[0].message.content);
console.log("cost in US dollars:", response.headers.get("x-tollgate-cost"));
