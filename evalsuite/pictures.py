"""The report's pictures. Each function gives one figure; `as_svg` makes it follow the page's light or dark colours.

Figures are as wide as a phone, so that their text stays readable there.
"""

import io
import re
from collections.abc import Sequence

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from evalsuite.report import Comparison, Measure, SuiteScore

INK, MUTED, RULE, GOOD, BAD, EVEN, PAPER = "#1d2329", "#68727d", "#d8dde3", "#0f7b5f", "#c2410c", "#9aa4af", "#ffffff"
COLOURS = {INK: "ink", MUTED: "muted", RULE: "rule", GOOD: "good", BAD: "bad", EVEN: "even", PAPER: "card"}
WIDTH_IN = 4.6
STYLE = {
    "font.family": "sans-serif",
    "font.size": 9.5,
    "text.color": INK,
    "axes.edgecolor": RULE,
    "axes.labelcolor": MUTED,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "text.parse_math": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "ratchet",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
}


def as_svg(figure: Figure, name: str) -> str:
    """The figure as an SVG element to put into a page; `name` keeps its ids apart from other figures'."""
    target = io.StringIO()
    with mpl.rc_context(STYLE):
        figure.savefig(target, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    svg = target.getvalue()
    svg = svg[svg.index("<svg") :]
    for colour, variable in COLOURS.items():
        svg = svg.replace(colour, f"var(--{variable})")
    svg = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{name}-", svg)
    return re.sub(r'<svg [^>]*?(viewBox="[^"]*")[^>]*>', r'<svg class="figure" role="img" \1>', svg, count=1)


def as_png(figure: Figure) -> bytes:
    target = io.BytesIO()
    with mpl.rc_context(STYLE):
        figure.savefig(target, format="png", dpi=200, facecolor=PAPER, metadata={"Software": None})
    return target.getvalue()


def verdict_colour(measure: Measure) -> str:
    """Good or bad when the interval is clear of zero, else even."""
    if measure.ci_low > 0:
        return GOOD
    return BAD if measure.ci_high < 0 else EVEN


def forest(measures: Sequence[Measure]) -> Figure:
    """Each measure's difference with its interval, around a line at zero."""
    with mpl.rc_context(STYLE):
        figure, axes = _rows(len(measures), row_in=0.62)
        reach = min(1.0, max([0.1, *(max(abs(m.ci_low), abs(m.ci_high)) for m in measures)]) * 1.08)
        axes.set_xlim(-reach, reach)
        for row, measure in enumerate(measures):
            colour = verdict_colour(measure)
            axes.plot([-reach, reach], [row, row], color=RULE, linewidth=1, zorder=0)
            axes.plot([0, 0], [row - 0.17, row + 0.17], color=MUTED, linewidth=1.2, zorder=1)
            axes.plot([measure.ci_low, measure.ci_high], [row, row], color=colour, linewidth=5, alpha=0.45)
            axes.plot([measure.difference], [row], "o", color=colour, markersize=8.5)
            _label(axes, row, measure.title, measure.figures)
        axes.set_xlabel("difference, candidate minus incumbent")
        return figure


def outcomes(measures: Sequence[Measure]) -> Figure:
    """How many items were won, tied and lost."""
    with mpl.rc_context(STYLE):
        figure, axes = _rows(len(measures), row_in=0.62)
        axes.set_xlim(0, 1)
        axes.set_xticks([])
        axes.spines["bottom"].set_visible(False)
        for row, measure in enumerate(measures):
            start = 0.0
            for count, colour in ((measure.wins, GOOD), (measure.ties, EVEN), (measure.losses, BAD)):
                share = count / max(measure.items, 1)
                axes.barh(row, share, left=start, height=0.36, color=colour, linewidth=0)
                if share > 0.05:
                    axes.text(start + share / 2, row, str(count), color=PAPER, ha="center", va="center", weight="bold")
                start += share
            _label(axes, row, measure.title, f"{measure.wins} / {measure.ties} / {measure.losses} of {measure.items}")
        return figure


def distribution(candidate: SuiteScore, incumbent: SuiteScore) -> Figure:
    """How many replies got which score, in steps of a tenth; the lines are the means."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH_IN, 2.9), layout="constrained")
        axes = figure.subplots()
        for score, colour, shift in ((incumbent, EVEN, -0.021), (candidate, GOOD, 0.021)):
            bins = [0] * 10
            for item in score.items:
                bins[min(9, int(item.score * 10))] += 1
            centres = [step / 10 + 0.05 + shift for step in range(10)]
            label = "candidate" if score is candidate else "incumbent"
            axes.bar(centres, bins, width=0.04, color=colour, label=f"{label}, mean {score.mean:.2f}", linewidth=0)
            axes.axvline(score.mean, color=colour, linewidth=1.5, linestyle=(0, (3, 2)))
        axes.set_xlim(0, 1)
        axes.set_xlabel(f"score of a reply (n = {candidate.asked} prompts)")
        axes.set_ylabel("replies")
        axes.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=5))
        axes.legend(frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=2, borderaxespad=0, labelcolor=INK)
        return figure


def before_and_after(comparison: Comparison, wide: bool) -> Figure:
    """Where each mean was under the incumbent and is under the candidate; if wide, with the difference's interval."""
    shown = [measure for measure in comparison.measures if not measure.name.endswith(("_win_rate", "_shift"))]
    with mpl.rc_context(STYLE):
        figure, axes = _rows(len(shown), row_in=0.62, width_in=6.8 if wide else WIDTH_IN)
        axes.set_xlim(-0.01, 1.01)
        for row, measure in enumerate(shown):
            colour = verdict_colour(measure)
            axes.plot([0, 1], [row, row], color=RULE, linewidth=1, zorder=0)
            axes.annotate(
                "",
                xy=(measure.candidate, row),
                xytext=(measure.incumbent, row),
                arrowprops={"arrowstyle": "-", "color": colour, "linewidth": 5, "alpha": 0.45},
            )
            axes.plot(
                [measure.incumbent], [row], "o", color=PAPER, markeredgecolor=MUTED, markeredgewidth=2, markersize=9
            )
            axes.plot([measure.candidate], [row], "o", color=colour, markersize=11)
            figures = [f"{measure.incumbent:.2f} to {measure.candidate:.2f}", f"n = {measure.items}"]
            if wide:
                figures.insert(1, measure.figures)
            _label(axes, row, measure.title, ", ".join(figures))
        axes.set_xlabel("open circle: before (incumbent); full circle: after (candidate)")
        return figure


def _rows(count: int, row_in: float, width_in: float = WIDTH_IN) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width_in, 0.75 + row_in * count), layout="constrained")
    axes = figure.subplots()
    axes.set_ylim(count - 0.55, -0.7)
    axes.set_yticks([])
    return figure, axes


def _label(axes: Axes, row: int, left: str, right: str) -> None:
    across = axes.get_yaxis_transform()
    axes.text(0, row - 0.36, left, transform=across, ha="left", va="center", weight="bold")
    axes.text(1, row - 0.36, right, transform=across, ha="right", va="center", color=MUTED)
