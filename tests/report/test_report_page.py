"""The report: its parts, and that all of it shows in a browser that reaches no network."""

import csv

import pytest
from explorer import chromium
from figures.test_figures_files import ROOT

from prunesim.errors import PrunesimError
from prunesim.figures.catalogue import figures_of
from prunesim.report.graph import draw_graph, read_graph, reduced, rows_of, without_loops
from prunesim.report.report import write_report
from prunesim.report.sections import claims_summary, claims_table, made_by, runtimes
from prunesim.resolution.overlays import read_config
from prunesim.study.tables import tables_of

DOT = """digraph snakemake_dag {
    graph[bgcolor=white];
    0[label = "all", color = "0.1 0.6 0.85"];
    1[label = "tables", color = "0.1 0.6 0.85"];
    2[label = "networks_table", color = "0.1 0.6 0.85"];
    3[label = "train_dense", color = "0.1 0.6 0.85"];
    4[label = "figure_accuracy", color = "0.1 0.6 0.85"];
    5[label = "figure_density", color = "0.1 0.6 0.85"];
    6[label = "fetch", color = "0.1 0.6 0.85"];
    1 -> 0
    2 -> 1
    3 -> 2
    6 -> 3
    6 -> 2
    2 -> 4
    2 -> 5
}"""
SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="252pt" height="144pt"><rect width="250" height="140"/></svg>'
HOSTILE = "<script>alert(1)</script> & @@CONFIG@@"


def claim(name, verdict, corrected=None, **changes):
    numbers = {"estimate": "0.0213", "ci_low": "-0.01", "ci_high": "0.05", "bound": "-0.01"}
    words = {"statement": f"What {name} says", "source": "Somebody 2020", "direction": "above", "note": ""}
    return {"claim": name, "verdict": verdict, "verdict_holm": corrected or verdict, **numbers, **words, **changes}


CLAIMS = [
    claim("first/imp", "inconclusive", note="One replicate has no interval.", ci_low="", ci_high=""),
    claim("second/imp", "supported"),
    claim("third/imp", "supported", "inconclusive", statement=HOSTILE),
    claim("fourth/imp", "contradicted"),
]
MADE = {"verb": "train", "started": "t", "commit": "abc", "python": "3.11", "host": "one", "dirty": "no"}
PROVENANCE = [
    MADE | {"artifact": "networks/a/weights", "seconds": "90"},
    MADE | {"artifact": "networks/a/history", "seconds": "90"},
    MADE | {"artifact": "networks/b/weights", "seconds": "30", "started": "u", "host": "two"},
]


def write(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)


@pytest.fixture(scope="module")
def config():
    return read_config(ROOT, [], [])


@pytest.fixture(scope="module")
def names(config):
    return [*figures_of(tables_of(config), config["methods"])]


@pytest.fixture
def study(tmp_path, names):
    folder = tmp_path / "digits"
    write(folder / "tables/claims.csv", CLAIMS)
    write(folder / "tables/provenance.csv", PROVENANCE)
    for name in names:
        write(folder / f"figures/{name}.csv", [{"value": 1}])
        (folder / f"figures/{name}.svg").write_text(SVG)
    return folder


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    yield from chromium.opened(tmp_path_factory.mktemp("browser"))


def test_every_figure_shows_offline_and_nothing_is_wider_than_the_window(browser, study, config, names):
    page = study / "report.html"
    write_report(study, config, ROOT, DOT, page)
    for width, dark in ((1400, False), (390, True)):
        browser.look(width=width, height=900, dark=dark)
        browser.errors.clear()
        browser.requests.clear()
        browser.open(page)
        shown = browser.evaluate(
            "[...document.querySelectorAll('figure img')].map((one) => "
            "[one.closest('figure').id, one.complete && one.naturalWidth > 0 && one.offsetWidth > 100])"
        )
        assert sorted(shown) == sorted([f"figure-{name}", True] for name in names)
        # Not innerWidth: on a phone, a page that is too wide is shown smaller, as one that fits.
        assert browser.evaluate("document.documentElement.scrollWidth") <= width
        assert browser.evaluate("document.querySelector('main section').id") == "verdicts"
        assert browser.errors == []
        assert {address.partition(":")[0] for address in browser.requests} <= {"file", "data", "about"}
    assert browser.evaluate("document.querySelectorAll('script').length") == 0
    rules = browser.evaluate("document.querySelectorAll('.graph text').length")
    assert rules == 4


def test_names_and_notes_are_text(study, config):
    write_report(study, config, ROOT, DOT, study / "report.html")
    text = (study / "report.html").read_text()
    assert "<script" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; @@CONFIG@@" in text
    assert "default-src 'none'" in text


def test_a_figure_that_is_missing_is_named(study, config):
    (study / "figures/accuracy.csv").unlink()
    with pytest.raises(PrunesimError, match=r"figures/accuracy\.csv does not exist; run Snakemake"):
        write_report(study, config, ROOT, DOT, study / "report.html")
    assert not (study / "report.html").exists()


def test_claims_begin_with_the_decided_ones_and_say_verdicts_in_words_and_shapes():
    table = claims_table(CLAIMS)
    places = [table.index(one) for one in ("second/imp", "fourth/imp", "first/imp", "third/imp")]
    assert places == sorted(places)
    for words in ("●", "✕", "◇", "supported by its own interval alone", "One replicate has no interval."):
        assert words in table
    assert "above −0.01" in table
    assert "−0.01 to 0.05" in table
    assert claims_summary(CLAIMS) == "Of 4 claims: 1 supported, 1 contradicted, 2 inconclusive."
    assert claims_summary([]) == "No claim could be held against this study."


def test_times_count_a_job_once():
    table = runtimes(PROVENANCE)
    assert "<td>train</td><td>2</td>" in table


def test_provenance_counts_where_there_are_several():
    table = made_by(PROVENANCE)
    assert '<th scope="row">python</th><td>3.11</td>' in table
    assert '<th scope="row">host</th><td>one (2), two (1)</td>' in table


def test_the_graph_has_one_node_for_all_figures_and_none_for_targets():
    needs = read_graph(DOT)
    assert needs == {
        "networks_table": {"train_dense", "fetch"},
        "train_dense": {"fetch"},
        "fetch": set(),
        "figures (each)": {"networks_table"},
    }
    assert reduced(needs)["networks_table"] == {"train_dense"}
    assert rows_of(needs) == [["fetch"], ["train_dense"], ["networks_table"], ["figures (each)"]]
    loop = {"prune": {"train_dense", "retrain"}, "retrain": {"prune"}, "dump": {"retrain"}, "train_dense": set()}
    assert without_loops(loop) == {
        "train_dense": set(), "prune ⇄ retrain": {"train_dense"}, "dump": {"prune ⇄ retrain"},
    }  # fmt: skip
    drawing = draw_graph(needs)
    assert drawing.count("<rect") == 4
    assert drawing.count("<path") == 3
