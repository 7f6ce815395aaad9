"""A GGUF file in this process: the contract over a real small model, and what goes wrong with files."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
import pytest_asyncio

from zhiyin.errors import ContextTooSmall, ModelFileError, ModelUnreachable
from zhiyin.llm import LLMRequest, Message
from zhiyin.llms.llamacpp import LlamaCpp, batch_size
from zhiyin.ports import LLM
from zhiyin.testing import LLMContract, prose_request, said, whole

LONG = LLMRequest(messages=(Message(role="user", text="river stone moon " * 200),), purpose="speak", max_tokens=8, seconds=300.0)


@pytest.fixture(scope="module")
def loaded(small_model: Path) -> LlamaCpp:
    """One copy of the weights for all tests of this file."""
    return LlamaCpp(small_model, context=2048, parallel=2)


@pytest.mark.llm
class TestLlamaCpp(LLMContract):
    """A small real model."""

    @pytest_asyncio.fixture
    async def llm(self, loaded: LlamaCpp) -> AsyncGenerator[LLM, None]:
        """Shared and not closed: loading takes seconds."""
        yield loaded

    def make(self) -> LLM:
        raise AssertionError("the fixture `llm` is in its place")

    async def test_closing_twice_does_no_harm(self, small_model: Path) -> None:
        llm = LlamaCpp(small_model, context=512, parallel=1)
        assert said(await whole(llm, prose_request(max_tokens=4, seconds=300.0)))
        await llm.close()
        await llm.close()
        with pytest.raises(ModelUnreachable, match="closed"):
            await whole(llm, prose_request())


@pytest.mark.llm
async def test_a_prompt_that_does_not_fit_says_which_setting_to_raise(loaded: LlamaCpp) -> None:
    request = LLMRequest(messages=(Message(role="user", text="word " * 4000),), purpose="speak", seconds=300.0)
    with pytest.raises(ContextTooSmall, match="2048") as caught:
        await whole(loaded, request)
    assert "llm.context" in caught.value.hint


@pytest.mark.llm
async def test_hanging_up_while_the_prompt_is_read_frees_the_model(loaded: LlamaCpp) -> None:
    """The long prompt would take many seconds; the next answer comes without waiting for it."""
    began = time.perf_counter()
    await whole(loaded, LONG)
    alone = time.perf_counter() - began
    fresh = LLMRequest(messages=(Message(role="user", text="stone river " * 300),), purpose="speak", max_tokens=8, seconds=300.0)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(whole(loaded, fresh), 0.2)
    began = time.perf_counter()
    assert said(await whole(loaded, prose_request(max_tokens=4, seconds=300.0)))
    assert time.perf_counter() - began < max(alone, 2.0)


@pytest.mark.llm
async def test_the_beginning_of_a_prompt_is_read_once(loaded: LlamaCpp) -> None:
    rules = Message(role="system", text="You name colours. " * 40)

    def about(thing: str) -> LLMRequest:
        return LLMRequest(messages=(rules, Message(role="user", text=thing)), purpose="speak", max_tokens=4, seconds=300.0)

    await whole(loaded, about("the sky"))
    await whole(loaded, prose_request(max_tokens=4, seconds=300.0))
    usage = (await whole(loaded, about("a lemon")))[-1].usage
    assert usage is not None
    assert usage.cached > 0.8 * usage.prompt


@pytest.mark.llm
async def test_a_truncated_file_is_told_of_at_the_first_call(small_model: Path, tmp_path: Path) -> None:
    torn = tmp_path / "torn.gguf"
    with small_model.open("rb") as file:
        torn.write_bytes(file.read(20_000_000))
    llm = LlamaCpp(torn)
    with pytest.raises(ModelFileError, match="is truncated"):
        await whole(llm, prose_request(seconds=300.0))
    await llm.close()


@pytest.mark.llm
def test_a_program_that_ends_in_the_middle_of_an_answer_ends_cleanly(small_model: Path) -> None:
    code = f"""
import asyncio
from pathlib import Path
from zhiyin.llm import LLMRequest, Message
from zhiyin.llms.llamacpp import LlamaCpp

async def main():
    llm = LlamaCpp(Path({str(small_model)!r}), context=512, parallel=1)
    stream = llm.stream(LLMRequest(messages=(Message(role="user", text="Tell a long story."),), purpose="speak", max_tokens=400))
    print((await anext(stream)) is not None)
    raise SystemExit(7)

asyncio.run(main())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=False)
    assert done.stdout == "True\n"
    assert done.returncode == 7, done.stderr


def test_batches_are_sized_to_be_stopped_within_200_ms() -> None:
    assert batch_size(100.0) == 16
    assert batch_size(1.0) == 8
    assert batch_size(100_000.0) == 512
