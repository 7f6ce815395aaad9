"""Every error Zhiyin raises, on one page.

ZhiyinError
├── CatalogError            a catalogue or data file cannot be used
│   ├── EmptyCatalog        no row of the file could be read
│   └── UnreadableFile      missing, truncated or in a format nobody knows
├── PackError               a domain pack is missing or broken
├── StoreError              the event log cannot be opened, read or written
│   └── StoreUnreachable    the database server does not answer, or the connection broke
├── CacheError              a cached file is damaged (it can be deleted)
├── DataPackError           an opt-in data pack cannot be added or verified
├── SettingError            a setting or URL means nothing to us
├── ModelError              a language model cannot answer; the turn is answered without it
│   ├── ModelUnreachable    nobody answers at the address, or the connection broke
│   ├── ModelRefused        the server says no: a wrong key, a model it does not have, a request it does not take
│   ├── ModelFileError      a model's file is missing, truncated, not what its sha256 says, or not a model
│   ├── ContextTooSmall     the prompt does not fit into the model's context
│   ├── ModelTooSlow        the deadline passed
│   ├── ModelBusy           too many wait already
│   ├── ModelResting        it failed too often just now and is left alone for a while
│   ├── BudgetSpent         the tokens or the money of a turn, a session or a day are used up
│   └── UnreadableAnswer    the answer is not what was asked for
├── PromptError             a prompt file is missing or broken
└── ControlError            a `/` control of the chat that cannot be followed

`retryable` says whether the same call may succeed later; the hint, when there is one, names the next step.
"""

from __future__ import annotations


class ZhiyinError(Exception):
    """The base of everything Zhiyin raises on purpose."""

    retryable = False

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint
        if hint:
            self.add_note(hint)


class CatalogError(ZhiyinError):
    """A catalogue or data file cannot be used."""


class EmptyCatalog(CatalogError):
    """No row of the file could be read."""


class UnreadableFile(CatalogError):
    """A file is missing, truncated or in a format nobody knows."""


class PackError(ZhiyinError):
    """A domain pack is missing or broken; the message names the file and the key."""


class StoreError(ZhiyinError):
    """The event log cannot be opened, read or written."""

    retryable = True


class StoreUnreachable(StoreError):
    """The database server does not answer, or the connection broke; it is tried again with the next call."""


class CacheError(ZhiyinError):
    """A cached file is damaged; deleting it loses nothing."""


class DataPackError(ZhiyinError):
    """An opt-in data pack cannot be added or verified."""

    retryable = True


class SettingError(ZhiyinError):
    """A setting or URL means nothing to us."""


class ControlError(ZhiyinError):
    """A `/` control of the chat that cannot be followed."""


class ModelError(ZhiyinError):
    """A language model cannot answer. `code` names the notice that the user gets."""

    code = "model_down"


class ModelUnreachable(ModelError):
    """Nobody answers at the address, or the connection broke."""

    retryable = True


class ModelRefused(ModelError):
    """The server says no: a wrong key, a model it does not have, a request it does not take."""

    code = "model_refused"


class ModelFileError(ModelError):
    """A model's file is missing, truncated, not what its sha256 says, or not a model."""

    code = "model_file"


class ContextTooSmall(ModelError):
    """The prompt does not fit into the model's context."""

    code = "model_context"


class ModelTooSlow(ModelError):
    """The deadline passed before the answer was complete."""

    code = "model_slow"
    retryable = True


class ModelBusy(ModelError):
    """Too many wait for the model already."""

    code = "model_busy"
    retryable = True


class ModelResting(ModelError):
    """It failed too often just now and is left alone for a while."""

    retryable = True


class BudgetSpent(ModelError):
    """The tokens or the money of a turn, a session or a day are used up."""

    code = "model_budget"


class UnreadableAnswer(ModelError):
    """The answer is not what was asked for: no JSON, the wrong type, or nothing."""

    code = "model_unreadable"


class PromptError(ZhiyinError):
    """A prompt file is missing or broken; the message names the file and what is wrong."""
