import os

import litellm

answer = litellm.completion(
    model="openai/tollgate/auto",  # litellm's own prefix, then the gateway's model
    api_base=os.environ.get("TOLLGATE_URL", "http://127.0.0.1:8787") + "/v1",
    api_key="any",  # the gateway has its own key for the upstream
    messages=[{"role": "user", "content": "Why is the sky blue?"}],
    extra_headers={"x-tollgate-tags": "project=docs"},
)
print(answer.choices[0].message.content)
headers = answer._hidden_params["additional_headers"]
print("cost in US dollars:", headers["llm_provider-x-tollgate-cost"])
