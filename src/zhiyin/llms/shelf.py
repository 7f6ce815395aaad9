"""The shelf of model files: added from a file or an address, checked before they get their name, found by name."""

from __future__ import annotations

import difflib
import hashlib
import os
import re
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from urllib import request
from urllib.error import HTTPError

from pydantic import TypeAdapter, ValidationError

from zhiyin.errors import ModelFileError, ModelRefused, ModelUnreachable, SettingError
from zhiyin.llms.gguf import Header, read_header

Progress = Callable[[str, int, int], None]  # what is under way ("downloading", "checking"), bytes done, bytes in all (0: unknown)
_PIECE = 1 << 18
_SPARE = 64_000_000  # bytes of the disk that are left alone
_TRIES = 3  # resumed ones, in one call


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelved:
    """A model on the shelf. What was put there by hand has no sum, origin and date."""

    name: str
    path: Path
    size: int  # bytes
    header: Header = field(default_factory=Header)
    sha256: str = ""
    origin: str = ""  # the file or the address that it came from
    added: str = ""  # RFC 3339
    trouble: str = ""  # why it cannot be used


_CARD = TypeAdapter(Shelved)


def shelf(folder: Path) -> tuple[Shelved, ...]:
    """The models of a shelf by name; broken ones and unfinished downloads with their trouble."""
    return tuple(_shelved(path) for path in sorted([*folder.glob("*.gguf"), *folder.glob("*.part")]) if path.is_file())


def find(folder: Path, name_or_path: str) -> Path:
    """The file of a model: a path that exists as it is, else the shelved model of that name."""
    path = Path(name_or_path).expanduser()
    if path.is_file():
        return path
    path = _file(folder, name_or_path.removesuffix(".gguf"))
    if path.is_file():
        return path
    raise _unknown(name_or_path, [path.stem for path in folder.glob("*.gguf")])


def add_file(folder: Path, path: Path, *, now: datetime, name: str | None = None, sha256: str | None = None, progress: Progress = lambda *_: None) -> Shelved:
    """The model of a file, on the shelf: a hard link where the disk allows, else a copy. The same file again is no error.

    Raises `ModelFileError` and leaves nothing behind where the file is missing, foreign, truncated, or not what `sha256` says.
    """
    source = path.expanduser().resolve()  # a link on the shelf would die with what it points to
    if not source.is_file():
        raise ModelFileError(f"{path} {'is a folder' if source.is_dir() else 'does not exist'}", hint="Name a GGUF file: zhiyin model add FILE.gguf")
    name, wanted = _checked_name(name or path.name), _checked_sum(sha256) if sha256 else ""
    read_header(source, str(path))
    if _file(folder, name).exists():
        return _already(folder, name, wanted or _sum(source, progress), progress)
    part = _file(folder, name, "adding")
    try:
        _link_or_copy(source, part)
        return _shelve(part, Shelved(name=name, path=_file(folder, name), size=0, sha256=wanted, origin=str(source), added=now.isoformat()), str(path), progress)
    finally:
        part.unlink(missing_ok=True)


def add_address(
    folder: Path, url: str, sha256: str | None, name: str | None = None, progress: Progress = lambda *_: None, *, now: datetime, timeout: float = 30.0, pause: float = 1.0
) -> Shelved:
    """The model at an http(s) address, on the shelf. A broken download is resumed, `_TRIES` times at once, and later by the same call.

    Raises `SettingError`, `ModelRefused` or `ModelUnreachable`; `ModelFileError` where the disk is too small or the file is another, which is deleted then.
    """
    shown = _plain(url)
    wanted, name = _checked_sum(sha256), _checked_name(name or shown.rpartition("/")[2])
    if _file(folder, name).exists():
        return _already(folder, name, wanted, progress)
    folder.mkdir(parents=True, exist_ok=True)
    part = _file(folder, name, "part")
    _Download(url, part, progress, timeout).run(pause)
    try:
        return _shelve(part, Shelved(name=name, path=_file(folder, name), size=0, sha256=wanted, origin=shown, added=now.isoformat()), shown, progress)
    except ModelFileError:
        part.unlink(missing_ok=True)
        raise


def remove(folder: Path, name: str) -> int:
    """How many bytes went: the model's file, or what is there of a broken download."""
    name = name.removesuffix(".gguf")
    gone = [path for path in (_file(folder, name), _file(folder, name, "part"), _file(folder, name, "adding")) if path.exists() and path.parent == folder]
    if not gone:
        raise _unknown(name, [s.name for s in shelf(folder)])
    size = sum(path.stat().st_size for path in gone)
    for path in (*gone, _file(folder, name, "json")):
        path.unlink(missing_ok=True)
    return size


def _file(folder: Path, name: str, ending: str = "gguf") -> Path:
    return folder / f"{name}.{ending}"


def _unknown(name: str, names: list[str]) -> ModelFileError:
    near = [known for known in names if name in known][:3] or difflib.get_close_matches(name, names, n=3, cutoff=0.4)
    return ModelFileError(f"no model {name!r} is on the shelf" + (f"; near are {', '.join(near)}" if near else ""), hint="See: zhiyin model list")


def _checked_name(name: str) -> str:
    name = name.removesuffix(".gguf")
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}", name):
        raise SettingError(f"{name!r} cannot be a model's name: letters, digits and . _ - only", hint="Give one with --name NAME")
    return name


def _checked_sum(sha256: str | None) -> str:
    if not re.fullmatch(r"[0-9a-fA-F]{64}", sha256 or ""):
        message = f"{sha256!r} is no sha256" if sha256 else "a model from the network needs its sha256: without it nobody can tell whether the file is the one that was meant"
        raise SettingError(message, hint="Add --sha256 HEX, the 64 hexadecimal digits that the model's publisher gives")
    return (sha256 or "").lower()


def _shelved(path: Path) -> Shelved:
    """The model of a file: by its card where that is of this file, else by its header."""
    name, size = path.stem, path.stat().st_size
    if path.suffix == ".part":
        return Shelved(name=name, path=path, size=size, trouble="is an unfinished download; the same command goes on with it")
    with suppress(OSError, ValidationError):  # no card, or no card of ours
        card = replace(_CARD.validate_json(path.with_name(f"{name}.json").read_bytes()), name=name, path=path)
        return card if card.size == size else replace(card, size=size, trouble=f"has {size:,} bytes and had {card.size:,} when it was added")
    try:
        return Shelved(name=name, path=path, size=size, header=read_header(path, name))
    except (ModelFileError, OSError) as error:
        return Shelved(name=name, path=path, size=size, trouble=str(error))


def _already(folder: Path, name: str, sha256: str, progress: Progress) -> Shelved:
    """The model of that name, if it is the same file."""
    there = _shelved(_file(folder, name))
    if (there.sha256 if there.sha256 and not there.trouble else _sum(there.path, progress)) != sha256:
        raise ModelFileError(f"{name} is on the shelf already, and is another file", hint=f"Choose another name with --name, or first: zhiyin model remove {name}")
    _write_card(there := replace(there, sha256=sha256, header=read_header(there.path, name), trouble=""))
    return there


def _shelve(part: Path, model: Shelved, shown: str, progress: Progress) -> Shelved:
    """Check a file that lies ready and give it its name; its card is there before it is."""
    found = _sum(part, progress)
    if model.sha256 and found != model.sha256:
        raise ModelFileError(f"{shown} is not the file that was meant: its sha256 is {found}, expected {model.sha256}", hint="Nothing was added; check the sum")
    model = replace(model, sha256=found, size=part.stat().st_size, header=read_header(part, shown))
    with part.open("rb") as file:
        os.fsync(file.fileno())
    _write_card(model)
    part.replace(model.path)
    return model


def _write_card(model: Shelved) -> None:
    fresh = model.path.with_name(f"{model.name}.json.new")
    fresh.write_bytes(_CARD.dump_json(model, indent=1, exclude={"trouble"}))
    fresh.replace(model.path.with_name(f"{model.name}.json"))


def _sum(path: Path, progress: Progress) -> str:
    digest, done, size = hashlib.sha256(), 0, path.stat().st_size
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            digest.update(piece)
            done += len(piece)
            progress("checking", done, size)
    return digest.hexdigest()


def _link_or_copy(source: Path, part: Path) -> None:
    part.parent.mkdir(parents=True, exist_ok=True)
    part.unlink(missing_ok=True)
    try:
        os.link(source, part)
    except OSError:  # another disk, or one without hard links
        _room(part.parent, source.stat().st_size)
        shutil.copyfile(source, part)


def _room(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if needed + _SPARE > free:
        raise ModelFileError(f"{needed / 1e6:,.0f} MB are to go to {folder}, where {free / 1e6:,.0f} MB are free", hint="Make room, or set another folder with ZHIYIN_DATA")


def _plain(url: str) -> str:
    """The address without what may be secret in it."""
    found = re.fullmatch(r"(https?://[^/?#@\s]+/[^?#\s]+)(\?\S*)?", url)
    if not found:
        raise SettingError(f"{re.sub(r'//[^/]*@|[?].*', '//', url)!r} is no address of a file: http:// or https://, without a user's name in it")
    return found[1]


class _Broken(Exception):
    """The line broke; what came is kept."""


@dataclass(frozen=True, slots=True)
class _Download:
    url: str
    part: Path
    progress: Progress
    timeout: float

    def run(self, pause: float) -> None:
        """Have the whole file in the part, or raise."""
        for left in range(_TRIES, -1, -1):
            try:
                self._go_on()
            except _Broken as error:
                if not left:
                    raise ModelUnreachable(f"{_plain(self.url)} broke off {_TRIES + 1} times: {error}", hint="What came is kept; the same command goes on from there") from error
                time.sleep(pause)
            else:
                break

    def _go_on(self) -> None:
        have = self.part.stat().st_size if self.part.exists() else 0
        answer = self._ask(have)
        if answer is None:  # nothing is left to send: the sum will tell
            return
        with answer:
            done = have if answer.status == 206 else 0
            coming = int(answer.headers.get("Content-Length") or 0)
            total = done + coming
            _room(self.part.parent, coming)
            with self.part.open("ab" if done else "wb") as file:
                while piece := self._piece(answer):
                    file.write(piece)
                    done += len(piece)
                    self.progress("downloading", done, total if coming else 0)
        if done < total:
            raise _Broken("it closed early")

    def _ask(self, have: int) -> HTTPResponse | None:
        headers = {"User-Agent": "zhiyin", **({"Range": f"bytes={have}-"} if have else {})}
        try:
            answer: HTTPResponse = _opener().open(request.Request(self.url, headers=headers), timeout=self.timeout)  # noqa: S310  # the opener knows http and https only
        except HTTPError as error:
            error.close()
            if error.code == 416 and have:
                return None
            raise ModelRefused(f"{_plain(self.url)} answers {error.code} {error.reason}", hint="Check the address; behind a login, download the file by other means") from error
        except (OSError, HTTPException, ValueError) as error:  # ValueError: of an address that no server can have
            if have:
                raise _Broken(str(error)) from error
            raise ModelUnreachable(f"{_plain(self.url)} cannot be reached: {error}", hint="Check the address and the network, then run the same command again") from error
        return answer

    @staticmethod
    def _piece(answer: HTTPResponse) -> bytes:
        try:
            return answer.read(_PIECE)
        except (OSError, HTTPException) as error:  # of the line; writing to the disk is not in here
            raise _Broken(str(error) or type(error).__name__) from error


def _opener() -> request.OpenerDirector:
    """Opens http and https, and follows to nothing else."""
    opener = request.OpenerDirector()
    for part in (request.ProxyHandler, request.HTTPHandler, request.HTTPSHandler, request.HTTPRedirectHandler, request.HTTPDefaultErrorHandler, request.HTTPErrorProcessor):
        opener.add_handler(part())
    opener.add_handler(request.UnknownHandler())
    return opener
