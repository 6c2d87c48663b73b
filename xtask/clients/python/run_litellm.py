"""litellm, as a client."""

import json

import litellm
from harness import *

litellm.suppress_debug_info = True
WHERE = {"api_base": f"{GATEWAY}/v1", "api_key": KEY, "max_retries": 0}


def complete(model=MODEL, messages=HELLO, **more):
    # The first word is litellm's: which kind of server it talks to.
    return litellm.completion(model=f"openai/{model}", messages=messages, **{**WHERE, **more})


def text_of(chunks):
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)


@case("snippet")
def of_the_page():
    assert float(snippet("litellm_chat.py").split()[-1]) > 0


@case("chat")
def chat():
    answer = complete()
    assert answer.choices[0].message.content and answer.usage.total_tokens > 0


@case("stream")
def stream():
    chunks = list(complete(stream=True, stream_options={"include_usage": True}))
    same(text_of(chunks), complete().choices[0].message.content, "text")
    assert chunks[-1].usage.completion_tokens > 0


@case("tools")
def tools():
    message = complete(messages=WEATHER, tools=[TOOL]).choices[0].message
    call = message.tool_calls[0]
    assert json.loads(call.function.arguments)["city"]
    result = {"role": "tool", "tool_call_id": call.id, "content": "18 °C"}
    second = complete(messages=[*WEATHER, message.model_dump(), result], tools=[TOOL])
    assert second.choices[0].message.content


@case("schema")
def schema():
    wanted = {"type": "json_schema", "json_schema": {"name": "place", "schema": PLACE, "strict": True}}
    answer = complete(response_format=wanted)
    assert json.loads(answer.choices[0].message.content)["city"]


@case("reasoning")
def reasoning():
    answer = complete(REASONER, extra_body={"reasoning": {"effort": "high"}})
    assert answer.choices[0].message.reasoning_content


@case("responses")
def responses():
    answer = litellm.responses(model=f"openai/{MODEL}", input="hello", **WHERE)
    same(answer.status, "completed")
    assert answer.output_text


@case("responses-stream")
def responses_stream():
    events = list(litellm.responses(model=f"openai/{MODEL}", input="hello", stream=True, **WHERE))
    same(events[-1].type, "response.completed")


@case("messages")
def messages():
    answer = litellm.completion(
        model=f"anthropic/{MODEL}", messages=HELLO, max_tokens=300, api_base=GATEWAY, api_key=KEY
    )
    assert answer.choices[0].message.content


@case("messages-stream")
def messages_stream():
    options = {"max_tokens": 300, "api_base": GATEWAY, "api_key": KEY, "stream": True}
    assert text_of(litellm.completion(model=f"anthropic/{MODEL}", messages=HELLO, **options))


@case("embeddings")
def embeddings():
    for form in ("float", "base64"):
        found = litellm.embedding(
            model=f"openai/{EMBEDDER}", input=["one", "two"], encoding_format=form, **WHERE
        )
        same(len(found.data), 2)


@case("completions")
def completions():
    found = litellm.text_completion(
        model=f"text-completion-openai/{MODEL}", prompt="Once upon", max_tokens=30, **WHERE
    )
    assert found.choices[0].text


@case("bad-parameter")
def bad_parameter():
    error = one_request(lambda: complete(max_tokens=-1))
    return raised_as(error, litellm.BadRequestError, 400)


@case("unknown-model")
def unknown_model():
    error = one_request(lambda: complete("nobody/nothing"))
    return raised_as(error, litellm.NotFoundError, 404)


@case("budget")
def budget():
    # A `user` of its own it sends only to models that it knows.
    error = one_request(lambda: complete(extra_body={"user": "poor"}))
    same(inference(), [], "requests upstream")
    return raised_as(error, litellm.exceptions.APIError, 402)


@case("failover")
def failover():
    scenario(f'[[rules]]\nmodel = "{DOWN}"\nfault = "status=503"\n')
    assert complete(DOWN).choices[0].message.content
    assert text_of(complete(DOWN, stream=True))


@case("cut")
def cut():
    scenario('[[rules]]\nfault = "cut-event=5"\n')
    seen = []

    def read():
        for chunk in complete(stream=True):
            seen.append(chunk)

    error = one_request(read)
    assert seen, "nothing was shown before the cut"
    return raised_as(error, litellm.ServiceUnavailableError)


@case("cancel")
def cancel():
    scenario('latency = { fixed = { first_token_ms = 1, tokens_per_second = 20 } }')
    stream = complete(stream=True, extra_body={"user": "leaves-litellm"})
    next(iter(stream))
    stream.completion_stream.close()
    until("the gateway leaves upstream", lambda: any(seen["cancelled"] for seen in inference()))
    until("the ledger has it", lambda: "leaves-litellm" in json.dumps(usage("tag.user")))


@case("image")
def large_image():
    picture = {"type": "image_url", "image_url": {"url": image()}}
    content = [{"type": "text", "text": "What is it?"}, picture]
    answer = complete(messages=[{"role": "user", "content": content}])
    assert answer.choices[0].message.content


@case("virtual")
def virtual():
    answer = complete("tollgate/auto")
    assert answer.choices[0].message.content and "tollgate/auto" not in answer.model


@case("tags")
def tags():
    headers = {"x-tollgate-tags": "project=of-litellm"}
    complete(extra_body={"user": "user-of-litellm"}, extra_headers=headers)
    until("the user is in the ledger", lambda: "user-of-litellm" in json.dumps(usage("tag.user")))
    until("the tag is in the ledger", lambda: "of-litellm" in json.dumps(usage("tag.project")))


@case("headers")
def headers():
    found = complete()._hidden_params["additional_headers"]
    assert float(found["llm_provider-x-tollgate-cost"]) > 0


# The last two: for some seconds after them, the gateway leaves the models alone.
@case("unavailable")
def unavailable():
    scenario(EVERYTHING_FAILS)
    error = one_request(complete)
    return raised_as(error, litellm.BadGatewayError, 502)


@case("rate-limited")
def rate_limited():
    scenario('[[rules]]\nfault = "rate-limited=1"\n')
    error = one_request(complete)
    same(error.response.headers["retry-after"], "1", "retry-after")
    return raised_as(error, litellm.RateLimitError, 429)


run()
