"""What is in the file: all of the tables, the same bytes every time, and nothing that a browser would run."""

import base64
import csv
import hashlib
import html
import json
import re
from html.parser import HTMLParser

import explorer_study
import pytest

from prunesim.cli import main
from prunesim.explorer.columns import decode
from prunesim.explorer.page import PAGE, SCRIPTS, page_identity, write_explorer
from prunesim.explorer.tables import SIDES

HOSTILE = (
    "</script><script>window.broken = 1</script>",
    '"><img src=x onerror="window.broken = 1">',
    "<!--<script>",
    "@@DATA@@ @@SCRIPT@@",
    "a,b\"c\nd\u2028e & 'f' \\u003c 𝕃",
)


class Elements(HTMLParser):
    """The elements of a page, and what is in its scripts and styles, as a browser cuts it."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.tags, self.attributes, self.texts = [], [], {}
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, *pair) for pair in attrs]

    def handle_data(self, data):
        self.texts.setdefault(self.tags[-1] if self.tags else "", []).append(data)


def data_of(path):
    text = path.read_text(encoding="utf-8")
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.S)[1])


def rows_of(study):
    with open(study / "tables/similarity.csv", newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def rounded(cell):
    return float(f"{float(cell):.6g}") if cell else None


def test_every_row_of_the_table_is_in_the_page(study, page):
    (found,) = data_of(page)["studies"]
    unpacked = {}
    for family, about in found["families"].items():
        pairs = list(zip(*(decode(about["pairs"][name], about["count"]) for name in SIDES), strict=True))
        for measure, columns in about["measures"].items():
            cells = {name: decode(column, about["count"]) for name, column in columns.items()}
            for place, pair in enumerate(pairs):
                unpacked[family, measure, *pair] = {name: values[place] for name, values in cells.items()}
    rows = rows_of(study)
    assert len(unpacked) == len(rows) > 500
    for row in rows:
        pair = (int(row[name]) if name.startswith(("replicate", "round")) else row[name] for name in SIDES)
        mine = unpacked[row["family"], row["measure"], *pair]
        for name in ("value", "ci_low", "ci_high", "null", "calibrated", "p_value"):
            assert mine[name] == rounded(row[name])
        for name in ("n_images", "n_samples", "rank_a", "rank_b"):
            assert mine[name] == int(row[name])
        assert mine["note"] == (row["note"] or None)
    assert found["layers"] == list(explorer_study.LAYERS)
    assert data_of(page)["measures"]["procrustes_distance"]["distance"] is True


def test_the_same_tables_make_the_same_bytes(study, page, tmp_path):
    write_explorer([study], tmp_path / "again.html")
    assert (tmp_path / "again.html").read_bytes() == page.read_bytes()
    text = page.read_text(encoding="utf-8")
    # Neither where it was made nor when.
    assert str(study.parent) not in text
    assert not re.search(r"\b20\d\d-\d\d", text.partition('id="data"')[2])


def test_three_replicates_of_twenty_rounds_twelve_layers_and_measures_are_small(large):
    study, page = large
    rows = (study / "tables/similarity.csv").read_text(encoding="utf-8").count("\n")
    assert rows > 12 * 12 * 3 * 20 * 21 // 2
    size = page.stat().st_size
    assert size < 6e6
    # What grows with the study: ten times as many rows make less than ten times as much.
    assert size / rows < 36


def test_old_tables_and_new_columns(tmp_path):
    study = explorer_study.write_study(tmp_path / "old", calibrated=False)
    table = study / "tables/similarity.csv"
    lines = table.read_text().splitlines()
    table.write_text("\n".join([f"{lines[0]},mood", *(f"{line},7" for line in lines[1:])]) + "\n")
    write_explorer([study], tmp_path / "old.html")
    columns = data_of(tmp_path / "old.html")["studies"][0]["families"]["rounds"]["measures"]["cca_mean"]
    assert "value" in columns
    assert columns.keys().isdisjoint({"calibrated", "p_value", "mood"})


def test_nothing_from_a_table_becomes_part_of_the_page(tmp_path):
    study = explorer_study.write_study(
        tmp_path / "<b>bold", layers=HOSTILE, methods=HOSTILE[:2], measures=HOSTILE[:2], note=HOSTILE[0], rounds=2
    )
    plain = explorer_study.write_study(tmp_path / "plain")
    for folder in (study, plain):
        write_explorer([folder], folder / "page.html")
    text = (study / "page.html").read_text(encoding="utf-8")
    hostile, harmless = (Elements((folder / "page.html").read_text(encoding="utf-8")) for folder in (study, plain))
    assert hostile.tags == harmless.tags
    assert hostile.tags.count("script") == 2
    (found,) = data_of(study / "page.html")["studies"]
    assert found["layers"] == list(HOSTILE)
    assert found["name"] == "<b>bold"
    assert f"<title>{html.escape('<b>bold')}: prunesim explorer</title>" in text


def test_only_its_own_script_and_style_may_run(page):
    text = page.read_text(encoding="utf-8")
    elements = Elements(text)
    (policy,) = (value for tag, name, value in elements.attributes if tag == "meta" and "default-src" in (value or ""))
    script, style = (
        re.search(r"<script>(.*?)</script>", text, re.S)[1],
        re.search("<style>(.*?)</style>", text, re.S)[1],
    )
    sums = [base64.b64encode(hashlib.sha256(part.encode()).digest()).decode() for part in (script, style)]
    assert policy == f"default-src 'none'; script-src 'sha256-{sums[0]}'; style-src 'sha256-{sums[1]}'"
    # Neither an address to load from, nor a way to make elements of text.
    assert not [one for one in elements.attributes if one[1] in ("src", "style") or one[1].startswith("on")]
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacent|document\.write|\beval\b|new Function|fetch\(|import\(", script
    )
    assert re.findall(r"https?://[^\"'\s]+", script + style) == ["http://www.w3.org/2000/svg"]


def test_every_script_is_used_and_a_change_of_one_is_another_page(tmp_path, monkeypatch):
    assert {path.stem for path in PAGE.glob("*.js")} == set(SCRIPTS)
    before = page_identity()
    for path in PAGE.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    monkeypatch.setattr("prunesim.explorer.page.PAGE", tmp_path)
    assert page_identity() == before
    with open(tmp_path / "style.css", "a") as style:
        style.write("/* */")
    assert page_identity() != before


def without(column):
    """Return an edit of a table: the same without a column."""

    def edit(text):
        rows = list(csv.reader(text.splitlines()))
        place = rows[0].index(column)
        return "\n".join(",".join(row[:place] + row[place + 1 :]) for row in rows)

    return edit


def in_first_row(column, cell):
    def edit(text):
        rows = list(csv.reader(text.splitlines()))
        rows[1][rows[0].index(column)] = cell
        return "\n".join(map(",".join, rows))

    return edit


FAULTS = {
    "similarity, no column": ("similarity", without("layer_b"), "has no column 'layer_b'; it needs family, measure"),
    "networks, no column": ("networks", without("density"), "has no column 'density'; it needs replicate, method"),
    "not a number": (
        "similarity",
        in_first_row("value", "high"),
        "has 'high' in column 'value', row 1; a finite number",
    ),
    "infinite": ("similarity", in_first_row("null", "inf"), "has 'inf' in column 'null', row 1; a finite number or an"),
    "half a round": (
        "similarity",
        in_first_row("round_b", "1.5"),
        "has '1.5' in column 'round_b', row 1; a whole number",
    ),
    "no measure": ("similarity", in_first_row("measure", ""), "has no family or measure in row 1"),
    "ragged": ("similarity", lambda text: f"{text}rounds,cca_mean\n", "has 2 fields in row "),
    "twice": ("similarity", lambda text: f"{text}{text.splitlines()[1]}\n", "more than once"),
    "empty": ("networks", lambda text: "", "networks.csv has no column 'replicate'"),
    "not text": ("networks", lambda text: None, "networks.csv is not a readable CSV file"),
    "gone": ("similarity", None, "similarity.csv does not exist"),
}


@pytest.mark.parametrize(("table", "edit", "sentence"), FAULTS.values(), ids=FAULTS)
def test_a_table_that_cannot_be_read_is_named(tmp_path, capsys, table, edit, sentence):
    study = explorer_study.write_study(tmp_path / "study", replicates=1, rounds=1)
    path = study / "tables" / f"{table}.csv"
    if edit is None:
        path.unlink()
    else:
        text = edit(path.read_text())
        path.write_bytes(b"\xff\xfe\x00" if text is None else text.encode())
    assert main(["explore", str(study)]) == 2
    printed = capsys.readouterr().err
    assert printed.startswith(f"prunesim explore: {study}/tables/{table}.csv ")
    assert sentence in printed
    assert printed.count("\n") == 1
    assert sorted(one.name for one in study.iterdir()) == ["tables"]


def test_what_was_given_wrongly_is_said(tmp_path, capsys):
    def refused(*words):
        assert main(["explore", *map(str, words)]) == 2
        return capsys.readouterr().err

    one, two, three = (explorer_study.write_study(tmp_path / name, 1, rounds=1) for name in ("one", "two", "three"))
    assert f"{tmp_path}/none holds no folder tables; give the folder of a finished study" in refused(tmp_path / "none")
    assert "3 studies were given; the explorer shows one, or two side by side" in refused(one, two, three)
    assert f"{one} was given twice" in refused(one, one / ".." / "one")
    (tmp_path / "file").touch()
    assert f"{tmp_path}/file/x.html could not be written" in refused(one, "--output", tmp_path / "file/x.html")


def test_where_it_is_written(tmp_path, capsys, monkeypatch):
    one, two = (explorer_study.write_study(tmp_path / name / "digits", 1, rounds=1) for name in ("here", "there"))
    assert main(["explore", str(one)]) == 0
    assert f"{one}/explorer.html: digits, " in capsys.readouterr().out
    monkeypatch.chdir(tmp_path)
    assert main(["explore", str(one), str(two)]) == 0
    # Two of the same name are told apart by their paths.
    assert f"explorer-digits-digits.html: {one} and {two}, " in capsys.readouterr().out
    assert [study["name"] for study in data_of(tmp_path / "explorer-digits-digits.html")["studies"]] == [
        str(one),
        str(two),
    ]
