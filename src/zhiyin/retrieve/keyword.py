"""Lexical search: BM25 by tantivy over rjieba words, under a filter, on disk beside the catalogue's cache, changed in place.

A filter reaches the query in one of two ways, whichever is cheaper (measured at 100,000 items, see `benchmarks/retrieval.py`):
few rows, up to about 70, become a clause of the query (a set of row terms, 8 us a row); more rows are met by fetching enough of
the best hits (0.2 us each) and keeping those that pass, deeper while too few do. The worst case is a filter against the grain of
the query, under which thousands match and none of them passes: all are fetched, 2 ms of 10,000, 10 ms of 36,000.
Attributes are not indexed: a range clause would save 0.3 ms, but then every change of a price would be a change of the index.
"""

from __future__ import annotations

import json
import os
import shutil
import zlib
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from pathlib import Path
from tempfile import mkdtemp
from weakref import finalize

import numpy as np
import tantivy
from numpy.typing import NDArray

from zhiyin.errors import CacheError, SettingError
from zhiyin.text import STOP, is_cjk, plain, segment_for_search, stem, tokens

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]
Mask = NDArray[np.bool_]
Allowed = NDArray[np.bool_] | NDArray[np.integer]  # a mask over rows, or row numbers

_MAGIC = 1337
_DAMAGE = (ValueError, OSError, LookupError, TypeError)  # the last two: JSON that is not what it was
_HEAP = 64_000_000
_HITS_PER_TERM = 30.0  # hits fetched in the time that one row takes in a set of terms
_SPARE = 1.5  # fetched at first, over what a filter blind to the query would need
_DEEPER = 8  # times more hits in the next round, or all of them


def words(text: str) -> list[str]:
    """Search terms of a text: English singulars, Chinese words and, of longer ones, their parts."""
    text = plain(text)
    if not is_cjk(text):
        return [stem(t.text) for t in tokens(text)]
    return [stem(w) for w in segment_for_search(text) if w.strip() and (is_cjk(w) or w.isalnum())]


class KeywordIndex:
    """An inverted index of item texts by row. Searches see the last finished change, whole; changes come from one writer at a time."""

    def __init__(self, index: tantivy.Index, shared: Path | None = None) -> None:
        """Over an index; `shared` is where it lies if other processes read it too."""
        self._index, self._shared = index, shared
        self._own: _Folder | None = None  # of an index that is nobody else's
        self._searcher = index.searcher()

    @classmethod
    def open(cls, texts: Callable[[], Sequence[str]], path: Path | None = None, warn: Callable[[str], None] = lambda _: None) -> KeywordIndex:
        """The index kept at `path`, or a new one of these texts (in memory without a path).

        A damaged index, or one of an older layout, is built again. A new one appears at `path` only when it is complete.
        """
        if path is None:
            return cls(_built(texts(), None))
        if path.exists():
            try:
                return cls(_checked(path), path)
            except _DAMAGE:
                warn(f"the search index {path} was damaged or of an older layout; it is built again (nothing is lost)")
                shutil.rmtree(path, ignore_errors=True)
        fresh = path.with_name(f"{path.name}.{os.getpid()}.new")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(parents=True)
        _built(texts(), fresh)
        try:
            fresh.rename(path)
        except OSError:  # another process was faster: theirs is as good
            shutil.rmtree(fresh, ignore_errors=True)
        return cls(tantivy.Index(_schema(), path=str(path)), path)

    def changed(self, put: Mapping[int, str], drop: Sequence[int] = ()) -> KeywordIndex:
        """An index with texts put and rows dropped, for this process alone: searches of this one go on seeing what they saw, and what lies on disk stays as it is.

        One is changed after the other: this one is not to be changed again. Raises `CacheError` where there is no room.
        """
        other = copy(self)
        other._part()  # noqa: SLF001  # it is one of us
        other.change(put, drop)
        return other

    def _part(self) -> None:
        """Go on with a copy, where others read what is on disk."""
        if self._shared is None:
            return
        try:
            self._own = _Folder()
            shutil.copytree(str(self._shared), self._own.path, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.lock"))
        except OSError as error:
            raise CacheError(f"the search index cannot be copied for changes: {error.strerror}", hint="Make room in the folder for temporary files (TMPDIR)") from error
        self._index, self._shared = tantivy.Index(_schema(), path=self._own.path), None

    def __len__(self) -> int:
        return int(self._searcher.num_docs)

    def search(self, query: str, k: int = 10, *, allowed: Allowed | None = None) -> tuple[Rows, Floats]:
        """The best k rows that pass and their BM25, best first, shapes (m,), m <= k.

        `allowed` is a mask over rows or an array of row numbers; None lets all pass. Equal scores keep the index's order:
        by row, rows changed since the last merge behind. The same index gives the same answer.
        """
        terms = [w for w in words(query) if len(w) > 1 and w not in STOP]
        if not terms or k <= 0:
            return _nothing()
        terms = list(dict.fromkeys(terms))
        asked = tantivy.Query.boolean_query([(tantivy.Occur.Should, tantivy.Query.term_query(self._index.schema, "body", term)) for term in terms])
        searcher = self._searcher  # one state of the index through all rounds
        if allowed is None:
            return _fetched(searcher, asked, k)
        mask = _masked(allowed)
        passing = np.count_nonzero(mask)
        matches = sum(searcher.doc_freq("body", term) for term in terms)  # at most
        if passing == 0 or matches == 0:
            return _nothing()
        wanted = int(_SPARE * k * searcher.num_docs / passing) + 5 * k
        if _HITS_PER_TERM * passing < wanted:
            few = tantivy.Query.term_set_query(self._index.schema, "row", np.flatnonzero(mask).tolist())
            narrowed = tantivy.Query.boolean_query([(tantivy.Occur.Must, asked), (tantivy.Occur.Must, tantivy.Query.const_score_query(few, 0.0))])
            return _fetched(searcher, narrowed, k)
        return _passing(searcher, asked, k, mask, wanted=wanted, most=matches)

    def scores(self, query: str, size: int, *, limit: int = 400, allowed: Allowed | None = None) -> Floats:
        """BM25 over the best's, by row, shape (size,); 0 for rows that are not among the best `limit` of those allowed."""
        result = np.zeros(size)
        rows, scores = self.search(query, limit, allowed=allowed)
        known = rows < size
        result[rows[known]] = scores[known]
        best = result.max(initial=0.0)
        return result / best if best > 0 else result

    def add(self, rows: Sequence[int], texts: Sequence[str]) -> None:
        """Put texts at rows, in place of what stood there; found when the call returns, all of them or, should the process die, none."""
        self.change(dict(zip(rows, texts, strict=True)))

    def delete(self, rows: Sequence[int]) -> None:
        """Take rows out; gone when the call returns, all or none. Rows that are not there do not matter."""
        self.change({}, rows)

    def change(self, put: Mapping[int, str], drop: Sequence[int] = ()) -> None:
        """Texts to put and rows to drop in one commit. Raises `CacheError` where the index cannot be written."""
        if min((*put, *drop), default=0) < 0:
            raise SettingError(f"there is no row {min((*put, *drop))}: rows count from 0")
        try:
            writer = self._index.writer(_HEAP, 1)
            for row in (*drop, *put):
                writer.delete_documents_by_term("row", int(row))
            _write(writer, put)
        except (ValueError, OSError) as error:
            raise CacheError(f"the search index cannot be changed: {error}", hint="If another process is changing it, try again; else delete it, it is built again") from error
        self._index.reload()
        self._searcher = self._index.searcher()


class _Folder:
    """A folder for temporary files, gone with the last who holds it."""

    def __init__(self) -> None:
        self.path = mkdtemp(prefix="zhiyin-keywords-")
        finalize(self, shutil.rmtree, self.path, ignore_errors=True)


# --- searching ---


def _nothing() -> tuple[Rows, Floats]:
    return np.empty(0, dtype=np.int64), np.empty(0)


def _masked(allowed: Allowed) -> Mask:
    """The filter as a mask; of row numbers one that ends at the last of them."""
    if allowed.dtype == np.bool_:
        return np.asarray(allowed, dtype=np.bool_)
    rows = allowed.astype(np.int64, copy=False)
    mask = np.zeros(int(rows.max(initial=-1)) + 1, dtype=np.bool_)
    mask[rows] = True
    return mask


def _fetched(searcher: tantivy.Searcher, query: tantivy.Query, count: int) -> tuple[Rows, Floats]:
    """The best hits. Rows are read from their column in one call; counting all matches would forbid skipping the hopeless ones."""
    hits = searcher.search(query, min(count, max(1, searcher.num_docs)), count=False).hits
    rows = np.array(searcher.fast_field_values("row", [address for _, address in hits]), dtype=np.int64)
    return rows, np.array([score for score, _ in hits], dtype=np.float64)


def _passing(searcher: tantivy.Searcher, query: tantivy.Query, k: int, mask: Mask, *, wanted: int, most: int) -> tuple[Rows, Floats]:
    """The best hits that pass: deeper by as much as the last round fell short, until there are k or all `most` were seen."""
    while True:
        rows, scores = _fetched(searcher, query, min(wanted, most))
        inside = rows < len(mask)
        inside[inside] = mask[rows[inside]]
        found = int(np.count_nonzero(inside))
        if found >= k or wanted >= most:
            return rows[inside][:k], scores[inside][:k]
        deeper = int(_SPARE * k / found) + 1 if found else _DEEPER + 1
        wanted = wanted * deeper if deeper <= _DEEPER else most  # a filter against the grain of the query: look at every match


# --- writing ---


def _schema() -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    builder.add_integer_field("row", stored=False, indexed=True, fast=True)  # signed: unsigned columns refuse Python's numbers
    builder.add_text_field("body", stored=False, tokenizer_name="whitespace", index_option="freq")
    return builder.build()


def _checked(path: Path) -> tantivy.Index:
    """The index at a path. Raises one of `_DAMAGE` where it is cut short, garbled, incomplete or of another layout.

    tantivy itself looks at lengths and names only; each file of a segment ends with the CRC-32 of what stands before,
    as `body, {"crc": ...}, its length, 1337`. Reading them takes 8 ms at 100,000 items.
    """
    for file in _committed(path):  # first: tantivy panics over some damage when it opens
        content = memoryview(file.read_bytes())
        length, magic = int.from_bytes(content[-8:-4], "little"), int.from_bytes(content[-4:], "little")
        footer = json.loads(bytes(content[-8 - length : -8])) if magic == _MAGIC else {}
        if footer.get("crc") != zlib.crc32(content[: -8 - length]):
            raise ValueError(f"{file} is not as it was written")
    return tantivy.Index(_schema(), path=str(path))


def _committed(path: Path) -> list[Path]:
    """The segment files that the last commit names. Others are left of a change that died halfway, and harmless."""
    segments = json.loads((path / "meta.json").read_bytes())["segments"]
    names = {s["segment_id"].replace("-", ""): s["deletes"] and f".{s['deletes']['opstamp']}.del" for s in segments}
    files = [f for f in path.iterdir() if f.name.partition(".")[0] in names]
    return [f for f in files if f.suffix != ".del" or f.name.endswith(str(names[f.name.partition(".")[0]]))]


def _built(texts: Sequence[str], path: Path | None) -> tantivy.Index:
    # Sorted by row: equal scores come lowest row first.
    index = tantivy.Index(_schema(), path=str(path) if path else None, sort_by_field="row")
    _write(index.writer(_HEAP, 1), dict(enumerate(texts)))
    index.reload()
    return index


def _write(writer: tantivy.IndexWriter, texts: Mapping[int, str]) -> None:
    """Texts by row, in one commit; the writer is used up."""
    for row, text in texts.items():
        writer.add_document(tantivy.Document(row=int(row), body=" ".join(words(text))))
    writer.commit()
    writer.wait_merging_threads()
