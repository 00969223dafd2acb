"""Passwords: Argon2id hashes, and what a password must be (NIST SP 800-63B-4, 3.1.1.2)."""

from __future__ import annotations

import os
import unicodedata
from threading import BoundedSemaphore

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from gis_service.errors import UsageError

LEAST, MOST = 10, 256
"""Characters of a password."""

_COMMON = frozenset(
    """
    1234567890 12345678910 123456789a 0123456789 9876543210 1111111111 0000000000 1q2w3e4r5t 1qaz2wsx3edc qwertyuiop
    qwerty1234 qwerty12345 qwerty123456 asdfghjkl; asdfghjkl1 password12 password123 password1234 passw0rd123
    p@ssw0rd123 p@ssword123 administrator admin12345 admin123456 admin@1234 admin@12345 admin@123456 root123456
    iloveyou123 woaini1314 woaini520 woaini1314520 woaini5201314 5201314520 1314520520 a123456789 a1234567890
    aa12345678 aa123456789 abc1234567 abc12345678 abc123456789 qq123456789 q123456789 z123456789 abcd123456 abcd1234567
    abcdefghij abcdefghijk 1234567890a 123456789q 1234554321 1122334455 1357924680 147258369a 1472583690 welcome123
    changeme123 letmein123 huawei@123 huawei12#$ test123456 user123456 guest12345 gis1234567 gis12345678 postgres123
    """.split()  # noqa: SIM905 - as words they can be read
)
"""The commonest of this length, in small letters."""

_HASHER = PasswordHasher()
_AT_ONCE = BoundedSemaphore(os.cpu_count() or 1)
"""A hash takes 64 MiB and a core for some time: no more of them at once than there are cores."""


def hashed(password: str) -> str:
    """Return a password as the database keeps it."""
    with _AT_ONCE:
        return _HASHER.hash(normal(password))


_OF_NOBODY = _HASHER.hash(os.urandom(16))


def fits(password: str, stored: str | None) -> bool:
    """Say whether a password is the stored one; without one it takes as long, so that nobody learns who there is."""
    with _AT_ONCE:
        try:
            return _HASHER.verify(stored or _OF_NOBODY, normal(password)) and stored is not None
        except (VerificationError, InvalidHashError):
            return False


def is_outdated(stored: str) -> bool:
    """Say whether a hash was made with other parameters than those of today."""
    return _HASHER.check_needs_rehash(stored)


def require_good(password: str, name: str, title: str = "") -> None:
    """Refuse a password that is soon guessed.

    Raises
    ------
    UsageError
        With the rule that it breaks.
    """
    small = normal(password).casefold()
    own = [word.casefold() for word in (name, title) if len(word) > 1]
    if not LEAST <= len(password) <= MOST:
        raise _refused(f"密码须为 {LEAST} 至 {MOST} 个字符。", f"A password has {LEAST} to {MOST} characters.")
    if any(small in (word, word[::-1]) or len(small.replace(word, "")) < LEAST // 2 for word in own):
        raise _refused("密码不能由用户名或姓名构成。", "A password is not made of the user's name.")
    if small in _COMMON or len(set(small)) < LEAST // 2:
        raise _refused(
            "这个密码太常见，容易被猜中。可用几个不相干的词连成一句。",
            "This password is too common. Several words that have nothing to do with each other are a good one.",
        )


def _refused(zh: str, en: str) -> UsageError:
    return UsageError(zh, en, field="password")


def normal(password: str) -> str:
    """Return the same text for what is typed alike: keyboards differ in how they compose characters."""
    return unicodedata.normalize("NFKC", password)
