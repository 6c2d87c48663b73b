"""LangChain, by its package for OpenAI."""

import json

import openai
import pydantic
from harness import *
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI, OpenAIEmbeddings


def chat_model(model=MODEL, **more):
    options = {"base_url": f"{GATEWAY}/v1", "api_key": KEY, "max_retries": 0, **more}
    return ChatOpenAI(model=model, **options)


@tool
def get_weather(city: str) -> str:
    """The weather of a city"""
    return "18 °C"


@case("snippet")
def of_the_page():
    assert float(snippet("langchain_chat.py").split()[-1]) > 0


@case("chat")
def chat():
    answer = chat_model().invoke("hello")
    assert answer.content and answer.usage_metadata["output_tokens"] > 0


@case("stream")
def stream():
    chunks = list(chat_model(stream_usage=True).stream("hello"))
    same("".join(chunk.text for chunk in chunks), chat_model().invoke("hello").text, "text")
    assert any(chunk.usage_metadata for chunk in chunks)


@case("tools")
def tools():
    model = chat_model().bind_tools([get_weather])
    turns = [HumanMessage(WEATHER[0]["content"])]
    turns.append(model.invoke(turns))
    call = turns[-1].tool_calls[0]
    turns.append(ToolMessage(get_weather.invoke(call["args"]), tool_call_id=call["id"]))
    assert model.invoke(turns).content


@case("schema")
def schema():
    class Place(pydantic.BaseModel):
        city: str
        people: int

    found = chat_model().with_structured_output(Place, method="json_schema").invoke("hello")
    assert isinstance(found, Place)


@case("reasoning")
def reasoning():
    answer = chat_model(REASONER, reasoning_effort="high").invoke("hello")
    assert answer.usage_metadata["output_token_details"]["reasoning"] > 0


@case("responses")
def responses():
    assert chat_model(use_responses_api=True).invoke("hello").text


@case("responses-stream")
def responses_stream():
    model = chat_model(use_responses_api=True)
    same("".join(chunk.text for chunk in model.stream("hello")), model.invoke("hello").text, "text")


@case("embeddings")
def embeddings():
    # The package would count tokens by a table that it fetches from the network.
    model = OpenAIEmbeddings(
        base_url=f"{GATEWAY}/v1", api_key=KEY, model=EMBEDDER, check_embedding_ctx_length=False
    )
    same(len(model.embed_documents(["one", "two"])), 2)


@case("bad-parameter")
def bad_parameter():
    error = one_request(lambda: chat_model(max_tokens=-1).invoke("hello"))
    return raised_as(error, openai.BadRequestError, 400)


@case("unknown-model")
def unknown_model():
    error = one_request(lambda: chat_model("nobody/nothing").invoke("hello"))
    return raised_as(error, openai.NotFoundError, 404)


@case("budget")
def budget():
    error = one_request(lambda: chat_model(model_kwargs={"user": "poor"}).invoke("hello"))
    same(inference(), [], "requests upstream")
    return raised_as(error, openai.APIStatusError, 402)


@case("failover")
def failover():
    scenario(f'[[rules]]\nmodel = "{DOWN}"\nfault = "status=503"\n')
    assert chat_model(DOWN).invoke("hello").text
    assert "".join(chunk.text for chunk in chat_model(DOWN).stream("hello"))


@case("cut")
def cut():
    scenario('[[rules]]\nfault = "cut-event=5"\n')
    seen = []

    def read():
        for chunk in chat_model().stream("hello"):
            seen.append(chunk.text)

    error = one_request(read)
    assert any(seen), "nothing was shown before the cut"
    return raised_as(error, openai.APIError)


@case("cancel")
def cancel():
    scenario('latency = { fixed = { first_token_ms = 1, tokens_per_second = 20 } }')
    stream = chat_model(model_kwargs={"user": "leaves-langchain"}).stream("hello")
    next(stream)
    stream.close()
    until("the gateway leaves upstream", lambda: any(seen["cancelled"] for seen in inference()))
    until("the ledger has it", lambda: "leaves-langchain" in json.dumps(usage("tag.user")))


@case("image")
def large_image():
    picture = {"type": "image_url", "image_url": {"url": image()}}
    content = [{"type": "text", "text": "What is it?"}, picture]
    assert chat_model().invoke([HumanMessage(content)]).content


@case("virtual")
def virtual():
    answer = chat_model("tollgate/auto").invoke("hello")
    assert answer.content and answer.response_metadata["model_name"] != "tollgate/auto"


@case("tags")
def tags():
    headers = {"x-tollgate-tags": "project=of-langchain"}
    chat_model(default_headers=headers, model_kwargs={"user": "user-of-langchain"}).invoke("hello")
    until("the user is in the ledger", lambda: "user-of-langchain" in json.dumps(usage("tag.user")))
    until("the tag is in the ledger", lambda: "of-langchain" in json.dumps(usage("tag.project")))


@case("headers")
def headers():
    answer = chat_model(include_response_headers=True).invoke("hello")
    assert float(answer.response_metadata["headers"]["x-tollgate-cost"]) > 0


# The last two: for some seconds after them, the gateway leaves the models alone.
@case("unavailable")
def unavailable():
    scenario(EVERYTHING_FAILS)
    error = one_request(lambda: chat_model().invoke("hello"))
    one_request(lambda: chat_model(max_retries=2).invoke("hello"))
    return raised_as(error, openai.InternalServerError)


@case("rate-limited")
def rate_limited():
    scenario('[[rules]]\nfault = "rate-limited=1"\n')
    error = one_request(lambda: chat_model().invoke("hello"))
    same(error.response.headers["retry-after"], "1", "retry-after")
    return raised_as(error, openai.RateLimitError, 429)


run()
