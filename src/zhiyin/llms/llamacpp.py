"""A GGUF file in this process, by `xllamacpp` (llama.cpp's server without its network): prompt cache, continuous batching, schemas enforced while decoding."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import threading
import weakref
from collections.abc import AsyncGenerator, Callable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zhiyin.errors import ContextTooSmall, ModelBusy, ModelError, ModelFileError, ModelUnreachable, SettingError, UnreadableAnswer
from zhiyin.llm import Capabilities, LLMChunk, LLMRequest, Rung
from zhiyin.llms.gguf import read_header
from zhiyin.types import Usage

if TYPE_CHECKING:
    import xllamacpp

STOPS_WITHIN = 0.16  # seconds that a batch of prompt is sized for: a call that nobody waits for any more ends after the batch under way
_BYTES_A_SECOND = 1.5e10  # weights times tokens that a core reads in a second, about; only until the speed was probed
_WRITES = 0.35  # of the speed of reading
_PREFIXES_MIB = 512  # memory for prompt prefixes that are not in a slot at the moment
_PATIENCE = 10.0  # seconds that a closing waits for a call's last batch, or for loading to end
_LETTERS = 20  # most likely first tokens whose probabilities are asked for


class LlamaCpp:
    """The `LLM` port over a model file. Loading begins at once, beside whatever else starts; a first call waits for it.

    `context` tokens are kept for each of `parallel` calls at once; `threads` 0 means all cores. `speed`, tokens of prompt a second if known, sizes the batches.
    On a `dedicated` machine threads wait for each other busily.
    """

    def __init__(self, path: Path, *, context: int = 4096, threads: int = 0, parallel: int = 2, speed: float = 0.0, dedicated: bool = False) -> None:
        self.path, self.context, self.parallel = path, context, parallel
        self._cores = threads or os.cpu_count() or 1
        self.speed = speed or self._guessed_speed()  # tokens of prompt a second
        self.batch = batch_size(self.speed)
        self._house = _House()
        if not dedicated:
            # Read by the threads' library when it is loaded. Waiting busily is half as fast again on an idle machine of two cores,
            # and 10 to 30 times slower as soon as anything else runs there (docs/lab.md).
            os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # noqa: TID251  # not a setting of ours
        try:
            import xllamacpp  # noqa: PLC0415  # an extra, and heavy
        except ImportError as error:
            raise SettingError("models in this process need xllamacpp, which is not installed", hint="pip install 'zhiyin[local]'") from error
        self._house.run(self._load, xllamacpp)
        self._closed = weakref.finalize(self, self._house.clear)  # also when the program ends: llama.cpp's threads must be gone before the interpreter is

    @property
    def name(self) -> str:
        """The file's name without its ending."""
        return self.path.stem

    @property
    def guessed(self) -> Capabilities:
        """What can be said of the model before it was probed: it keeps schemas, and is about as fast as its size lets it be."""
        return Capabilities(model=self.name, rung=Rung.SCHEMA, choices=True, context=self.context, prompt_speed=self.speed, answer_speed=_WRITES * self.speed)

    def seconds(self, request: LLMRequest, /) -> float:
        """Nothing is known here: `Metered` measures."""
        return 0.0

    async def stream(self, request: LLMRequest, /) -> AsyncGenerator[LLMChunk, None]:
        """The answer in pieces; once the generator is closed the model stops after the token, or the batch of prompt, under way."""
        server = await asyncio.shield(asyncio.wrap_future(self._house.server))
        loop = asyncio.get_running_loop()
        pieces: asyncio.Queue[str | BaseException | None] = asyncio.Queue()
        gone = self._house.event()

        def tell(piece: str | BaseException | None) -> None:
            if not gone.is_set():
                with suppress(RuntimeError):  # the loop is closed: nobody listens any more
                    loop.call_soon_threadsafe(pieces.put_nowait, piece)

        def take(piece: str) -> bool:
            tell(piece)
            return gone.is_set()  # True ends the call: between tokens, and with `return_progress` between batches of prompt

        def work() -> None:
            try:
                server.handle_chat_completions(json.dumps(self._body(request)), take)
                tell(None)
            except (RuntimeError, ValueError) as error:
                tell(error)

        self._house.run(work)
        try:
            while (piece := await pieces.get()) is not None:
                if isinstance(piece, BaseException):
                    raise ModelUnreachable(f"the model {self.name} failed: {piece}") from piece
                chunk = self._chunk(piece, request)
                if chunk is not None:
                    yield chunk
        finally:
            self._house.end(gone)

    async def close(self) -> None:
        """Stop the calls under way and unload the model; later calls raise `ModelUnreachable`."""
        await asyncio.to_thread(self._closed)

    # --- inside ---

    def _load(self, xllamacpp: Any) -> None:  # noqa: ANN401  # a module without types
        params = xllamacpp.CommonParams()
        params.model.path = str(self.path)
        params.n_ctx = self.context * self.parallel
        params.n_parallel = self.parallel
        params.n_batch = params.n_ubatch = self.batch
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = self._cores
        params.cache_ram_mib = _PREFIXES_MIB
        params.fit_params = False
        params.verbosity = -1
        params.api_keys = [secrets.token_hex(16)]  # its loopback door, which nobody here uses, stays shut
        params.ui = params.endpoint_slots = False
        try:
            read_header(self.path)  # says in words what is wrong with a file, and keeps llama.cpp from reading nonsense
            self._house.server.set_result(xllamacpp.Server(params))
        except (OSError, ModelFileError) as error:
            self._house.server.set_exception(error if isinstance(error, ModelFileError) else ModelFileError(f"{self.path} cannot be read: {error.strerror}"))
        except (RuntimeError, ValueError) as error:
            self._house.server.set_exception(ModelFileError(f"{self.path} cannot be loaded as a model: {error}", hint="See which files are sound: zhiyin model list"))

    def _guessed_speed(self) -> float:
        size = self.path.stat().st_size if self.path.is_file() else 0
        return _BYTES_A_SECOND * self._cores / max(size, 1)

    def _body(self, request: LLMRequest) -> dict[str, object]:
        body: dict[str, object] = {
            "messages": [{"role": m.role, "content": m.text} for m in request.messages],
            "max_tokens": 1 if request.choices else request.max_tokens,
            "temperature": request.temperature,
            "stream": True,
            "return_progress": True,
            "cache_prompt": True,
            "chat_template_kwargs": {"enable_thinking": False},
        }
        if request.stop:
            body["stop"] = list(request.stop)
        if request.choices:
            body |= {"logprobs": True, "top_logprobs": _LETTERS}
        if request.schema is not None:
            body["response_format"] = {"type": "json_schema", "json_schema": {"name": "answer", "schema": dict(request.schema), "strict": True}}
        return body

    def _chunk(self, piece: str, request: LLMRequest) -> LLMChunk | None:
        """What a piece of the server's says; None for progress and other things nobody needs."""
        try:
            told: Mapping[str, Any] = json.loads(piece)
        except ValueError as error:
            raise UnreadableAnswer(f"the model {self.name} answered with something that is no JSON: {piece[:80]!r}") from error
        if "error" in told:
            raise self._trouble(told["error"])
        usage = self._usage(told["timings"]) if "timings" in told else self._read(told.get("prompt_progress") or {})
        choice = told["choices"][0] if told.get("choices") else {}
        text = str(choice.get("delta", {}).get("content") or "")
        choices = _probabilities(choice, request.choices) if request.choices else {}
        return LLMChunk(text=text, choices=choices, usage=usage) if text or usage or choices else None

    def _read(self, progress: Mapping[str, Any]) -> Usage | None:
        """The prompt's tokens, once all are read: a reader who stops the answer early knows that much."""
        if not progress or progress.get("processed") != progress.get("total"):
            return None
        return Usage(prompt=int(progress["total"]), cached=int(progress.get("cache", 0)), model=self.name)

    def _usage(self, timings: Mapping[str, Any]) -> Usage:
        cached, evaluated = int(timings.get("cache_n", 0)), int(timings.get("prompt_n", 0))
        return Usage(prompt=cached + evaluated, cached=cached, answer=int(timings.get("predicted_n", 0)), model=self.name)

    def _trouble(self, error: Mapping[str, Any]) -> ModelError:
        message = str(error.get("message", error))
        if "context" in str(error.get("type", "")) or "context" in message:
            return ContextTooSmall(f"the prompt does not fit into the {self.context} tokens of {self.name}: {message}", hint="Raise the setting llm.context")
        if error.get("code") == 503:
            return ModelBusy(f"the model {self.name} is not ready: {message}")
        return ModelUnreachable(f"the model {self.name} failed: {message}")


class _House:
    """The loaded model and the threads that run in it."""

    def __init__(self) -> None:
        self.server: Future[xllamacpp.Server] = Future()
        self._threads: list[threading.Thread] = []
        self._events: set[threading.Event] = set()

    def run(self, work: Callable[..., None], *given: object) -> None:
        """Do it in a thread of its own."""
        self._threads = [t for t in self._threads if t.is_alive()]
        thread = threading.Thread(target=work, args=given, name="language-model", daemon=True)
        self._threads.append(thread)
        thread.start()

    def event(self) -> threading.Event:
        """What ends a call once it is set."""
        event = threading.Event()
        self._events.add(event)
        return event

    def end(self, event: threading.Event) -> None:
        """End a call."""
        event.set()
        self._events.discard(event)

    def clear(self) -> None:
        """End all calls, wait for their threads, let the model go."""
        for event in tuple(self._events):
            self.end(event)
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(_PATIENCE)
        self.server = Future()
        self.server.set_exception(ModelUnreachable("the model was closed"))


def batch_size(speed: float) -> int:
    """Tokens of prompt that are evaluated in one go, so that a call can be stopped within about 200 ms; 8 to 512, by tokens a second."""
    return max(8, min(512, int(STOPS_WITHIN * speed)))


def _probabilities(choice: Mapping[str, Any], wanted: tuple[str, ...]) -> dict[str, float]:
    """Log probabilities of the wanted answers among the likeliest first tokens."""
    first = ((choice.get("logprobs") or {}).get("content") or [{}])[0]
    found: dict[str, float] = {}
    for token in first.get("top_logprobs", ()):
        text = str(token.get("token", "")).strip()
        if text in wanted and text not in found:
            found[text] = float(token["logprob"])
    return found
