import os

from openrouter import OpenRouter
from openrouter.utils import RetryConfig

with OpenRouter(
    server_url=os.environ.get("TOLLGATE_URL", "http://127.0.0.1:8787") + "/api/v1",
    api_key="any",  # the gateway has its own key for the upstream
    # The gateway has tried elsewhere already; the package would go on for an hour.
    retry_config=RetryConfig("none", None, False),
) as client:
    answer = client.chat.send(
        model="tollgate/auto",
        messages=[{"role": "user", "content": "Why is the sky blue?"}],
        http_headers={"x-tollgate-tags": "project=docs"},
    )
    print(answer.choices[0].message.content)
    print("cost in US dollars:", answer.usage.cost)
