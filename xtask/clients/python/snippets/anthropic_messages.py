import os

from anthropic import Anthropic

client = Anthropic(
    base_url=os.environ.get("TOLLGATE_URL", "http://127.0.0.1:8787"),  # without /v1
    api_key="any",  # the gateway has its own key for the upstream
)

with client.messages.stream(
    model="tollgate/auto",
    max_tokens=300,
    messages=[{"role": "user", "content": "Why is the sky blue?"}],
    extra_headers={"x-tollgate-tags": "project=docs"},
) as stream:
    for text in stream.text_stream:
        print(text, end="", flush=True)
    usage = stream.get_final_message().usage
print(f"\n{usage.input_tokens} tokens in, {usage.output_tokens} out")
