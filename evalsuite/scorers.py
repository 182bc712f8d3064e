"""From a reply to a score, and from two scores to a win, a tie or a loss. Pure."""

from collections.abc import Sequence

from evalsuite.model import LogLikelihood
from evalsuite.rules import Answer, Rule
from feedback.words import Word


class Scored(Word):
    """A reply's score between 0 and 1, and what the rules that it didn't fully meet had asked for."""

    score: float
    lost: tuple[str, ...] = ()


def score_reply(reply: str, rules: Sequence[Rule]) -> Scored:
    """The rules' grades, averaged by weight. An empty reply scores 0 whatever the rules say."""
    if not reply.strip():
        return Scored(score=0.0, lost=("is empty",))
    answer = Answer(reply=reply)
    grades = [rule.grade(answer) for rule in rules]
    total = sum(grade * rule.weight for grade, rule in zip(grades, rules, strict=True))
    lost = tuple(rule.label or rule.asks for grade, rule in zip(grades, rules, strict=True) if grade < 1.0)
    return Scored(score=min(1.0, total / sum(rule.weight for rule in rules)), lost=lost)


def contest(ours: float, theirs: float, tie_margin: float) -> tuple[float, float]:
    """(1, 0) for a win, (0, 1) for a loss and a half each when the two are within the margin of each other."""
    if abs(ours - theirs) <= tie_margin:
        return 0.5, 0.5
    return (1.0, 0.0) if ours > theirs else (0.0, 1.0)


def margin_per_token(chosen: LogLikelihood, rejected: LogLikelihood) -> float:
    """How much likelier a token of the chosen reply is than one of the rejected, in nats; above 0 is right.

    Normalised by length, because the plain sum finds nearly any shorter reply likelier and so measures length, not
    preference (Meng et al., SimPO, 2024; the `acc_norm` of common evaluation harnesses).
    """
    return chosen.per_token - rejected.per_token


def margin(chosen: LogLikelihood, rejected: LogLikelihood) -> float:
    """How much likelier the whole chosen reply is than the rejected, in nats.

    Its growth from one model to another is DPO's implicit reward margin with the other model as the reference
    (Rafailov et al., 2023, equation 5 with beta 1): the replies are the same, so their lengths cancel.
    """
    return chosen.logprob - rejected.logprob
