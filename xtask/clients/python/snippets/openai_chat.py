import os

from openai import OpenAI

client = OpenAI(
    base_url=os.environ.get("TOLLGATE_URL", "http://127.0.0.1:8787") + "/v1",
    api_key="any",  # the gateway has its own key for the upstream
)

answer = client.chat.completions.with_raw_response.create(
    model="tollgate/auto",
    messages=[{"role": "user", "content": "Why is the sky blue?"}],
    extra_headers={"x-tollgate-tags": "project=docs"},
)
print(answer.parse().choices[0].message.content)
print("cost in US dollars:", answer.headers["x-tollgate-cost"])
