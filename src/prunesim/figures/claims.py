"""Claims: one panel a claim, one row a method, with estimate, interval, bound and verdict."""

import seaborn as sns
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from prunesim.figures import plotted, style

COLUMNS = [
    *("claim", "title", "estimate", "ci_low", "ci_high", "verdict", "verdict_holm", "p_holm"),
    *("bound", "direction", "replicates"),
]
# Shape and word say the verdict; colour only repeats it.
MARKS = {"supported": "o", "contradicted": "X", "inconclusive": "D"}
TITLE_LETTERS = 92
MARK = 5  # points
ROW, TITLE_LINE, PANEL = 0.2, 0.15, 0.42  # inches
SHADE = "0.94"


def rows(tables, settings):
    """Return what is shown: the claims that have an estimate.

    Parameters
    ----------
    tables : dict
        ``claims``.
    settings : dict
        Nothing but what `prunesim.figures.style.render` uses.
    """
    table = tables["claims"]
    found = table.dropna(subset=["estimate"])[COLUMNS]
    if found.empty:
        return plotted.nothing("claims.csv has no estimate of any claim.", COLUMNS)
    lost = sorted(set(table.loc[table["estimate"].isna(), "title"]))
    parts = [style.ONE_REPLICATE] if (found["replicates"] < 2).all() else []
    parts += [f"Nothing to compute from: {'; '.join(lost)}."] if lost else []
    return plotted.Plotted(found, " ".join(parts))


def draw(shown, settings):
    """Return the figure: full marks hold after Holm's correction, hollow ones by their own interval alone.

    Panels have scales of their own, as each claim has its own unit. The shaded side is the one on which a claim holds.
    """
    found = shown.rows
    found = found.assign(kind=_kinds(found), row=found["claim"].str.partition("/")[2])
    panels = [(one["title"].iloc[0], one) for _, one in found.groupby("kind", sort=False)]
    titles = [style.wrapped(title, TITLE_LETTERS) for title, _ in panels]
    heights = [
        PANEL + ROW * len(one) + TITLE_LINE * (title.count("\n") + 1)
        for title, (_, one) in zip(titles, panels, strict=True)
    ]
    figure, axes = style.new_figure(
        2 * style.COLUMN, sum(heights) + 0.35, len(panels), 1, gridspec_kw={"height_ratios": heights}
    )
    for axis, title, (_, one) in zip(axes[:, 0], titles, panels, strict=True):
        _panel(axis, title, one.reset_index(drop=True))
    _legend(figure)
    style.remark(figure, shown.note)
    return figure


def _kinds(table):
    """Return what shares a panel: a claim, and of the user's own each by itself."""
    name = table["claim"].str.partition("/")[0]
    return name.where(name != "own", table["claim"])


def _panel(axis, title, rows):
    bound, below = rows["bound"].iloc[0], rows["direction"].iloc[0] == "below"
    numbers = [bound, *rows[["estimate", "ci_low", "ci_high"]].stack()]
    low, high = min(numbers), max(numbers)
    room = 0.06 * (high - low) or 0.06 * (abs(bound) or 1.0)
    low, high = low - room, high + room
    axis.axvspan(low if below else bound, bound if below else high, color=SHADE, linewidth=0, zorder=0)
    axis.axvline(bound, color="0.3", linewidth=0.8 * style.scale(), zorder=1)
    for place, row in rows.iterrows():
        _mark(axis, place, row)
    axis.set_xlim(low, high)
    axis.set_ylim(len(rows) - 0.4, -0.6)
    axis.set_yticks(range(len(rows)), [""] if rows["claim"].iloc[0].startswith("own/") else rows["row"])
    axis.tick_params(axis="y", length=0)
    axis.locator_params(axis="x", nbins=6)
    axis.set_title(title, loc="left")
    sns.despine(ax=axis, left=True)


def _mark(axis, place, row):
    """Draw one estimate with its interval, and its verdict in words at the right."""
    verdict, colour = row["verdict"], _colours()[row["verdict"]]
    axis.hlines(place, row["ci_low"], row["ci_high"], color=colour, linewidth=1.2 * style.scale(), zorder=2)
    full = verdict == row["verdict_holm"] and verdict != "inconclusive"
    size, fill = MARK * style.scale(), colour if full else "white"
    axis.plot(row["estimate"], place, MARKS[verdict], color=colour, markersize=size, markerfacecolor=fill, zorder=3)
    axis.text(1.02, place, words(row), transform=axis.get_yaxis_transform(), va="center")


def words(row):
    """Return the verdict of a row of claims.csv in a few words."""
    if row["verdict"] != row["verdict_holm"]:
        return f"{row['verdict']}, alone"
    return "one replicate" if row["replicates"] == 1 else row["verdict"]


def _colours():
    palette = sns.color_palette("colorblind")
    return {"supported": palette[0], "contradicted": palette[3], "inconclusive": "0.45"}


def _legend(figure):
    marks = [
        Line2D([], [], marker=mark, color=_colours()[verdict], label=verdict, linestyle="none",
               markerfacecolor="white" if verdict == "inconclusive" else _colours()[verdict])
        for verdict, mark in MARKS.items()
    ]  # fmt: skip
    alone = Line2D([], [], marker=MARKS["supported"], color="0.3", markerfacecolor="white", linestyle="none",
                   label="hollow: not after Holm's correction")  # fmt: skip
    side = Patch(color=SHADE, label="side of the claim")
    figure.legend(handles=[*marks, alone, side], loc="outside lower center", ncols=5, frameon=False, fontsize="small")
