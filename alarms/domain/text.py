"""A sentence for people, in the two languages that tocsin speaks in Slack."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Language(StrEnum):
    """Language of the Slack texts of one stage."""

    EN = "en"
    KO = "ko"


@dataclass(frozen=True, slots=True)
class Text:
    """One sentence in English and Korean. Both are plain text: renderers escape them."""

    en: str
    ko: str

    def in_(self, language: Language) -> str:
        """Return the sentence in ``language``."""
        return self.ko if language is Language.KO else self.en

    def to_document(self) -> dict[str, str]:
        """Return ``{"en", "ko"}``, as stored and sent."""
        return {"en": self.en, "ko": self.ko}

    @staticmethod
    def from_document(document: Any) -> Text:
        """Read what ``to_document`` wrote."""
        return Text(en=str(document["en"]), ko=str(document["ko"]))
