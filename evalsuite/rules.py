"""The rules that suites are written in. Each grades one reply between 0 and 1 and says what it asks for.

Pure text in, number out. Comparison of text ignores case, width, kinds of quotation marks and runs of white space.
"""

import json
import re
import unicodedata
from functools import cached_property
from typing import Annotated, Literal

from pydantic import Field, field_validator

from feedback.words import Word

Texts = Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(min_length=1)]
Count = Annotated[int, Field(ge=1)]

QUOTES = str.maketrans({"‘": "'", "’": "'", "“": '"', "”": '"', "`": "'"})
LIST_LINE = re.compile(r"^\s*(?:[-*•–]|\d{1,2}[.)])\s+\S", re.MULTILINE)
SENTENCE_END = re.compile(r"(?<=[.!?…。！？])[\"')\]]*\s+|\n+")
NUMBER = re.compile(r"-?\d+(?:[.,]\d+)?")
REFUSALS = (
    "i can't", "i cannot", "i can not", "i'm not able", "i am not able", "i'm unable", "i am unable", "i won't",
    "i'm sorry, but", "i am sorry, but", "as an ai", "against my", "not appropriate",
)  # fmt: skip


def plain(text: str) -> str:
    """The text as rules compare it."""
    return re.sub(r"\s+", " ", unicodedata.normalize("NFKC", text).translate(QUOTES)).strip().casefold()


def words_of(text: str) -> list[str]:
    return re.findall(r"\w+(?:'\w+)*", plain(text))


def says(text: str, phrase: str) -> bool:
    """Whether the phrase occurs as whole words: '4' isn't in '14', while '北京' is in '是北京。'."""
    return re.search(rf"(?<![a-z0-9]){re.escape(plain(phrase))}(?![a-z0-9])", plain(text)) is not None


class Answer(Word):
    """A reply, taken apart once for all rules."""

    reply: str

    @cached_property
    def words(self) -> list[str]:
        return words_of(self.reply)

    @cached_property
    def sentences(self) -> list[str]:
        return [part.strip() for part in SENTENCE_END.split(self.reply) if part.strip()]


class Weighted(Word):
    """What all rules have; `label` says what this one asks for, where its own words would be too technical."""

    weight: Annotated[float, Field(gt=0)] = 1.0
    label: str = ""


class Contains(Weighted):
    """At least one of the texts occurs as whole words."""

    rule: Literal["contains"]
    any_of: Texts

    @property
    def asks(self) -> str:
        return f"says {' or '.join(map(repr, self.any_of[:3]))}"

    def grade(self, answer: Answer) -> float:
        return float(any(says(answer.reply, text) for text in self.any_of))


class ContainsAll(Weighted):
    """The share of the texts that occur."""

    rule: Literal["contains_all"]
    all_of: Texts

    @property
    def asks(self) -> str:
        return f"says all of {', '.join(map(repr, self.all_of))}"

    def grade(self, answer: Answer) -> float:
        return sum(says(answer.reply, text) for text in self.all_of) / len(self.all_of)


class Excludes(Weighted):
    """None of the texts occurs."""

    rule: Literal["excludes"]
    none_of: Texts

    @property
    def asks(self) -> str:
        return f"doesn't say {' or '.join(map(repr, self.none_of[:3]))}"

    def grade(self, answer: Answer) -> float:
        return float(not any(says(answer.reply, text) for text in self.none_of))


class OneOf(Weighted):
    """The whole reply, without quotation marks and closing punctuation, is one of the texts."""

    rule: Literal["one_of"]
    texts: Texts

    @property
    def asks(self) -> str:
        return f"is exactly {' or '.join(map(repr, self.texts[:3]))}"

    def grade(self, answer: Answer) -> float:
        return float(plain(answer.reply).strip("\"'.!?,:; *") in {plain(text) for text in self.texts})


class StartsWith(Weighted):
    rule: Literal["starts_with"]
    any_of: Texts

    @property
    def asks(self) -> str:
        return f"starts with {' or '.join(map(repr, self.any_of[:3]))}"

    def grade(self, answer: Answer) -> float:
        opening = plain(answer.reply).lstrip("\"'* ")
        return float(any(opening.startswith(plain(text)) for text in self.any_of))


class EndsWith(Weighted):
    rule: Literal["ends_with"]
    any_of: Texts

    @property
    def asks(self) -> str:
        return f"ends with {' or '.join(map(repr, self.any_of[:3]))}"

    def grade(self, answer: Answer) -> float:
        ending = plain(answer.reply).rstrip("\"'* ")
        return float(any(ending.endswith(plain(text)) for text in self.any_of))


class Matches(Weighted):
    """The regular expression is found in the reply, case ignored."""

    rule: Literal["matches"]
    pattern: str

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, pattern: str) -> str:
        try:
            re.compile(pattern)
        except re.error as error:
            raise ValueError(f"'{pattern}' is no regular expression: {error}") from error
        return pattern

    @property
    def asks(self) -> str:
        return f"matches /{self.pattern}/"

    def grade(self, answer: Answer) -> float:
        return float(re.search(self.pattern, answer.reply, re.IGNORECASE) is not None)


class MaxWords(Weighted):
    """1 up to `words`, then falling in a straight line to 0 at twice as many."""

    rule: Literal["max_words"]
    words: Count

    @property
    def asks(self) -> str:
        return f"has at most {self.words} words"

    def grade(self, answer: Answer) -> float:
        return min(1.0, max(0.0, 2.0 - len(answer.words) / self.words))


class MinWords(Weighted):
    """1 from `words` on, in proportion below."""

    rule: Literal["min_words"]
    words: Count

    @property
    def asks(self) -> str:
        return f"has at least {self.words} words"

    def grade(self, answer: Answer) -> float:
        return min(1.0, len(answer.words) / self.words)


class IsNumber(Weighted):
    """The first number in the reply is this value; with `alone`, the reply holds nothing else."""

    rule: Literal["is_number"]
    value: float
    alone: bool = False

    @property
    def asks(self) -> str:
        return f"gives the number {self.value:g}{' and nothing else' if self.alone else ''}"

    def grade(self, answer: Answer) -> float:
        found = NUMBER.search(answer.reply)
        if found is None or (self.alone and answer.reply.strip(" \n\"'*.") != found.group()):
            return 0.0
        return float(float(found.group().replace(",", ".")) == self.value)


class ListOf(Weighted):
    """A list with this many lines (bullets or numbers), or as many items between commas in a single line."""

    rule: Literal["list_of"]
    items: Count

    @property
    def asks(self) -> str:
        return f"is a list of {self.items}"

    def grade(self, answer: Answer) -> float:
        lines = len(LIST_LINE.findall(answer.reply))
        if lines == 0:
            lines = len([part for part in re.split(r",|\band\b|\n", answer.reply.strip(" .\n")) if part.strip()])
        return float(lines == self.items)


class NoList(Weighted):
    """Running text: one list line may be an accident, two are a list."""

    rule: Literal["no_list"]

    @property
    def asks(self) -> str:
        return "has no list"

    def grade(self, answer: Answer) -> float:
        return float(len(LIST_LINE.findall(answer.reply)) < 2)


class Letters(Weighted):
    """The share of letters that are in this case; all or nothing below nine tenths."""

    rule: Literal["letters"]
    case: Literal["upper", "lower"]

    @property
    def asks(self) -> str:
        return f"is in {self.case} case"

    def grade(self, answer: Answer) -> float:
        letters = [char for char in answer.reply if char.isupper() or char.islower()]
        right = sum(char.isupper() == (self.case == "upper") for char in letters)
        share = right / len(letters) if letters else 0.0
        return share if share >= 0.9 else 0.0


class JsonObject(Weighted):
    """The first {...} of the reply is a JSON object with these keys."""

    rule: Literal["json_object"]
    keys: Texts

    @property
    def asks(self) -> str:
        return f"is a JSON object with {', '.join(map(repr, self.keys))}"

    def grade(self, answer: Answer) -> float:
        found = re.search(r"\{.*\}", answer.reply, re.DOTALL)
        try:
            value = json.loads(found.group()) if found else None
        except (json.JSONDecodeError, RecursionError):
            return 0.0
        return sum(key in value for key in self.keys) / len(self.keys) if isinstance(value, dict) else 0.0


class NoRefusal(Weighted):
    """The reply doesn't decline to help."""

    rule: Literal["no_refusal"]

    @property
    def asks(self) -> str:
        return "doesn't refuse"

    def grade(self, answer: Answer) -> float:
        return float(not any(phrase in plain(answer.reply) for phrase in REFUSALS))


class NotRepetitive(Weighted):
    """The share of word triples that are new: 1 from nine tenths on, 0 from a half down."""

    rule: Literal["not_repetitive"]

    @property
    def asks(self) -> str:
        return "doesn't repeat itself"

    def grade(self, answer: Answer) -> float:
        triples = list(zip(answer.words, answer.words[1:], answer.words[2:], strict=False))
        fresh = len(set(triples)) / len(triples) if triples else 1.0
        return min(1.0, max(0.0, (fresh - 0.5) / 0.4))


class NextStep(Weighted):
    """The last sentence offers or asks for something: it has one of the phrases, or asks the reader a question."""

    rule: Literal["ends_with_next_step"]
    phrases: Texts

    @property
    def asks(self) -> str:
        return "ends with a next step"

    def grade(self, answer: Answer) -> float:
        if not answer.sentences:
            return 0.0
        last = answer.sentences[-1]
        asks_reader = (
            last.endswith("?") and len(words_of(last)) >= 3 and any(says(last, you) for you in ("you", "your"))
        )
        return float(asks_reader or any(says(last, phrase) for phrase in self.phrases))


Rule = Annotated[
    Contains | ContainsAll | Excludes | OneOf | StartsWith | EndsWith | Matches | MaxWords | MinWords | IsNumber
    | ListOf | NoList | Letters | JsonObject | NoRefusal | NotRepetitive | NextStep,
    Field(discriminator="rule"),
]  # fmt: skip
