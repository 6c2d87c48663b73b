"""The openai package."""

import json

import openai
from harness import *

client = openai.OpenAI(base_url=f"{GATEWAY}/v1", api_key=KEY, max_retries=0)
patient = openai.OpenAI(base_url=f"{GATEWAY}/v1", api_key=KEY)
chats = client.chat.completions


@case("snippet")
def of_the_page():
    assert float(snippet("openai_chat.py").split()[-1]) > 0


@case("chat")
def chat():
    answer = chats.create(model=MODEL, messages=HELLO)
    assert answer.choices[0].message.content
    same(answer.choices[0].finish_reason, "stop")
    assert answer.usage.total_tokens > 0


@case("stream")
def stream():
    options = {"include_usage": True}
    chunks = list(chats.create(model=MODEL, messages=HELLO, stream=True, stream_options=options))
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    same(text, chats.create(model=MODEL, messages=HELLO).choices[0].message.content, "text")
    assert chunks[-1].usage.completion_tokens > 0
    assert float(chunks[-1].model_extra["tollgate"]["cost"]) > 0


@case("tools")
def tools():
    answer = chats.create(model=MODEL, messages=WEATHER, tools=[TOOL])
    message = answer.choices[0].message
    same(answer.choices[0].finish_reason, "tool_calls")
    call = message.tool_calls[0]
    assert json.loads(call.function.arguments)["city"]
    result = {"role": "tool", "tool_call_id": call.id, "content": "18 °C"}
    second = chats.create(model=MODEL, messages=[*WEATHER, message, result], tools=[TOOL])
    assert second.choices[0].message.content
    with client.chat.completions.stream(model=MODEL, messages=WEATHER, tools=[TOOL]) as events:
        streamed = events.get_final_completion().choices[0].message.tool_calls[0]
    same(streamed.function.arguments, call.function.arguments, "streamed arguments")


@case("schema")
def schema():
    import pydantic

    class Place(pydantic.BaseModel):
        city: str
        people: int

    answer = chats.parse(model=MODEL, messages=HELLO, response_format=Place)
    assert isinstance(answer.choices[0].message.parsed, Place)


@case("reasoning")
def reasoning():
    answer = chats.create(model=REASONER, messages=HELLO, reasoning_effort="high")
    assert answer.choices[0].message.model_extra["reasoning"]
    assert answer.usage.completion_tokens_details.reasoning_tokens > 0


@case("responses")
def responses():
    answer = client.responses.create(model=MODEL, input="hello")
    assert answer.output_text
    same(answer.status, "completed")
    assert answer.usage.output_tokens > 0


@case("responses-stream")
def responses_stream():
    with client.responses.stream(model=MODEL, input="hello") as events:
        text = "".join(event.delta for event in events if event.type == "response.output_text.delta")
        same(events.get_final_response().output_text, text, "final text")
    same(text, client.responses.create(model=MODEL, input="hello").output_text, "text")


@case("embeddings")
def embeddings():
    # The package asks for base64 unless told otherwise.
    packed = client.embeddings.create(model=EMBEDDER, input=["one", "two"])
    plain = client.embeddings.create(model=EMBEDDER, input=["one", "two"], encoding_format="float")
    same([one.index for one in packed.data], [0, 1])
    for one, other in zip(packed.data, plain.data):
        assert all(abs(a - b) < 1e-6 for a, b in zip(one.embedding, other.embedding, strict=True))


@case("completions")
def completions():
    answer = client.completions.create(model=MODEL, prompt="Once upon", max_tokens=30)
    chunks = client.completions.create(model=MODEL, prompt="Once upon", max_tokens=30, stream=True)
    same("".join(chunk.choices[0].text for chunk in chunks if chunk.choices), answer.choices[0].text)


@case("models")
def models():
    ids = [model.id for model in client.models.list()]
    assert len(ids) > 100 and MODEL in ids and "tollgate/auto" in ids


@case("model")
def model():
    same(client.models.retrieve(MODEL).id, MODEL, "id")


@case("bad-parameter")
def bad_parameter():
    error = one_request(lambda: chats.create(model=MODEL, messages=HELLO, max_tokens=-1))
    return raised_as(error, openai.BadRequestError, 400)


@case("unknown-model")
def unknown_model():
    error = one_request(lambda: chats.create(model="nobody/nothing", messages=HELLO))
    return raised_as(error, openai.NotFoundError, 404)


@case("budget")
def budget():
    error = one_request(lambda: chats.create(model=MODEL, messages=HELLO, user="poor"))
    same(inference(), [], "requests upstream")
    return raised_as(error, openai.APIStatusError, 402)


@case("failover")
def failover():
    scenario(f'[[rules]]\nmodel = "{DOWN}"\nfault = "status=503"\n')
    answer = chats.create(model=DOWN, messages=HELLO)
    assert answer.choices[0].message.content
    same(answer.model, MODEL, "model")
    chunks = list(chats.create(model=DOWN, messages=HELLO, stream=True))
    assert any(chunk.choices and chunk.choices[0].delta.content for chunk in chunks)


@case("cut")
def cut():
    scenario('[[rules]]\nfault = "cut-event=5"\n')
    seen = []

    def read():
        for chunk in chats.create(model=MODEL, messages=HELLO, stream=True):
            seen.append(chunk)

    error = one_request(read)
    assert seen, "nothing was shown before the cut"
    # Responses have an event of their own for it, which is no exception here.
    events = list(client.responses.create(model=MODEL, input="hello", stream=True))
    same(events[-1].type, "response.failed", "last event")
    return raised_as(error, openai.APIError)


@case("cancel")
def cancel():
    scenario('latency = { fixed = { first_token_ms = 1, tokens_per_second = 20 } }')
    stream = chats.create(model=MODEL, messages=HELLO, stream=True, user="leaves-openai")
    next(stream)
    stream.close()
    until("the gateway leaves upstream", lambda: any(seen["cancelled"] for seen in inference()))
    until("the ledger has it", lambda: "leaves-openai" in json.dumps(usage("tag.user")))


@case("image")
def large_image():
    picture = {"type": "image_url", "image_url": {"url": image()}}
    content = [{"type": "text", "text": "What is it?"}, picture]
    answer = chats.create(model=MODEL, messages=[{"role": "user", "content": content}])
    assert answer.choices[0].message.content
    assert len(inference()[0]["body"]) > 5 * 1024 * 1024


@case("virtual")
def virtual():
    answer = chats.create(model="tollgate/auto", messages=HELLO)
    assert answer.choices[0].message.content and answer.model != "tollgate/auto"


@case("tags")
def tags():
    headers = {"x-tollgate-tags": "project=of-openai"}
    chats.create(model=MODEL, messages=HELLO, user="user-of-openai", extra_headers=headers)
    until("the user is in the ledger", lambda: "user-of-openai" in json.dumps(usage("tag.user")))
    until("the tag is in the ledger", lambda: "of-openai" in json.dumps(usage("tag.project")))


@case("headers")
def headers():
    answer = chats.with_raw_response.create(model=MODEL, messages=HELLO)
    assert float(answer.headers["x-tollgate-cost"]) > 0
    assert answer.parse()._request_id


# The last two: for some seconds after them, the gateway leaves the models alone.
@case("unavailable")
def unavailable():
    scenario(EVERYTHING_FAILS)
    error = one_request(lambda: chats.create(model=MODEL, messages=HELLO))
    # Even one that may retry does not, since the gateway has.
    one_request(lambda: patient.chat.completions.create(model=MODEL, messages=HELLO))
    return raised_as(error, openai.InternalServerError)


@case("rate-limited")
def rate_limited():
    scenario('[[rules]]\nfault = "rate-limited=1"\n')
    error = one_request(lambda: chats.create(model=MODEL, messages=HELLO))
    same(error.response.headers["retry-after"], "1", "retry-after")
    return raised_as(error, openai.RateLimitError, 429)


run()
