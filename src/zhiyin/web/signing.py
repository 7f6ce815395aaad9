"""One secret of the service, made once and shared by all workers, and what is signed with it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets

from zhiyin.errors import StoreError
from zhiyin.ports import Records

KIND, KEY = "secret", "signing"
_SIGNATURE = 16  # bytes: 128 bits


async def open_secret(records: Records) -> bytes:
    """The secret of this store, made now if there is none; of two workers that start at once both get the same."""
    await records.put(KIND, KEY, secrets.token_hex(32), only_new=True)
    record = await records.get(KIND, KEY)
    if record is None or record.value is None:
        raise StoreError("the store does not keep the secret that visitors' tokens are signed with")
    return bytes.fromhex(record.value)


def sign(secret: bytes, purpose: str, message: bytes) -> bytes:
    """A signature that holds for one purpose."""
    return hmac.new(secret, purpose.encode() + b"\0" + message, hashlib.sha256).digest()[:_SIGNATURE]


def sealed(secret: bytes, purpose: str, message: bytes) -> str:
    """A message with its signature, in letters that a URL takes."""
    return base64.urlsafe_b64encode(sign(secret, purpose, message) + message).decode().rstrip("=")


def opened(secret: bytes, purpose: str, text: str) -> bytes | None:
    """The message of a sealed text; None where it was not sealed here, for this purpose."""
    try:
        raw = base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError:  # UnicodeEncodeError and binascii.Error are
        return None
    signature, message = raw[:_SIGNATURE], raw[_SIGNATURE:]
    return message if hmac.compare_digest(signature, sign(secret, purpose, message)) else None
