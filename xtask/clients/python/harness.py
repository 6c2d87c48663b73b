"""What the scripts of all Python clients share: the two servers, and the loop over cases.

A case is a function; it passes when it returns. What it returns is a remark for
the table's reader, such as the class of the exception that was raised.
"""

import json
import os
import subprocess
import sys
import time
import traceback
import urllib.request

GATEWAY = os.environ["TOLLGATE_URL"]
SIMULATOR = os.environ["TOLLGATE_SIM_URL"]
TOLLGATE = os.environ["TOLLGATE_BINARY"]
CONFIG = os.environ["TOLLGATE_CONFIG"]
ONLY = os.environ.get("TOLLGATE_CASE")

MODEL = "openai/gpt-4o-mini"
# Its fallback is MODEL, by the configuration.
DOWN = "anthropic/claude-haiku-4.5"
REASONER = "anthropic/claude-sonnet-4.5"
EMBEDDER = "sim-labs/embed-small"
KEY = "sk-or-v1-any-key-of-the-simulator"

HELLO = [{"role": "user", "content": "hello"}]
WEATHER = [{"role": "user", "content": "Use get_weather for Paris, please."}]
PLACE = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
TOOL = {
    "type": "function",
    "function": {"name": "get_weather", "description": "The weather of a city", "parameters": PLACE},
}
EVERYTHING_FAILS = '[[rules]]\nfault = "status=503"\n'

_CASES = []


def case(name):
    """Registers a function under the name of its case."""

    def register(function):
        _CASES.append((name, function))
        return function

    return register


def run():
    """Runs the cases in order, and prints a line of JSON for each."""
    for name, function in _CASES:
        if ONLY and name != ONLY:
            continue
        _reset()
        try:
            told = {"case": name, "passed": True, "note": function() or ""}
        except Exception as error:
            where = traceback.extract_tb(error.__traceback__)[1]
            note = f"line {where.lineno}: {type(error).__name__}: {error}"
            told = {"case": name, "passed": False, "note": note[:600]}
        print(json.dumps(told), flush=True)


def snippet(name):
    """Runs a snippet of the documentation as its reader would; gives what it printed."""
    path = os.path.join(os.path.dirname(__file__), "snippets", name)
    done = subprocess.run([sys.executable, path], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and done.stdout.strip(), done.stderr[-500:] or "it printed nothing"
    return done.stdout


def scenario(text):
    """Sets what goes wrong in the simulator from here on."""
    _http("PUT", f"{SIMULATOR}/sim/scenario", text.encode())


def upstream():
    """What the simulator has seen in this case."""
    return json.loads(_http("GET", f"{SIMULATOR}/sim/log"))["data"]


def inference():
    """The same without the pages that the gateway reads by itself."""
    return [seen for seen in upstream() if seen["method"] == "POST"]


def requests():
    """How many inference requests the gateway has answered since it started."""
    text = _http("GET", f"{GATEWAY}/metrics").decode()
    name = 'http_server_request_duration_seconds_count{http_request_method="POST"'
    return sum(int(line.split()[-1]) for line in text.splitlines() if line.startswith(name))


def usage(by):
    """The ledger's report, once all that has been answered is in it."""
    words = [TOLLGATE, "--config", CONFIG, "usage", "--by", by, "--json"]
    done = subprocess.run(words, check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def until(what, holds, seconds=10):
    """Waits until something holds."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = holds()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"{what}: not within {seconds} s")


def one_request(call):
    """Makes a call that must be one request to the gateway, however it ends; gives its exception."""
    before = requests()
    try:
        call()
    except Exception as error:
        raised = error
    else:
        raise AssertionError("no exception")
    made = until("the gateway's count", lambda: requests() - before)
    same(made, 1, "requests to the gateway")
    return raised


def raised_as(error, kind, status=None):
    """Checks an exception's class, and its status where it has one; gives the class's name."""
    assert isinstance(error, kind), f"{type(error).__name__} instead of {kind.__name__}: {error}"
    if status:
        same(getattr(error, "status_code", None), status, "status of the exception")
    return type(error).__name__


def same(found, expected, what="value"):
    """Checks for equality, and says what differs."""
    assert found == expected, f"{what} is {found!r} instead of {expected!r}"


def image():
    """A data URL of 5 MiB. The simulator does not look into it."""
    return "data:image/png;base64," + "iVBORw0KGgoAAAAN" * (5 * 1024 * 1024 // 16)


def _reset():
    scenario("")
    _http("POST", f"{SIMULATOR}/sim/reset")


def _http(method, url, body=None):
    request = urllib.request.Request(url, data=body, method=method)
    with urllib.request.urlopen(request, timeout=30) as response:
        return response.read()
