"""The shelf of model files: what may stand on it, and what a broken line, a full disk or a wrong file leave there (nothing)."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import struct
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from zhiyin.errors import ModelFileError, ModelRefused, ModelUnreachable, SettingError
from zhiyin.llms.gguf import Header, read_header
from zhiyin.llms.shelf import add_address, add_file, find, remove, shelf

NOW = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
WEIGHTS = 1_100_000  # bytes of F32 in a tiny model


def text(words: str) -> bytes:
    return struct.pack("<Q", len(words.encode())) + words.encode()


def pair(key: str, kind: int, value: bytes) -> bytes:
    return text(key) + struct.pack("<I", kind) + value


PAIRS = (
    pair("general.architecture", 8, text("qwen2")),
    pair("general.size_label", 8, text("0.3M")),
    pair("general.file_type", 4, struct.pack("<I", 15)),
    pair("qwen2.context_length", 4, struct.pack("<I", 32768)),
    pair("qwen2.rope.freq_base", 6, struct.pack("<f", 1e6)),
    pair("tokenizer.ggml.tokens", 9, struct.pack("<IQ", 8, 2) + text("你") + text("好")),
    pair("tokenizer.ggml.scores", 9, struct.pack("<IQ", 6, 2) + struct.pack("<2f", 0, 1)),
    pair("odd.lists", 9, struct.pack("<IQ", 9, 1) + struct.pack("<IQ", 5, 1) + struct.pack("<i", -1)),
)


def gguf(*more: bytes, version: int = 3, seed: bytes = b"\0", tensors: int = 1, kind: int = 0) -> bytes:
    """A tiny whole GGUF file: a header as llama.cpp writes it and one matrix."""
    shape = struct.pack("<I2Q", 2, WEIGHTS // 4, 1)
    infos = (text("token_embd.weight") + shape + struct.pack("<IQ", kind, 0)) * tensors
    head = b"GGUF" + struct.pack("<I2Q", version, tensors, len(PAIRS) + len(more)) + b"".join([*PAIRS, *more]) + infos
    return head + b"\0" * (-len(head) % 32) + seed * WEIGHTS


TINY = gguf()


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "models"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.gguf"
    path.write_bytes(TINY)
    return path


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} if folder.is_dir() else set()


# --- headers ---


def test_a_header_tells_what_the_model_is(file: Path) -> None:
    assert read_header(file) == Header(architecture="qwen2", context=32768, parameters=WEIGHTS // 4, label="0.3M", quantisation="Q4_K_M")


def test_a_header_may_leave_everything_out(file: Path) -> None:
    head = b"GGUF" + struct.pack("<I2Q", 2, 1, 0) + text("w") + struct.pack("<I2QIQ", 2, WEIGHTS // 4, 1, 0, 0)
    file.write_bytes(head + b"\0" * (-len(head) % 32 + WEIGHTS))
    assert read_header(file) == Header(parameters=WEIGHTS // 4)


@pytest.mark.llm
def test_a_small_real_model_is_read(small_model: Path) -> None:
    header = read_header(small_model)
    assert (header.architecture, header.context, header.label, header.quantisation) == ("qwen2", 32768, "0.5B", "Q4_K_M")


@pytest.mark.parametrize("content", [b"", b"GG", b"<!DOCTYPE html><html>", b"version https://git-lfs.github.com/spec/v1\n", b"GGML" + TINY[4:]])
def test_a_foreign_file_is_not_a_gguf_file(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    with pytest.raises(ModelFileError, match="is not a GGUF file") as raised:
        read_header(file)
    assert repr(content[:15])[:-1] in raised.value.hint or raised.value.hint == "It is empty"


def test_a_file_cut_anywhere_is_truncated_and_both_sizes_are_told(file: Path) -> None:
    for kept in (7, 20, 60, 200, 400, 600, len(TINY) // 2, len(TINY) - 1):
        file.write_bytes(TINY[:kept])
        with pytest.raises(ModelFileError, match=rf"is truncated: {kept:,} bytes, its header says at least [\d,]+") as raised:
            read_header(file)
        least = int(str(raised.value).rpartition(" ")[2].replace(",", ""))
        assert kept < least <= len(TINY)
    assert least == len(TINY)


def test_a_last_tensor_of_a_type_nobody_knows_is_checked_by_its_offset(file: Path) -> None:
    file.write_bytes(gguf(kind=999)[:-1])
    assert read_header(file).architecture == "qwen2"


@pytest.mark.parametrize(
    "more",
    [
        pair("x", 77, b""),
        pair("x", 8, struct.pack("<Q", 1 << 60)),
        pair("x", 9, struct.pack("<IQ", 4, 1 << 60)),
        pair("x", 9, struct.pack("<IQ", 9, 1) * 900 + struct.pack("<IQ", 4, 0)),
    ],
    ids=["unknown kind", "endless text", "endless list", "lists in lists in lists"],
)
def test_a_header_that_makes_no_sense_is_damaged(file: Path, more: bytes) -> None:
    file.write_bytes(gguf(more))
    with pytest.raises(ModelFileError, match="is damaged"):
        read_header(file)


def test_noise_in_a_header_is_always_the_same_error(file: Path) -> None:
    for place in range(5, 700):
        with file.open("r+b") as changed:
            changed.seek(place - 1)
            changed.write(TINY[place - 1 : place] + bytes([TINY[place] ^ 0xFF]))
        try:
            read_header(file)
        except ModelFileError as error:
            assert str(file) in str(error)  # noqa: PT017  # many bytes of a header may be anything


def test_other_versions_parts_and_empty_models_are_refused_by_name(file: Path) -> None:
    for content, why in (
        (gguf(version=1), "of version 1"),
        (gguf(version=3 << 24), "little-endian"),
        (gguf(pair("split.count", 2, struct.pack("<H", 3))), "3 parts"),
        (gguf(tensors=0), "0 tensors"),
        (gguf()[: len(TINY) - WEIGHTS], "truncated"),
    ):
        file.write_bytes(content)
        with pytest.raises(ModelFileError, match=why):
            read_header(file)


# --- files ---


def test_a_file_is_put_on_the_shelf_with_what_it_is(folder: Path, file: Path) -> None:
    model = add_file(folder, file, now=NOW)
    assert shelf(folder) == (model,)
    assert (model.name, model.size, model.sha256, model.origin, model.added) == ("tiny", len(TINY), sha256(TINY), str(file), NOW.isoformat())
    assert json.loads((folder / "tiny.json").read_text(encoding="utf-8"))["sha256"] == sha256(TINY)
    assert names(folder) == {"tiny.gguf", "tiny.json"}


def test_a_file_of_the_same_disk_takes_no_room_and_a_link_is_followed(folder: Path, file: Path, tmp_path: Path) -> None:
    (tmp_path / "link.gguf").symlink_to(file)
    model = add_file(folder, tmp_path / "link.gguf", now=NOW)
    assert not model.path.is_symlink()
    assert model.path.samefile(file)
    file.unlink()
    assert read_header(model.path) == model.header


def test_where_no_link_can_be_made_the_file_is_copied(folder: Path, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise OSError("Invalid cross-device link")

    monkeypatch.setattr(os, "link", refused)
    model = add_file(folder, file, now=NOW)
    assert not model.path.samefile(file)
    assert model.path.read_bytes() == TINY
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**9, 10**9, 10**6))
    with pytest.raises(ModelFileError, match="1 MB are free"):
        add_file(folder, file, now=NOW, name="again")
    assert names(folder) == {"tiny.gguf", "tiny.json"}


def test_nothing_stays_of_a_file_that_is_not_what_was_meant(folder: Path, file: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match=f"{sha256(TINY)}, expected {'0' * 64}"):
        add_file(folder, file, now=NOW, sha256="0" * 64)
    file.write_bytes(TINY[:-1])
    with pytest.raises(ModelFileError, match="truncated"):
        add_file(folder, file, now=NOW)
    with pytest.raises(ModelFileError, match="does not exist"):
        add_file(folder, tmp_path / "none.gguf", now=NOW)
    with pytest.raises(ModelFileError, match="is a folder"):
        add_file(folder, tmp_path, now=NOW)
    assert names(folder) == set()


def test_the_same_file_again_is_no_error_and_another_under_its_name_is(folder: Path, file: Path) -> None:
    first = add_file(folder, file, now=NOW)
    assert add_file(folder, file, now=NOW) == first
    other = file.with_name("other.gguf")
    other.write_bytes(gguf(seed=b"\1"))
    with pytest.raises(ModelFileError, match="is another file") as raised:
        add_file(folder, other, now=NOW, name="tiny")
    assert "zhiyin model remove tiny" in raised.value.hint
    assert shelf(folder) == (first,)


def test_a_file_put_there_by_hand_is_shelved_and_gets_its_card_by_adding_it(folder: Path) -> None:
    folder.mkdir()
    (folder / "by-hand.gguf").write_bytes(TINY)
    (model,) = shelf(folder)
    assert (model.header.architecture, model.sha256) == ("qwen2", "")
    assert add_file(folder, folder / "by-hand.gguf", now=NOW).sha256 == sha256(TINY)
    assert shelf(folder)[0].sha256 == sha256(TINY)


@pytest.mark.parametrize("name", ["../evil", "a/b", ".hidden", "-rf", "模型", "a b", "x" * 200])
def test_a_name_is_letters_digits_and_little_else(folder: Path, file: Path, name: str) -> None:
    with pytest.raises(SettingError, match="cannot be a model's name"):
        add_file(folder, file, now=NOW, name=name)
    assert names(folder) == set()


def test_broken_files_are_listed_with_their_trouble(folder: Path, file: Path) -> None:
    add_file(folder, file, now=NOW)
    with (folder / "tiny.gguf").open("ab") as more:
        more.write(b"\0")
    (folder / "html.gguf").write_bytes(b"<html>")
    (folder / "half.part").write_bytes(TINY[:100])
    (folder / "card.gguf").write_bytes(TINY)
    (folder / "card.json").write_text("{", encoding="utf-8")
    troubles = {model.name: model.trouble for model in shelf(folder)}
    assert "not a GGUF file" in troubles["html"]
    assert "unfinished" in troubles["half"]
    assert f"had {len(TINY):,}" in troubles["tiny"]
    assert troubles["card"] == ""


def test_a_model_is_found_by_path_by_name_and_else_with_names_that_are_near(folder: Path, file: Path) -> None:
    model = add_file(folder, file, now=NOW, name="qwen2.5-0.5b")
    assert find(folder, str(file)) == file
    assert find(folder, "qwen2.5-0.5b") == find(folder, "qwen2.5-0.5b.gguf") == model.path
    for wrong in ("qwen2.5", "qwen25-05b"):
        with pytest.raises(ModelFileError, match=r"near are qwen2\.5-0\.5b") as raised:
            find(folder, wrong)
        assert "zhiyin model list" in raised.value.hint


def test_removing_leaves_nothing_and_keeps_what_it_was_linked_from(folder: Path, file: Path) -> None:
    add_file(folder, file, now=NOW)
    (folder / "half.part").write_bytes(b"x" * 10)
    assert remove(folder, "tiny") == len(TINY)
    assert remove(folder, "half") == 10
    assert names(folder) == set()
    assert file.read_bytes() == TINY
    with pytest.raises(ModelFileError, match="no model 'tiny'"):
        remove(folder, "tiny")


def test_only_what_is_on_the_shelf_can_be_removed(folder: Path, file: Path) -> None:
    folder.mkdir()
    for name in ("../tiny", str(file), str(file.with_suffix(""))):
        with pytest.raises(ModelFileError, match="is on the shelf"):
            remove(folder, name)
    assert file.read_bytes() == TINY


# --- addresses ---


@dataclass
class Site:
    """A web server of one file, and how it misbehaves."""

    content: bytes = TINY
    ranges: bool = True
    breaks: list[int] = field(default_factory=list)  # after how many bytes each of the next answers stops
    status: int = 0  # answered instead of the file
    asked: list[str] = field(default_factory=list)  # the Range of every request
    address: str = ""


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setenv("no_proxy", "*")
    site = Site()

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            site.asked.append(self.headers.get("Range", ""))
            start = int(site.asked[-1].removeprefix("bytes=").removesuffix("-") or 0) if site.ranges else 0
            if site.status or (start and start >= len(site.content)):
                self.send_error(site.status or 416)
                return
            body = site.content[start:]
            self.send_response(206 if start else 200)
            self.send_header("Content-Length", str(len(body)))
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(site.content) - 1}/{len(site.content)}")
            self.end_headers()
            self.wfile.write(body[: site.breaks.pop(0)] if site.breaks else body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        site.address = f"http://127.0.0.1:{server.server_port}/models/tiny.gguf"
        yield site
        server.shutdown()
        thread.join()


def test_a_file_comes_from_an_address_with_progress_and_its_secrets_are_not_kept(folder: Path, site: Site) -> None:
    steps: list[tuple[str, int, int]] = []
    model = add_address(folder, site.address + "?token=secret", sha256(TINY).upper(), progress=lambda *step: steps.append(step), now=NOW)
    assert (model.name, model.origin, model.sha256) == ("tiny", site.address, sha256(TINY))
    assert {name for name, _, _ in steps} == {"downloading", "checking"}
    assert steps[-1][1:] == (len(TINY), len(TINY))
    assert "secret" not in (folder / "tiny.json").read_text(encoding="utf-8")
    assert names(folder) == {"tiny.gguf", "tiny.json"}
    assert add_address(folder, site.address, sha256(TINY), now=NOW) == model
    assert len(site.asked) == 1


def test_a_download_that_breaks_off_goes_on_where_it_stopped(folder: Path, site: Site) -> None:
    site.breaks = [300_000, 200_000]
    assert add_address(folder, site.address, sha256(TINY), now=NOW, pause=0).path.read_bytes() == TINY
    assert site.asked == ["", "bytes=300000-", "bytes=500000-"]


def test_a_server_without_ranges_starts_over(folder: Path, site: Site) -> None:
    site.ranges, site.breaks = False, [300_000]
    assert add_address(folder, site.address, sha256(TINY), now=NOW, pause=0).path.read_bytes() == TINY
    assert site.asked == ["", "bytes=300000-"]


def test_after_three_more_tries_the_part_is_kept_and_the_same_call_goes_on(folder: Path, site: Site) -> None:
    site.breaks = [100_000] * 4
    with pytest.raises(ModelUnreachable, match="broke off 4 times") as raised:
        add_address(folder, site.address, sha256(TINY), now=NOW, pause=0)
    assert "kept" in raised.value.hint
    assert names(folder) == {"tiny.part"}
    assert (folder / "tiny.part").read_bytes() == TINY[:400_000]
    add_address(folder, site.address, sha256(TINY), now=NOW)
    assert site.asked[-1] == "bytes=400000-"
    assert names(folder) == {"tiny.gguf", "tiny.json"}


def test_a_part_that_is_whole_already_is_only_checked(folder: Path, site: Site) -> None:
    folder.mkdir()
    (folder / "tiny.part").write_bytes(TINY)
    add_address(folder, site.address, sha256(TINY), now=NOW)
    assert site.asked == [f"bytes={len(TINY)}-"]
    assert names(folder) == {"tiny.gguf", "tiny.json"}


@pytest.mark.parametrize("content", [gguf(seed=b"\1"), b"<html>please log in</html>"], ids=["another model", "a page"])
def test_a_wrong_file_is_deleted_and_both_sums_are_told(folder: Path, site: Site, content: bytes) -> None:
    site.content = content
    with pytest.raises(ModelFileError, match=f"{sha256(content)}, expected {sha256(TINY)}"):
        add_address(folder, site.address, sha256(TINY), now=NOW)
    assert names(folder) == set()


def test_a_part_of_another_file_ends_as_a_wrong_sum_and_then_the_file_comes_whole(folder: Path, site: Site) -> None:
    folder.mkdir()
    (folder / "tiny.part").write_bytes(b"x" * 500)
    with pytest.raises(ModelFileError, match="expected"):
        add_address(folder, site.address, sha256(TINY), now=NOW)
    assert add_address(folder, site.address, sha256(TINY), now=NOW).path.read_bytes() == TINY


def test_what_has_the_right_sum_and_is_no_model_is_no_model(folder: Path, site: Site) -> None:
    site.content = b"<html>please log in</html>"
    with pytest.raises(ModelFileError, match="is not a GGUF file"):
        add_address(folder, site.address, sha256(site.content), now=NOW)
    assert names(folder) == set()


@pytest.mark.parametrize("sum_", [None, "", "abc", "g" * 64, "0" * 63])
def test_an_address_needs_a_sum(folder: Path, site: Site, sum_: str | None) -> None:
    with pytest.raises(SettingError, match="sha256"):
        add_address(folder, site.address, sum_, now=NOW)
    assert site.asked == []


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/a.gguf", "file:///etc/passwd", "http://", "http://me:secret@127.0.0.1/a.gguf"])
def test_only_http_without_names_is_an_address(folder: Path, url: str) -> None:
    with pytest.raises(SettingError, match="is no address") as raised:
        add_address(folder, url, "0" * 64, now=NOW)
    assert "secret" not in str(raised.value)


def test_a_server_that_says_no_and_one_that_is_not_there_are_told_apart(folder: Path, site: Site) -> None:
    site.status = 404
    with pytest.raises(ModelRefused, match="answers 404"):
        add_address(folder, site.address, sha256(TINY), now=NOW)
    with pytest.raises(ModelUnreachable, match="cannot be reached"):
        add_address(folder, "http://127.0.0.1:9/tiny.gguf", sha256(TINY), now=NOW, timeout=5)
    for impossible in ("http://[/tiny.gguf", "http://127.0.0.1:port/tiny.gguf", "http://127.0.0.1/模型.gguf"):
        with pytest.raises(ModelUnreachable, match="cannot be reached"):
            add_address(folder, impossible, sha256(TINY), name="tiny", now=NOW, timeout=5)
    assert names(folder) == set()


def test_a_full_disk_is_told_before_anything_is_written(folder: Path, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**9, 10**9, 10**6))
    with pytest.raises(ModelFileError, match="1 MB are to go to"):
        add_address(folder, site.address, sha256(TINY), now=NOW)
    assert names(folder) == set()


# --- what to choose ---


def test_every_suggestion_has_a_sum_a_licence_and_words_in_both_languages() -> None:
    path = Path(__file__).parents[2] / "src" / "zhiyin" / "llms" / "suggestions.toml"
    known = tomllib.loads(path.read_text(encoding="utf-8"))
    assert "://" not in path.read_text(encoding="utf-8")
    for model in known["model"]:
        assert len(model["sha256"]) == 64
        assert model["bytes"] > 1e8
        assert model["licence"]
    for row in (*known["model"], *known["class"]):
        assert row["about"]["en"]
        assert row["about"]["zh"]
    assert all(line["en"] and line["zh"] for line in known["advice"])


@pytest.mark.llm
def test_the_small_models_row_is_true(small_model: Path) -> None:
    known = tomllib.loads((Path(__file__).parents[2] / "src" / "zhiyin" / "llms" / "suggestions.toml").read_text(encoding="utf-8"))
    (row,) = [row for row in known["model"] if row["name"] == small_model.stem]
    assert row["bytes"] == small_model.stat().st_size
    with small_model.open("rb") as file:
        assert row["sha256"] == hashlib.file_digest(file, "sha256").hexdigest()
