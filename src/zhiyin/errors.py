"""Every error Zhiyin raises, on one page.

ZhiyinError
├── CatalogError            a catalogue or data file cannot be used
│   ├── EmptyCatalog        no row of the file could be read
│   └── UnreadableFile      missing, truncated or in a format nobody knows
├── PackError               a domain pack is missing or broken
├── StoreError              the event log cannot be opened, read or written
├── CacheError              a cached file is damaged (it can be deleted)
├── DataPackError           an opt-in data pack cannot be added or verified
├── SettingError            a setting or URL means nothing to us
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


class CacheError(ZhiyinError):
    """A cached file is damaged; deleting it loses nothing."""


class DataPackError(ZhiyinError):
    """An opt-in data pack cannot be added or verified."""

    retryable = True


class SettingError(ZhiyinError):
    """A setting or URL means nothing to us."""


class ControlError(ZhiyinError):
    """A `/` control of the chat that cannot be followed."""
