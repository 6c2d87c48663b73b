"""The anthropic package."""

import json

import anthropic
import pydantic
from harness import *

client = anthropic.Anthropic(base_url=GATEWAY, api_key=KEY, max_retries=0)
patient = anthropic.Anthropic(base_url=GATEWAY, api_key=KEY)
messages = client.messages
ASK = {"model": MODEL, "max_tokens": 300, "messages": HELLO}
TOOLS = [{"name": "get_weather", "description": "The weather of a city", "input_schema": PLACE}]


def text_of(message):
    return "".join(block.text for block in message.content if block.type == "text")


@case("snippet")
def of_the_page():
    assert "tokens" in snippet("anthropic_messages.py")


@case("messages")
def whole():
    message = messages.create(**ASK)
    assert text_of(message)
    same(message.stop_reason, "end_turn")
    assert message.usage.output_tokens > 0


@case("messages-stream")
def stream():
    with messages.stream(**ASK) as events:
        text = "".join(events.text_stream)
        final = events.get_final_message()
    same(text, text_of(messages.create(**ASK)), "text")
    same(final.stop_reason, "end_turn")
    assert final.usage.output_tokens > 0


@case("count-tokens")
def count_tokens():
    before = len(inference())
    assert messages.count_tokens(model=MODEL, messages=HELLO).input_tokens > 0
    same(len(inference()), before, "requests upstream")


@case("tools")
def tools():
    asked = {**ASK, "messages": WEATHER, "tools": TOOLS}
    first = messages.create(**asked)
    same(first.stop_reason, "tool_use")
    call = next(block for block in first.content if block.type == "tool_use")
    assert call.input["city"]
    result = {"type": "tool_result", "tool_use_id": call.id, "content": "18 °C"}
    turns = [*WEATHER, {"role": "assistant", "content": first.content}]
    second = messages.create(**{**asked, "messages": [*turns, {"role": "user", "content": [result]}]})
    assert text_of(second)
    with messages.stream(**asked) as events:
        streamed = events.get_final_message()
    same(next(one.input for one in streamed.content if one.type == "tool_use"), call.input)


@case("schema")
def schema():
    class Place(pydantic.BaseModel):
        city: str
        people: int

    assert isinstance(messages.parse(**ASK, output_format=Place).parsed_output, Place)


@case("reasoning")
def reasoning():
    thinking = {"type": "enabled", "budget_tokens": 1024}
    asked = {"model": REASONER, "max_tokens": 2000, "messages": HELLO, "thinking": thinking}
    message = messages.create(**asked)
    assert any(block.type == "thinking" and block.thinking for block in message.content)
    with messages.stream(**asked) as events:
        assert any(block.type == "thinking" for block in events.get_final_message().content)


@case("models")
def models():
    ids = [model.id for model in client.models.list(limit=1000)]
    assert MODEL in ids


@case("bad-parameter")
def bad_parameter():
    error = one_request(lambda: messages.create(**{**ASK, "max_tokens": -1}))
    return raised_as(error, anthropic.BadRequestError, 400)


@case("unknown-model")
def unknown_model():
    error = one_request(lambda: messages.create(**{**ASK, "model": "nobody/nothing"}))
    return raised_as(error, anthropic.NotFoundError, 404)


@case("budget")
def budget():
    error = one_request(lambda: messages.create(**ASK, metadata={"user_id": "poor"}))
    same(inference(), [], "requests upstream")
    return raised_as(error, anthropic.APIStatusError, 402)


@case("failover")
def failover():
    scenario(f'[[rules]]\nmodel = "{DOWN}"\nfault = "status=503"\n')
    assert text_of(messages.create(**{**ASK, "model": DOWN}))
    with messages.stream(**{**ASK, "model": DOWN}) as events:
        assert events.get_final_text()


@case("cut")
def cut():
    scenario('[[rules]]\nfault = "cut-event=6"\n')
    seen = []

    def read():
        with messages.stream(**ASK) as events:
            for text in events.text_stream:
                seen.append(text)

    error = one_request(read)
    assert seen, "nothing was shown before the cut"
    same(error.body["type"], "error", "body")
    return raised_as(error, anthropic.APIStatusError, 200)


@case("cancel")
def cancel():
    scenario('latency = { fixed = { first_token_ms = 1, tokens_per_second = 20 } }')
    with messages.stream(**ASK, metadata={"user_id": "leaves-anthropic"}) as events:
        next(iter(events.text_stream))
    until("the gateway leaves upstream", lambda: any(seen["cancelled"] for seen in inference()))
    until("the ledger has it", lambda: "leaves-anthropic" in json.dumps(usage("tag.user")))


@case("image")
def large_image():
    source = {"type": "base64", "media_type": "image/png", "data": image().split(",")[1]}
    content = [{"type": "image", "source": source}, {"type": "text", "text": "What is it?"}]
    assert text_of(messages.create(**{**ASK, "messages": [{"role": "user", "content": content}]}))
    assert len(inference()[0]["body"]) > 5 * 1024 * 1024


@case("virtual")
def virtual():
    message = messages.create(**{**ASK, "model": "tollgate/auto"})
    assert text_of(message) and message.model != "tollgate/auto"


@case("tags")
def tags():
    headers = {"x-tollgate-tags": "project=of-anthropic"}
    messages.create(**ASK, metadata={"user_id": "user-of-anthropic"}, extra_headers=headers)
    until("the user is in the ledger", lambda: "user-of-anthropic" in json.dumps(usage("tag.user")))
    until("the tag is in the ledger", lambda: "of-anthropic" in json.dumps(usage("tag.project")))


@case("headers")
def headers():
    answer = messages.with_raw_response.create(**ASK)
    assert float(answer.headers["x-tollgate-cost"]) > 0
    assert answer.parse()._request_id


# The last two: for some seconds after them, the gateway leaves the models alone.
@case("unavailable")
def unavailable():
    scenario(EVERYTHING_FAILS)
    error = one_request(lambda: messages.create(**ASK))
    one_request(lambda: patient.messages.create(**ASK))
    return raised_as(error, anthropic.InternalServerError)


@case("rate-limited")
def rate_limited():
    scenario('[[rules]]\nfault = "rate-limited=1"\n')
    error = one_request(lambda: messages.create(**ASK))
    same(error.response.headers["retry-after"], "1", "retry-after")
    return raised_as(error, anthropic.RateLimitError, 429)


run()
