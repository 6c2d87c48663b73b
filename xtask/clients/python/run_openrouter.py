"""OpenRouter's own package."""

import json

from harness import *
from openrouter import OpenRouter, errors
from openrouter.utils import RetryConfig

client = OpenRouter(
    server_url=f"{GATEWAY}/api/v1", api_key=KEY, retry_config=RetryConfig("none", None, False)
)
send = client.chat.send


def text_of(chunks):
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)


@case("snippet")
def of_the_page():
    assert float(snippet("openrouter_chat.py").split()[-1]) > 0


@case("chat")
def chat():
    answer = send(model=MODEL, messages=HELLO)
    assert answer.choices[0].message.content and answer.usage.cost > 0


@case("stream")
def stream():
    with send(model=MODEL, messages=HELLO, stream=True) as events:
        chunks = list(events)
    same(text_of(chunks), send(model=MODEL, messages=HELLO).choices[0].message.content, "text")
    assert chunks[-1].usage.cost > 0


@case("tools")
def tools():
    answer = send(model=MODEL, messages=WEATHER, tools=[TOOL])
    message = answer.choices[0].message
    call = message.tool_calls[0]
    assert json.loads(call.function.arguments)["city"]
    result = {"role": "tool", "tool_call_id": call.id, "content": "18 °C"}
    second = send(model=MODEL, messages=[*WEATHER, message.model_dump(), result], tools=[TOOL])
    assert second.choices[0].message.content


@case("schema")
def schema():
    wanted = {"type": "json_schema", "json_schema": {"name": "place", "schema": PLACE, "strict": True}}
    answer = send(model=MODEL, messages=HELLO, response_format=wanted)
    assert json.loads(answer.choices[0].message.content)["city"]


@case("reasoning")
def reasoning():
    answer = send(model=REASONER, messages=HELLO, reasoning={"effort": "high"})
    assert answer.choices[0].message.reasoning


@case("responses")
def responses():
    answer = client.responses.send(model=MODEL, input="hello")
    assert answer.output[0].content[0].text and answer.usage.output_tokens > 0


@case("responses-stream")
def responses_stream():
    with client.responses.send(model=MODEL, input="hello", stream=True) as events:
        deltas = [one.delta for one in events if one.type == "response.output_text.delta"]
    same("".join(deltas), client.responses.send(model=MODEL, input="hello").output[0].content[0].text)


@case("embeddings")
def embeddings():
    answer = client.embeddings.generate(model=EMBEDDER, input=["one", "two"])
    same(len(answer.data), 2)
    packed = client.embeddings.generate(model=EMBEDDER, input="one", encoding_format="base64")
    assert isinstance(packed.data[0].embedding, str)


@case("models")
def models():
    page = client.models.list()
    ids = [model.id for model in getattr(page, "result", page).data]
    assert MODEL in ids and "tollgate/auto" in ids


@case("model")
def model():
    listed = client.endpoints.list(author="openai", slug="gpt-4o-mini")
    assert listed.data.endpoints


@case("generation")
def generation():
    answer = send(model=MODEL, messages=HELLO)
    found = until("the record", lambda: client.generations.get_generation(id=answer.id))
    same(found.data.id, answer.id)


@case("key")
def key():
    assert client.api_keys.get_current_key_metadata().data.usage >= 0


@case("credits")
def credits():
    assert client.credits.get_credits().data.total_credits >= 0


@case("bad-parameter")
def bad_parameter():
    error = one_request(lambda: send(model=MODEL, messages=HELLO, max_tokens=-1))
    return raised_as(error, errors.BadRequestResponseError, 400)


@case("unknown-model")
def unknown_model():
    error = one_request(lambda: send(model="nobody/nothing", messages=HELLO))
    return raised_as(error, errors.NotFoundResponseError, 404)


@case("budget")
def budget():
    error = one_request(lambda: send(model=MODEL, messages=HELLO, user="poor"))
    same(inference(), [], "requests upstream")
    return raised_as(error, errors.PaymentRequiredResponseError, 402)


@case("failover")
def failover():
    scenario(f'[[rules]]\nmodel = "{DOWN}"\nfault = "status=503"\n')
    assert send(model=DOWN, messages=HELLO).choices[0].message.content
    with send(model=DOWN, messages=HELLO, stream=True) as events:
        assert text_of(list(events))


@case("cut")
def cut():
    scenario('[[rules]]\nfault = "cut-event=5"\n')
    seen = []

    def read():
        with send(model=MODEL, messages=HELLO, stream=True) as events:
            for chunk in events:
                seen.append(chunk)

    # Were the event a chunk like any other, the package would hand it over as one, and a
    # program that prints contents alone would take the cut for the end.
    error = one_request(read)
    assert text_of(seen), "nothing was shown before the cut"
    return raised_as(error, errors.ResponseValidationError)


@case("cancel")
def cancel():
    scenario('latency = { fixed = { first_token_ms = 1, tokens_per_second = 20 } }')
    events = send(model=MODEL, messages=HELLO, stream=True, user="leaves-openrouter")
    next(events)
    events.close()
    until("the gateway leaves upstream", lambda: any(seen["cancelled"] for seen in inference()))
    until("the ledger has it", lambda: "leaves-openrouter" in json.dumps(usage("tag.user")))


@case("image")
def large_image():
    picture = {"type": "image_url", "image_url": {"url": image()}}
    content = [{"type": "text", "text": "What is it?"}, picture]
    answer = send(model=MODEL, messages=[{"role": "user", "content": content}])
    assert answer.choices[0].message.content


@case("virtual")
def virtual():
    answer = send(model="tollgate/auto", messages=HELLO)
    assert answer.choices[0].message.content and answer.model != "tollgate/auto"


@case("tags")
def tags():
    headers = {"x-tollgate-tags": "project=of-openrouter"}
    send(model=MODEL, messages=HELLO, user="user-of-openrouter", http_headers=headers)
    until("the user is in the ledger", lambda: "user-of-openrouter" in json.dumps(usage("tag.user")))
    until("the tag is in the ledger", lambda: "of-openrouter" in json.dumps(usage("tag.project")))


# The last two: for some seconds after them, the gateway leaves the models alone.
@case("unavailable")
def unavailable():
    scenario(EVERYTHING_FAILS)
    error = one_request(lambda: send(model=MODEL, messages=HELLO))
    return raised_as(error, errors.OpenRouterError, 502)


@case("rate-limited")
def rate_limited():
    scenario('[[rules]]\nfault = "rate-limited=1"\n')
    error = one_request(lambda: send(model=MODEL, messages=HELLO))
    same(error.headers["retry-after"], "1", "retry-after")
    return raised_as(error, errors.TooManyRequestsResponseError, 429)


run()
