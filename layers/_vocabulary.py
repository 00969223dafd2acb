"""Words in two languages: labels, and the closed vocabularies of the standards."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

Language = Literal["zh", "en"]

UNKNOWN = "未知"


@dataclass(frozen=True)
class Label:
    """One thing's name in Chinese and in English."""

    zh: str
    en: str

    def in_(self, language: Language) -> str:
        """Return the name in the reader's language."""
        return self.zh if language == "zh" else self.en


@dataclass(frozen=True)
class Term:
    """One word of a vocabulary: `code` is what the database stores.

    `colour` is how maps and legends draw it (hex RGB), `aliases` are other spellings that files use for it.
    """

    code: str
    en: str
    zh: str = ""
    colour: str = ""
    aliases: tuple[str, ...] = ()

    @property
    def label(self) -> Label:
        """The word as people read it; the stored code where no other Chinese is given."""
        return Label(self.zh or self.code, self.en)


UNKNOWN_TERM = Term(UNKNOWN, "unknown", colour="#8a8f98", aliases=("unknown", "不详", "无", "-"))


@dataclass(frozen=True)
class Vocabulary:
    """A closed list of terms in their natural order; `source` names the standard and clause they come from.

    Every vocabulary ends with 未知 (unknown): what a source file lacks is said to be unknown, never guessed.
    """

    source: str
    terms: tuple[Term, ...]
    _by_spelling: Mapping[str, Term] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        spellings: dict[str, Term] = {}
        terms = self.terms if UNKNOWN in {t.code for t in self.terms} else (*self.terms, UNKNOWN_TERM)
        for term in terms:
            if term.code in {t.code for t in spellings.values()}:
                raise ValueError(f"the vocabulary of {self.source!r} has the term {term.code!r} twice")
            for spelling in (term.code, term.label.zh, term.en, *term.aliases):
                spellings.setdefault(spelling.casefold(), term)
        object.__setattr__(self, "terms", terms)
        object.__setattr__(self, "_by_spelling", spellings)

    def __iter__(self) -> Iterator[Term]:
        return iter(self.terms)

    def __contains__(self, code: object) -> bool:
        return code in self.codes

    def __getitem__(self, code: str) -> Term:
        return {t.code: t for t in self.terms}[code]

    @cached_property
    def codes(self) -> tuple[str, ...]:
        """What the database may hold, in order."""
        return tuple(t.code for t in self.terms)

    def find(self, spelling: str) -> Term | None:
        """Return the term that a file spells this way (code, Chinese, English or alias, any case), or None."""
        return self._by_spelling.get(spelling.strip().casefold())
