"""The page in a real browser, as a person uses it: looks, points, chooses, presses keys, exports."""

import csv
import io
import json
from pathlib import Path

import axe_core_python
import explorer_study
import numpy as np
import pytest
from scipy import stats
from test_explorer_page import HOSTILE

from prunesim.explorer.page import PAGE, write_explorer

pytestmark = pytest.mark.slow

AXE = Path(axe_core_python.__file__).parent / "axe.min.js"
FIRST = "#family=rounds&measure=cca_mean&show=value&method=imp&against=0&replicate=mean&round=4&lines=rounds"


def selected(study, measure="cca_mean", method="imp", family="rounds", **wanted):
    """Return rows of a study's similarity table, read here anew."""
    with open(study / "tables/similarity.csv", newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if (row["family"], row["measure"]) == (family, measure)]
    wanted = {"method_b": method, "round_a": 0, **wanted}
    return [row for row in rows if all(row[key] == str(value) for key, value in wanted.items())]


def numbers(rows, column="value"):
    return np.array([float(row[column]) for row in rows])


def card(window):
    """Return what the card beside the pointer says: its title and its lines by name."""
    title = window.text("#reading p")
    return title, window.evaluate(
        "Object.fromEntries([...document.querySelectorAll('#reading dt')]"
        ".map((one) => [one.innerText, one.nextElementSibling.innerText]))"
    )


def fragment(window):
    return window.evaluate("location.hash")


def choose(window, name, text):
    """Choose an entry of a list with the keyboard: move to the list and type how the entry begins."""
    window.evaluate(f"document.getElementById('{name}').focus()")
    window.press(*text)
    window.press("Enter")


def test_the_first_view_says_what_a_study_found(window, page, study):
    window.open(page)
    assert window.evaluate("document.title") == "small: prunesim explorer"
    assert fragment(window) == FIRST
    summary = window.text("#summary")
    assert summary.startswith(
        "Mean CCA, round 4 of imp compared with the dense network, mean of 3 replicates: most alike at"
    )
    values = {layer: numbers(selected(study, round_b=4, layer_b=layer)).mean() for layer in explorer_study.LAYERS}
    least = min(values, key=values.get)
    assert f"least at {least} ({values[least]:.4g})" in summary
    assert "41 % of the weights are left, test accuracy is 0.989" in summary
    # 4 rounds at 4 layers, the replicates of the last one, and what the map and the two other charts have.
    assert window.evaluate("document.querySelectorAll('#depth .series').length") == 4
    assert window.evaluate("document.querySelectorAll('#map rect[fill]').length") >= 16
    assert window.evaluate("document.querySelectorAll('#accuracy .series').length") == 2


def test_pointing_shows_value_interval_null_score_and_n(window, page, study):
    window.open(page)
    # The second row of the map, at the third layer.
    x, y = window.evaluate(
        "(() => { document.querySelector('#map svg').scrollIntoView({block: 'center'});"
        "const box = document.querySelectorAll('#map .panels > figure > svg > rect')[6].getBoundingClientRect();"
        "return [box.left + box.width / 2, box.top + box.height / 2]; })()"
    )
    window.hover(x, y)
    title, lines = card(window)
    rows = selected(study, round_b=2, layer_b="pool1")
    assert title == "pool1, round 2 of imp, compared with the dense network"
    assert lines["mean CCA"] == f"{numbers(rows).mean():.4g}"
    low, high = stats.t.interval(0.95, 2, numbers(rows).mean(), stats.sem(numbers(rows)))
    assert lines["95 % interval, over replicates"] == f"{low:.4g} to {high:.4g}"
    assert lines["null (images permuted)"] == f"{numbers(rows, 'null').mean():.4g}"
    assert lines["calibrated score"] == f"{numbers(rows, 'calibrated').mean():.4g}"
    assert lines["largest p-value"] == f"{1 / 201:.4g}"
    assert (lines["replicates"], lines["images"], lines["samples"]) == ("3 of 3", "360", "5,760")
    assert lines["ranks"] == "16 and 14"
    # The same layer is shown in the curve, the same round in the other charts.
    for chart in ("depth", "course", "accuracy"):
        assert window.evaluate(f"document.querySelector('#{chart} .linked').getAttribute('d')")
    window.hover(2, 2)
    assert window.evaluate("document.getElementById('reading').hidden")


def test_one_replicate_has_the_interval_of_the_table(window, page, study):
    window.open(page, FIRST.replace("replicate=mean", "replicate=1"))
    window.evaluate("document.querySelector('#depth svg').focus()")
    window.press("ArrowRight")
    (row,) = selected(study, round_b=4, layer_b="relu1", replicate_b=1)
    spoken = window.text("#spoken")
    assert f"mean CCA {float(row['value']):.4g}" in spoken
    assert f"95 % interval, over images {float(row['ci_low']):.4g} to {float(row['ci_high']):.4g}" in spoken
    assert "replicate 1" in spoken


def test_the_keyboard_alone_is_enough(window, page, study):
    window.open(page)
    window.press("Tab", "Enter")
    assert window.evaluate("document.activeElement.id") == "summary"
    for _ in range(3):
        window.press("Tab")
        if window.evaluate("document.activeElement.matches('#depth svg')"):
            break
    assert window.evaluate("document.activeElement.matches('#depth svg')")
    outline = window.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"
    window.press("ArrowRight", "ArrowRight", "ArrowRight")
    assert window.text("#spoken").startswith("pool1, round 4 of imp")
    window.press("ArrowUp")
    spoken = window.text("#spoken")
    assert spoken.startswith("pool1, round ")
    other = int(spoken.split()[2])
    assert other != 4
    window.press("Enter")
    assert f"&round={other}&" in fragment(window)
    # The chart was drawn anew, and still has the keyboard.
    assert window.evaluate("document.activeElement.matches('#depth svg')")
    assert window.text("#round-shown") == str(other)
    window.press("ArrowRight", "Escape")
    assert window.evaluate("document.getElementById('reading').hidden")


def test_choosing_by_the_keyboard(window, page):
    window.open(page)
    choose(window, "measure", "Pro")
    assert "measure=procrustes_distance" in fragment(window)
    assert window.text("#depth h2") == "Procrustes; 0 is equal by layer"
    assert "a small distance" in window.text("#map .about")
    window.evaluate("document.getElementById('round').focus()")
    window.press("ArrowLeft", "ArrowLeft")
    assert "round=2" in fragment(window)
    assert window.text("#round-shown") == "2"
    choose(window, "method", "ran")
    assert "method=random&" in fragment(window)
    assert "round 2 of random" in window.text("#summary")
    choose(window, "lines", "one a m")
    assert window.evaluate("[...document.querySelectorAll('#depth .legend li')].map((one) => one.innerText)")[:2] == [
        "imp",
        "random",
    ]
    choose(window, "family", "lay")
    assert "family=layers" in fragment(window)
    # The only round that this family has, and all pairs of layers.
    assert "round=4" in fragment(window)
    assert window.evaluate("document.querySelectorAll('#map .panels > figure > svg > rect').length") == 16
    window.click("#reset")
    assert fragment(window) == FIRST


def test_layers_are_chosen_and_left_out(window, page):
    window.open(page)
    window.click("#layers summary")
    window.click("#layers-list label:nth-child(2) input")
    assert fragment(window).endswith("&layer=relu1&layer=pool1&layer=logits")
    assert window.text("#layers-shown") == "3 of 4"
    assert window.evaluate("document.querySelectorAll('#map .panels > figure > svg > rect').length") == 12
    window.click("#layers-none")
    assert "No layer is chosen." in window.text("#depth")
    window.click("#layers-all")
    assert fragment(window) == FIRST


def test_the_address_brings_a_view_back(window, page):
    view = "#family=replicates&measure=svcca&show=value&method=random&against=same&replicate=mean&round=0&lines=rounds"
    view += "&fit=1&layer=relu1"
    window.open(page, view)
    assert fragment(window) == view
    assert window.evaluate("document.getElementById('family').value") == "replicates"
    assert "range of the pairs" in window.text("#depth .about")
    assert window.evaluate("document.getElementById('fit').checked")
    assert window.evaluate("document.getElementById('link').getAttribute('href')") == view
    # Typed by hand.
    window.evaluate("location.hash = 'measure=cca_mean&round=2'")
    window.until("document.getElementById('round-shown').innerText === '2'")
    window.evaluate("location.hash = 'measure=none&layer=relu9'")
    window.until("document.querySelector('#summary .correction')")
    assert 'There is no measure "none" here; shown is "cca_mean".' in window.text("#summary")
    assert 'There is no layer "relu9" here.' in window.text("#summary")


def test_every_chart_is_a_table_and_a_csv_file(window, page, study):
    window.open(page)
    for section, rows in {"depth": 16, "map": 16, "course": 16, "accuracy": 10}.items():
        window.click(f"#{section} details.rows summary")
        window.until(f"document.querySelectorAll('#{section} tbody tr').length")
        shown = window.evaluate(
            f"[...document.querySelectorAll('#{section} tr')]"
            ".map((row) => [...row.cells].map((cell) => cell.innerText))"
        )
        window.click(f"#{section} .csv")
        text = window.downloaded(f"small-{section}.csv")
        assert list(csv.reader(io.StringIO(text))) == shown
        assert len(shown) == rows + 1
    exported = list(csv.DictReader(io.StringIO(window.downloaded("small-depth.csv"))))
    for row in exported:
        mine = selected(study, round_b=row["round"], layer_b=row["layer_b"])
        assert float(row["value"]) == pytest.approx(numbers(mine).mean(), abs=2e-6)
        assert float(row["null"]) == pytest.approx(numbers(mine, "null").mean(), abs=2e-6)
        assert row["comparisons"] == "3 of 3"
    # Another measure fills the open tables anew.
    choose(window, "measure", "SV")
    assert window.evaluate("document.querySelectorAll('#depth td')[2].innerText") == "svcca"


def test_a_value_that_is_missing_is_said_not_drawn(window, page):
    window.open(page, FIRST.replace("cca_mean", "svcca"))
    window.click("#depth details.rows summary")
    window.until("document.querySelectorAll('#depth tbody tr').length")
    rows = window.evaluate("[...document.querySelectorAll('#depth tbody tr')].map((row) => row.innerText)")
    (row,) = (row for row in rows if "no value: 15 samples are too few" in row)
    assert "0 of 3" in row
    assert window.evaluate("document.querySelectorAll('#map .panels > figure > svg > rect').length") == 15
    # The line has a gap: it starts twice.
    lines = window.evaluate("[...document.querySelectorAll('#depth .series')].map((one) => one.getAttribute('d'))")
    assert sorted(line.count("M") for line in lines) == [1, 1, 1, 2]


def test_the_calibrated_score_is_there_if_the_tables_have_it(window, page, study, folder):
    window.open(page)
    choose(window, "show", "cal")
    assert "show=calibrated" in fragment(window)
    value = numbers(selected(study, round_b=4, layer_b="logits"), "calibrated").mean()
    assert f"logits ({value:.4g})" in window.text("#summary")
    old = explorer_study.write_study(folder / "old", calibrated=False)
    write_explorer([old], folder / "old.html")
    window.open(folder / "old.html")
    assert window.evaluate("getComputedStyle(document.getElementById('show').parentElement).display") == "none"
    window.evaluate("document.querySelector('#depth svg').focus()")
    window.press("ArrowRight")
    assert "calibrated" not in window.text("#spoken")


def test_two_studies_stand_side_by_side(window, study, folder):
    other = explorer_study.write_study(folder / "other", 1, ("imp",), 3, ("relu1", "logits"), ("cca_mean",))
    write_explorer([study, other], folder / "two.html")
    window.open(folder / "two.html")
    assert window.evaluate("document.title") == "small and other: prunesim explorer"
    left, right = window.evaluate(
        "[...document.querySelectorAll('#depth svg[tabindex]')].map((one) => one.getBoundingClientRect().left)"
    )
    assert right > left + 200
    # The same scale, or heights could not be compared.
    ticks = window.evaluate(
        "[...document.querySelectorAll('#depth figure')]"
        ".map((one) => [...one.querySelectorAll('text.soft')].map((text) => text.textContent).join())"
    )
    assert len(ticks) == 2
    assert len(set(ticks)) == 1
    # Only the first has a round 4.
    assert "other: Mean CCA, round 4 of imp compared with the dense network: there is no value." in window.text(
        "#summary"
    )
    window.evaluate("location.hash = 'round=3'")
    window.until("document.getElementById('round-shown').innerText === '3'")
    window.click("#depth .csv")
    rows = list(csv.DictReader(io.StringIO(window.downloaded("small-other-depth.csv"))))
    assert {row["study"] for row in rows} == {"small", "other"}


def test_names_from_a_table_are_only_text(window, folder):
    study = explorer_study.write_study(
        folder / "hostile", layers=HOSTILE, methods=HOSTILE[:2], measures=HOSTILE[:2], note=HOSTILE[0]
    )
    write_explorer([study], folder / "hostile.html")
    window.open(folder / "hostile.html")
    for section in ("depth", "map", "course", "accuracy"):
        window.click(f"#{section} details.rows summary")
    window.click("#layers summary")
    assert window.evaluate("window.broken") is None
    assert window.evaluate("document.querySelectorAll('img, body script').length") == 2
    assert window.text("#layers-list").startswith(HOSTILE[0])
    window.click("#depth .csv")
    rows = list(csv.DictReader(io.StringIO(window.downloaded("hostile-depth.csv"), newline="")))
    assert {row["layer_b"] for row in rows} == set(HOSTILE)


@pytest.mark.parametrize(("width", "zoom"), [(390, 2), (700, 2), (320, 1)])
def test_nothing_is_cut_off_on_a_phone_or_at_twice_the_size(window, page, width, zoom):
    window.look(width, 800, zoom=zoom)
    window.open(page)
    assert window.evaluate("document.documentElement.scrollWidth") <= width
    assert (
        window.evaluate("Math.max(...[...document.querySelectorAll('svg[tabindex]')].map((one) => one.clientWidth))")
        <= width
    )
    window.click("#choices > summary")
    if width > 600:
        window.click("#choices > summary")
    window.until("document.getElementById('measure').getBoundingClientRect().width > 80")
    assert window.evaluate("document.documentElement.scrollWidth") <= width


def background(window):
    return window.evaluate("getComputedStyle(document.body).backgroundColor")


def test_light_dark_and_print(window, page):
    window.open(page)
    light = background(window)
    window.look(dark=True)
    dark = background(window)
    assert light != dark
    choose(window, "theme", "li")
    assert background(window) == light
    assert fragment(window).endswith("&theme=light")
    window.look()
    choose(window, "theme", "da")
    assert background(window) == dark
    window.look(media="print")
    assert background(window) == "rgb(255, 255, 255)"
    assert window.evaluate("getComputedStyle(document.getElementById('controls')).display") == "none"
    assert window.evaluate("document.querySelector('#depth svg').getBoundingClientRect().height") > 200


STATES = {
    "light": {},
    "dark": {"dark": True},
    "phone": {"width": 390, "height": 800, "zoom": 2},
}


@pytest.mark.parametrize("look", STATES.values(), ids=STATES)
def test_axe_finds_nothing_serious(window, page, look):
    window.look(**look)
    window.open(page)
    if "width" in look:
        window.click("#choices > summary")
    window.click("#layers summary")
    for section in ("depth", "accuracy"):
        window.click(f"#{section} details.rows summary")
    window.evaluate(AXE.read_text(encoding="utf-8") + "; true")
    found = window.evaluate("axe.run().then(({violations, passes}) => [violations, passes.length])")
    violations, passes = found
    assert [(one["id"], one["impact"], [node["html"] for node in one["nodes"]][:3]) for one in violations] == []
    assert passes > 20


def test_a_large_study_opens(window, large):
    window.open(large[1])
    assert window.evaluate("document.querySelectorAll('#map .panels > figure > svg > rect').length") == 240
    choose(window, "measure", "lin")
    assert "measure=cka_linear" in fragment(window)


def test_quantiles_are_those_of_student(window, page):
    window.open(page)
    script = (PAGE / "words.js").read_text(encoding="utf-8")
    freedoms = [*range(1, 41), 100, 1000]
    mine = window.evaluate(f"(() => {{ {script}; return {json.dumps(freedoms)}.map(quantile); }})()")
    assert mine == pytest.approx(stats.t.ppf(0.975, freedoms), rel=2e-5)
