"""curl: what the wire itself looks like."""

import base64
import json
import os
import struct
import subprocess

from harness import *


def curl(path, body=None, *words):
    """Gives the status, the headers and the body of an answer."""
    call = ["curl", "--silent", "--show-error", "--include", "--max-time", "60", *words]
    if body is not None:
        call += ["--header", "content-type: application/json", "--header", "expect:", "--data", "@-"]
    sent = json.dumps(body) if body is not None else None
    done = subprocess.run([*call, GATEWAY + path], input=sent, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    head, _, body = done.stdout.replace("\r\n", "\n").partition("\n\n")
    first, *lines = head.split("\n")
    headers = dict(line.lower().split(": ", 1) for line in lines)
    return int(first.split()[1]), headers, body


def post(path, body, *words):
    status, headers, text = curl(path, body, *words)
    same(status, 200, f"status of {text[:200]}")
    return headers, json.loads(text)


def get(path):
    status, _, text = curl(path)
    same(status, 200, f"status of {text[:200]}")
    return json.loads(text)


def chat(**more):
    return {"model": MODEL, "messages": HELLO, **more}


def events(text):
    """The data of server-sent events."""
    return [line.removeprefix("data: ") for line in text.split("\n") if line.startswith("data: ")]


@case("snippet")
def of_the_page():
    path = os.path.join(os.path.dirname(__file__), "snippets", "chat.sh")
    done = subprocess.run(["sh", path], capture_output=True, text=True)
    head, _, body = done.stdout.replace("\r\n", "\n").partition("\n\n")
    assert json.loads(body)["choices"] and "x-tollgate-cost: 0." in head


@case("chat")
def whole():
    _, answer = post("/v1/chat/completions", chat())
    assert answer["choices"][0]["message"]["content"]


@case("stream")
def stream():
    _, _, text = curl("/v1/chat/completions", chat(stream=True))
    *chunks, done = events(text)
    same(done, "[DONE]", "last event")
    last = json.loads(chunks[-1])
    assert last["usage"]["completion_tokens"] > 0 and float(last["tollgate"]["cost"]) > 0
    deltas = [one["choices"][0]["delta"] for one in map(json.loads, chunks) if one["choices"]]
    said = "".join(delta.get("content") or "" for delta in deltas)
    same(said, post("/v1/chat/completions", chat())[1]["choices"][0]["message"]["content"], "text")


@case("responses")
def responses():
    same(post("/v1/responses", {"model": MODEL, "input": "hello"})[1]["status"], "completed")


@case("responses-stream")
def responses_stream():
    _, _, text = curl("/v1/responses", {"model": MODEL, "input": "hello", "stream": True})
    told = [json.loads(data) for data in events(text) if data != "[DONE]"]
    same((told[0]["type"], told[-1]["type"]), ("response.created", "response.completed"))
    assert float(told[-1]["tollgate"]["cost"]) > 0


@case("messages")
def messages():
    same(post("/v1/messages", chat(max_tokens=300))[1]["stop_reason"], "end_turn")


@case("messages-stream")
def messages_stream():
    _, _, text = curl("/v1/messages", chat(max_tokens=300, stream=True))
    told = [json.loads(data) for data in events(text)]
    same((told[0]["type"], told[-1]["type"]), ("message_start", "message_stop"))
    assert float(told[-2]["tollgate"]["cost"]) > 0


@case("count-tokens")
def count_tokens():
    assert post("/v1/messages/count_tokens", chat())[1]["input_tokens"] > 0


@case("embeddings")
def embeddings():
    asked = {"model": EMBEDDER, "input": "one"}
    plain = post("/v1/embeddings", asked)[1]["data"][0]["embedding"]
    packed = post("/v1/embeddings", {**asked, "encoding_format": "base64"})[1]["data"][0]["embedding"]
    unpacked = struct.unpack(f"<{len(plain)}f", base64.b64decode(packed))
    assert all(abs(a - b) < 1e-6 for a, b in zip(plain, unpacked, strict=True))


@case("completions")
def completions():
    asked = {"model": MODEL, "prompt": "Once upon", "max_tokens": 30}
    assert post("/v1/completions", asked)[1]["choices"][0]["text"]


@case("models")
def models():
    ids = [model["id"] for model in get("/v1/models")["data"]]
    assert MODEL in ids and "tollgate/auto" in ids


@case("model")
def model():
    same(get(f"/v1/models/{MODEL}")["data"]["id"], MODEL, "id")


@case("generation")
def generation():
    answer = post("/v1/chat/completions", chat())[1]
    same(get(f"/v1/generation?id={answer['id']}")["data"]["id"], answer["id"], "id")


@case("key")
def key():
    assert get("/v1/key")["data"]["usage"] >= 0


@case("credits")
def credits():
    assert get("/v1/credits")["data"]["total_credits"] >= 0


def refused(body, status):
    found, headers, text = curl("/v1/chat/completions", body)
    same(found, status, "status")
    error = json.loads(text)["error"]
    same(error["code"], status, "code")
    assert error["message"]
    return headers


@case("bad-parameter")
def bad_parameter():
    refused(chat(max_tokens=-1), 400)
    return "400"


@case("unknown-model")
def unknown_model():
    refused({**chat(), "model": "nobody/nothing"}, 404)
    return "404"


@case("budget")
def budget():
    refused(chat(user="poor"), 402)
    same(inference(), [], "requests upstream")
    return "402"


@case("failover")
def failover():
    scenario(f'[[rules]]\nmodel = "{DOWN}"\nfault = "status=503"\n')
    headers, _ = post("/v1/chat/completions", {**chat(), "model": DOWN})
    same(headers["x-tollgate-model"], MODEL, "model")


@case("cut")
def cut():
    scenario('[[rules]]\nfault = "cut-event=5"\n')
    _, _, text = curl("/v1/chat/completions", chat(stream=True))
    last = json.loads(events(text)[-1])
    same(last["choices"][0]["finish_reason"], "error")
    assert last["error"]["code"] and "[DONE]" not in text
    return "a last event with `error`, no `[DONE]`"


@case("cancel")
def cancel():
    scenario('latency = { fixed = { first_token_ms = 1, tokens_per_second = 20 } }')
    body = json.dumps(chat(stream=True, user="leaves-curl"))
    words = ["curl", "--silent", "--no-buffer", "--header", "content-type: application/json"]
    url = f"{GATEWAY}/v1/chat/completions"
    with subprocess.Popen([*words, "--data", body, url], stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        process.kill()
    until("the gateway leaves upstream", lambda: any(seen["cancelled"] for seen in inference()))
    until("the ledger has it", lambda: "leaves-curl" in json.dumps(usage("tag.user")))


@case("image")
def large_image():
    picture = {"type": "image_url", "image_url": {"url": image()}}
    content = [{"type": "text", "text": "What is it?"}, picture]
    post("/v1/chat/completions", chat(messages=[{"role": "user", "content": content}]))


@case("virtual")
def virtual():
    assert post("/v1/chat/completions", {**chat(), "model": "tollgate/auto"})[1]["model"] != "tollgate/auto"


@case("tags")
def tags():
    body = chat(user="user-of-curl")
    post("/v1/chat/completions", body, "--header", "x-tollgate-tags: project=of-curl")
    until("the user is in the ledger", lambda: "user-of-curl" in json.dumps(usage("tag.user")))
    until("the tag is in the ledger", lambda: "of-curl" in json.dumps(usage("tag.project")))


@case("headers")
def headers():
    found, _ = post("/v1/chat/completions", chat())
    assert float(found["x-tollgate-cost"]) > 0 and found["x-tollgate-attempts"] == "1"
    assert found["x-request-id"]


# The last two: for some seconds after them, the gateway leaves the models alone.
@case("unavailable")
def unavailable():
    scenario(EVERYTHING_FAILS)
    same(refused(chat(), 502)["x-should-retry"], "false")
    return "502"


@case("rate-limited")
def rate_limited():
    scenario('[[rules]]\nfault = "rate-limited=1"\n')
    same(refused(chat(), 429)["retry-after"], "1")
    return "429"


run()
