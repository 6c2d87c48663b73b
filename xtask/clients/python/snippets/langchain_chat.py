import os

from langchain_openai import ChatOpenAI

model = ChatOpenAI(
    base_url=os.environ.get("TOLLGATE_URL", "http://127.0.0.1:8787") + "/v1",
    api_key="any",  # the gateway has its own key for the upstream
    model="tollgate/auto",
    default_headers={"x-tollgate-tags": "project=docs"},
    include_response_headers=True,
)

answer = model.invoke("Why is the sky blue?")
print(answer.content)
print("cost in US dollars:", answer.response_metadata["headers"]["x-tollgate-cost"])
