"""The report of a Judgement: a page to look at, a picture, and the whole evidence as JSON."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from evalsuite.examples import choose, side_by_side
from evalsuite.report import Judgement, Measure, SuiteScore, signed
from feedback.manifest import read_json, write_bytes, write_json
from feedback.words import Decision

PAGE, PICTURE, EVIDENCE = "report.html", "scores.png", "report.json"
DECISIONS = {
    Decision.PROMOTE: ("Promote", "Better on every target, and no guardrail was touched."),
    Decision.REJECT: ("Reject", "Not proven better on every target and safe on every guardrail."),
    Decision.NEEDS_LABELS: ("Needs labels", "Too little held-out data to decide."),
}


def render(judgement: Judgement, out_dir: Path) -> Path:
    """The path of the page. Beside it `scores.png`, and `report.json` (the Judgement), written last."""
    from evalsuite.pictures import as_png, before_and_after

    out_dir.mkdir(parents=True, exist_ok=True)
    write_bytes(out_dir / PICTURE, as_png(before_and_after(judgement.comparison, wide=True)))
    write_bytes(out_dir / PAGE, page(judgement).encode())
    write_json(out_dir / EVIDENCE, judgement)
    return out_dir / PAGE


def read_judgement(out_dir: Path) -> Judgement:
    """The evidence that `render` left there. NotFound when there is none, Corrupt when it's something else."""
    return read_json(out_dir / EVIDENCE, Judgement)


def page(judgement: Judgement) -> str:
    """One self-contained HTML page. What people and models wrote appears as text, whatever it contains."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["signed"] = signed
    title, gloss = DECISIONS[judgement.verdict.decision]
    return environment.get_template("report.html").render(
        judgement=judgement,
        comparison=judgement.comparison,
        verdict=judgement.verdict,
        title=title,
        gloss=gloss,
        headlines=_headlines(judgement),
        figures=_figures(judgement),
        suites=[_suite(judgement, score) for score in judgement.candidate.suites],
    )


def _headlines(judgement: Judgement) -> list[str]:
    targets = [finding.measure for finding in judgement.findings if finding.role == "target"]
    measures = {measure.name: measure for measure in judgement.comparison.measures}
    return [_headline(measures[name]) for name in targets]


def _headline(measure: Measure) -> str:
    counts = f"{measure.wins} of {measure.items}, {measure.ties} tied, {measure.losses} lost"
    return f"{measure.title}: {counts}; difference {measure.figures}."


def _suite(judgement: Judgement, score: SuiteScore) -> dict[str, object]:
    rows = side_by_side(score, judgement.incumbent.suite(score.suite))
    return {
        "score": score,
        "incumbent": judgement.incumbent.suite(score.suite),
        "examples": choose(rows) if score.kind == "taste" else None,
        "rows": rows if score.kind == "instructions" else [],
    }


def _figures(judgement: Judgement) -> list[tuple[str, str, str]]:
    """Title, caption and SVG of each picture."""
    from evalsuite import pictures

    measures = judgement.comparison.measures
    confidence = f"{judgement.comparison.confidence:.0%}"
    found = [
        (
            "Before and after",
            "Mean scores. Held-out users' prompts and pairs, and the suite's own instructions.",
            pictures.as_svg(pictures.before_and_after(judgement.comparison, wide=False), "means"),
        ),
        (
            "Differences",
            f"Point: candidate minus incumbent. Bar: {confidence} interval, resampled by user. "
            "Green and orange are clear of zero, grey is not.",
            pictures.as_svg(pictures.forest(measures), "forest"),
        ),
        (
            "Won, tied, lost",
            "Items on which the candidate did better (green), the same (grey) or worse (orange).",
            pictures.as_svg(pictures.outcomes(measures), "outcomes"),
        ),
    ]
    for score in judgement.candidate.suites:
        if score.kind == "taste" and score.items:
            figure = pictures.distribution(score, judgement.incumbent.suite(score.suite))
            caption = "Scores of fresh replies to held-out prompts; the broken lines are the means."
            found.append((f"{score.title}: all scores", caption, pictures.as_svg(figure, f"scores-{score.suite}")))
    return found
