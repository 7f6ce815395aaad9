"""llama.cpp's own server in this process, on this machine's loopback."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LLAMA_KEY = "secret"


@contextmanager
def llama(model: Path) -> Iterator[str]:
    """The base URL of a server of this model."""
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(model)
    params.n_ctx, params.n_parallel, params.kv_unified, params.verbosity, params.port = 4096, 2, True, 0, 0
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 2
    params.api_keys, params.ui = [LLAMA_KEY], False
    server = xllamacpp.Server(params)
    yield server.listening_address + "/v1"
    del server
