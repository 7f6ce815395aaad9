"""Lexical search: BM25 by tantivy over rjieba words, kept on disk beside the catalogue's cache."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import tantivy
from numpy.typing import NDArray

from zhiyin.text import STOP, is_cjk, plain, segment_for_search, stem, tokens

Floats = NDArray[np.float64]
_HEAP = 64_000_000


def words(text: str) -> list[str]:
    """Search terms of a text: English singulars, Chinese words and, of longer ones, their parts."""
    text = plain(text)
    if not is_cjk(text):
        return [stem(t.text) for t in tokens(text)]
    return [stem(w) for w in segment_for_search(text) if w.strip() and (is_cjk(w) or w.isalnum())]


class KeywordIndex:
    """An inverted index of item texts by row."""

    def __init__(self, index: tantivy.Index) -> None:
        self._index = index
        self._searcher = index.searcher()

    @classmethod
    def open(cls, texts: Callable[[], Sequence[str]], path: Path | None = None, warn: Callable[[str], None] = lambda _: None) -> KeywordIndex:
        """The index kept at `path`, or a new one of these texts (in memory without a path)."""
        if path is not None and (path / "meta.json").is_file():
            try:
                return cls(tantivy.Index.open(str(path)))
            except (ValueError, OSError):
                warn(f"the search index {path} was damaged; it is built again (nothing is lost)")
                shutil.rmtree(path, ignore_errors=True)
        if path is not None:
            path.mkdir(parents=True, exist_ok=True)
        index = tantivy.Index(_schema(), path=str(path) if path else None)
        writer = index.writer(_HEAP, 1)
        for row, text in enumerate(texts()):
            writer.add_document(tantivy.Document(row=row, body=" ".join(words(text))))
        writer.commit()
        writer.wait_merging_threads()
        index.reload()
        return cls(index)

    def scores(self, query: str, size: int, *, limit: int = 400) -> Floats:
        """BM25 over the best's, by row, shape (size,); 0 for rows not among the best `limit`."""
        result = np.zeros(size)
        terms = [w for w in words(query) if len(w) > 1 and w not in STOP]
        if not terms:
            return result
        parsed = tantivy.Query.boolean_query([(tantivy.Occur.Should, tantivy.Query.term_query(self._index.schema, "body", term)) for term in dict.fromkeys(terms)])
        hits = self._searcher.search(parsed, limit).hits
        for score, address in hits:
            result[self._searcher.doc(address)["row"][0]] = score
        best = result.max()
        return result / best if best > 0 else result


def _schema() -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    builder.add_unsigned_field("row", stored=True, indexed=False, fast=False)
    builder.add_text_field("body", stored=False, tokenizer_name="whitespace", index_option="freq")
    return builder.build()
