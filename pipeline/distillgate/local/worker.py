"""One model in a process of its own: `python -m distillgate.local.worker CONFIG` runs llama.cpp's server.

A process, because a model that crashes, or whose memory a training job needs, must not take the endpoint along.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import threading
from typing import Any

from distillgate.errors import MissingExtraError
from distillgate.local.children import exit_with_parent


def parameters(config: dict[str, Any]) -> Any:
    """llama.cpp's parameters for `config`: model (path), name, threads, parallel, context (tokens a slot), states.

    `states` is a folder through which `distillgate.local.chat.SharedPrefixes` copies slots.

    Sampling is greedy and neutral unless a request says otherwise: llama.cpp's defaults (temperature 0.8,
    top-k 40, min-p 0.05) are not OpenAI's, and servers that differ in them differ in most answers.
    """
    try:
        xllamacpp = importlib.import_module("xllamacpp")
    except ImportError as error:
        raise MissingExtraError("xllamacpp", "local") from error
    params = xllamacpp.CommonParams()
    params.model.path = config["model"]
    params.model_alias = {config["name"]}
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.n_parallel = config["parallel"]
    params.kv_unified = False  # each slot has its own n_ctx / n_parallel tokens, whatever the others use
    params.n_ctx = config["context"] * config["parallel"]
    params.fit_params = False
    params.n_gpu_layers = 0
    params.ui = False
    params.endpoint_slots = False
    params.slot_save_path = os.path.join(config["states"], "")  # noqa: PTH118  # llama.cpp appends the file's name
    params.cache_ram_mib = 0  # slots keep their prefixes; copies of evicted ones (8 GB by default) are off
    for cpu in (params.cpuparams, params.cpuparams_batch):
        cpu.n_threads = config["threads"] or os.cpu_count() or 1
    sampling = params.sampling
    sampling.temp = 0.0
    sampling.top_k = 0
    sampling.top_p = 1.0
    sampling.min_p = 0.0
    sampling.typ_p = 1.0
    sampling.penalty_repeat = 1.0
    sampling.penalty_freq = 0.0
    sampling.penalty_present = 0.0
    return params


def main(config: dict[str, Any]) -> None:
    """Serve until stdin ends; stdout is one line, `{"address": "http://…"}`, once the model is loaded."""
    exit_with_parent()
    announcement = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever llama.cpp prints goes to the log
    params = parameters(config)
    server = importlib.import_module("xllamacpp").Server(params)
    print(json.dumps({"address": server.listening_address}), file=announcement, flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
