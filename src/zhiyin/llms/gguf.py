"""The header of a GGUF file: what it says of itself, and whether the file is whole."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import BinaryIO

from zhiyin.errors import ModelFileError

MAGIC = b"GGUF"
_LEAST = 1_000_000  # bytes; no model is smaller
_LONGEST = 1 << 24  # bytes of one text of a header; chat templates have 10,000
_ABSURD = 1 << 44  # bytes no model file has: a header that asks for more was not written by anybody
_DIMENSIONS, _DEPTH = 8, 3  # of a tensor, of lists in lists, at most
_TEXT, _ARRAY = 8, 9  # kinds of values
_FIXED = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "I", 7: "?", 10: "Q", 11: "q", 12: "Q"}  # and these, for struct; fractions as bits, nobody asks for one
# Bytes of 256 values in each of ggml's types of tensors; of a type we do not know (0) only the offset is checked.
_WIDTHS = [int(n) for n in "1024 512 144 160 0 0 176 192 272 0 84 110 144 176 210 0 66 74 98 50 144 110 82 136 256 512 1024 2048 2048 56 512 0 0 0 54 66 0 0 0 136".split()]
_QUANTISATIONS = (  # llama.cpp's `general.file_type`, from 0
    "F32 F16 Q4_0 Q4_1 - - - Q8_0 Q5_0 Q5_1 Q2_K Q3_K_S Q3_K_M Q3_K_L Q4_K_S Q4_K_M Q5_K_S Q5_K_M Q6_K IQ2_XXS IQ2_XS Q2_K_S IQ3_XS IQ3_XXS IQ1_S IQ4_NL IQ3_S IQ3_M IQ2_S IQ2_M "
    "IQ4_XS IQ1_M BF16 - - - TQ1_0 TQ2_0 MXFP4"
).split()


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What a GGUF file says of itself; empty and 0 where it does not say."""

    architecture: str = ""
    context: int = 0  # tokens it was made for
    parameters: int = 0
    label: str = ""  # its size in words: "0.5B"
    quantisation: str = ""  # "Q4_K_M"


def read_header(path: Path, shown: str = "") -> Header:
    """What a whole GGUF file says of itself. Raises `ModelFileError` for a foreign, truncated or damaged file, `shown` being what to call it."""
    with path.open("rb") as file:
        return _Gguf(file, path.stat().st_size, shown or str(path)).header()


class _Gguf:
    """Reads on in a GGUF file and never past its end."""

    def __init__(self, file: BinaryIO, size: int, shown: str) -> None:
        self._file, self._size, self._shown, self._at = file, size, shown, 0
        self._words: dict[str, str] = {}
        self._counts: dict[str, int] = {}

    def header(self) -> Header:
        """What the file says, once it is known to be whole."""
        beginning = self._file.read(24)
        if not beginning.startswith(MAGIC):
            raise ModelFileError(f"{self._shown} is not a GGUF file", hint=f"It begins with {beginning!r}" if beginning else "It is empty")
        self._at = self._file.seek(len(MAGIC))
        version = self._number("I")
        if version not in {2, 3}:
            raise ModelFileError(f"{self._shown} is a GGUF file of version {version}; 2 and 3 (little-endian) can be read")
        tensors, pairs = self._number("Q"), self._number("Q")
        self._need(pairs * 13 + tensors * 24)  # the least each takes
        for _ in range(pairs):
            key = self._text()
            self._value(key, self._number("I"))
        parameters = self._tensors(tensors)
        if not tensors or self._size < _LEAST or self._counts.get("split.count", 1) > 1:
            raise ModelFileError(f"{self._shown} is not a whole model: {self._size:,} bytes, {tensors} tensors, {self._counts.get('split.count', 1)} parts")
        architecture, kind = self._words.get("general.architecture", ""), self._counts.get("general.file_type", -1)
        context, label = self._counts.get(f"{architecture}.context_length", 0), self._words.get("general.size_label", "")
        quantisation = _QUANTISATIONS[kind] if 0 <= kind < len(_QUANTISATIONS) else ""
        return Header(architecture=architecture, context=context, parameters=parameters, label=label, quantisation=quantisation)

    def _tensors(self, count: int) -> int:
        """The number of parameters; raises where the file ends before the last tensor does."""
        parameters = end = 0
        for _ in range(count):
            self._text()
            dims = [self._number("Q") for _ in range(min(self._number("I"), _DIMENSIONS))]
            kind, offset = self._number("I"), self._number("Q")
            parameters += prod(dims)
            end = max(end, offset + prod(dims) * (_WIDTHS[kind] if kind < len(_WIDTHS) else 0) // 256)
        alignment = self._counts.get("general.alignment", 0) or 32
        self._at += -self._at % alignment
        self._need(end)
        return parameters

    def _need(self, count: int) -> None:
        least = self._at + count
        if least > _ABSURD:
            raise ModelFileError(f"{self._shown} is damaged: its header makes no sense at byte {self._at:,}", hint="Download or copy it again")
        if least > self._size:
            raise ModelFileError(f"{self._shown} is truncated: {self._size:,} bytes, its header says at least {least:,}", hint="Download or copy it again")

    def _take(self, count: int) -> bytes:
        self._need(count)
        self._at += count
        return self._file.read(count)

    def _number(self, code: str) -> int:
        number: int = struct.unpack("<" + code, self._take(struct.calcsize("<" + code)))[0]
        return number

    def _text(self) -> str:
        length = self._number("Q")
        self._need(length if length <= _LONGEST else _ABSURD + 1)
        return self._take(length).decode("utf-8", "replace")

    def _value(self, key: str, kind: int, depth: int = _DEPTH) -> None:
        """Read a value and keep it, except lists and what is in them."""
        if kind == _TEXT:
            self._words[key] = self._text()
        elif kind in _FIXED:
            self._counts[key] = self._number(_FIXED[kind])
        elif kind == _ARRAY and depth:
            inner, count = self._number("I"), self._number("Q")
            self._need(count * struct.calcsize("<" + _FIXED.get(inner, "Q")))
            if inner in _FIXED:
                self._at = self._file.seek(self._at + count * struct.calcsize("<" + _FIXED[inner]))
            for _ in range(0 if inner in _FIXED else count):
                self._value("", inner, depth - 1)
        else:
            self._need(_ABSURD + 1)
