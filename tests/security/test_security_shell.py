"""Nothing from a configuration reaches a shell unquoted."""

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from odd_study import ARGUMENT, DATA, LAYERS, NETWORK_FILE, ODD, STUDY
from pipeline.pipeline_runs import REPOSITORY, copy_source, due, snakemake

from prunesim.errors import PrunesimError
from prunesim.figures.catalogue import FIGURES
from prunesim.study.config import check_config, load_yaml
from prunesim.study.tables import MORE

pytestmark = pytest.mark.slow

RESULTS = f"results/{STUDY['study']}"
# Of a command outside its quotes: words, redirections of the log, and the variable that a rule sets.
PLAIN = re.compile(r"[A-Za-z0-9_./=:,@%+&> -]*")
USES = ("start", "trained")  # of given weights


def test_a_study_with_odd_names_runs(odd):
    """Training had the argument of the network as it was written, or it would have stopped."""
    assert sorted(path.name for path in odd.rglob("*pwned*") if "$(touch" not in path.name) == []
    for layer in LAYERS:
        assert (odd / RESULTS / f"activations/rep0/m_0/round01/{layer}.npy").exists()
        assert (odd / RESULTS / f"comparisons/rounds/rep0/m_0/round01/{layer}.csv").exists()
    description = json.loads((odd / "results/datasets/odd/dataset.json").read_text())
    assert description["origin"]["path"] == DATA
    assert description["classes"] == ["a", "b $(touch pwned)'\""]
    metrics = json.loads((odd / RESULTS / "networks/rep0/m_0/round01/metrics.json").read_text())
    assert metrics["settings"]["network"]["arguments"] == {"text": ARGUMENT}
    assert (odd / RESULTS / "figures/similarity.svg").exists()


def commands(printed):
    """Return the shell commands that Snakemake printed, by rule. Each is a line: JSON escapes a newline."""
    found = {}
    for rule, command in re.findall(r"^rule (\w+):\n.*?^Shell command: (.*?)$", printed, re.MULTILINE | re.DOTALL):
        if command != "None":  # a rule that only asks for others
            found.setdefault(rule, []).append(command)
    return found


def rules_with_a_shell():
    """Return the rules of the pipeline that run a command; those of figures and some tables are made in a loop."""
    rules = set()
    for path in (REPOSITORY / "workflow/rules").glob("*.smk"):
        blocks = re.split(r"^ *rule (?=\w)", path.read_text(), flags=re.MULTILINE)
        rules |= {block.partition(":")[0] for block in blocks[1:] if re.search(r"^ +shell:", block, re.MULTILINE)}
    return rules | {f"figure_{name}" for name in FIGURES} | {f"{name}_table" for name in MORE}


def outside_quotes(command):
    """Return what a shell would interpret of a command."""
    rest = re.sub(r"'[^']*'", "", command.replace("""'"'"'""", ""))
    assert "'" not in rest, command
    return rest.replace('"$PRUNESIM_SRC"', "")


def test_every_rule_quotes_what_it_is_given(odd, tmp_path):
    """All rules of the pipeline, as they would be run; some stand only in studies with networks from outside."""
    words = ["--dry-run", "--printshellcmds", "--forceall"]
    file = str(tmp_path / f"{ODD.replace('/', '')}.pth")
    Path(file).touch()
    chain = {"networks": [{"dense": file, "rounds": [file]}] * 2}
    study = {
        "replicates": 2,
        "training": {"epochs": 2},
        "comparison": {"families": ["rounds", "layers", "replicates", "functional"], "spectra": True},
        "connectivity": {"pairs": ["dense", "replicates"]},
        "robustness": {"shares": [1, 0.5], "corruptions": ["noise"]},
        "concepts": {"source": "scenes"},
        "figures": {"more": ["yardstick", "measures", "training", "overlap"]},
    }
    methods = {
        "m_1": {"rewind": {"epoch": 1}},
        "m_2": {"criterion": "snip"},
        "m_3": {"unit": "filter"},
        "m_4": {"sparsity": {"admm": {}}, "density": 0.5},
        "m_5": {"control": "reinitialise", "of": "m_1"},
    }
    given = {**STUDY["network"], "weights": file}
    wide = {"network": {"name": "cnn", "width": 4}, "widths": {"factors": [0.5, 1], "replicates": 2}}
    wide |= {"comparison": {"layers": ["relu1", "logits"]}, "methods": {"imp": {}}}
    overlays = [
        {**study, "methods": methods},
        wide,
        *({**study, "network": {**given, "weights_as": use}, "chains": {"c_1": chain}} for use in USES),
    ]
    found = {}
    for number, overlay in enumerate(overlays):
        path = tmp_path / f"odd overlay {number}.yaml"
        path.write_text(json.dumps({**STUDY, **overlay}))
        status, printed = snakemake(odd, *words, "--configfile", path, base=None)
        assert status == 0, printed
        for rule, printed_commands in commands(printed).items():
            found.setdefault(rule, []).extend(printed_commands)
    assert found.keys() == rules_with_a_shell()
    for command in (command for of_rule in found.values() for command in of_rule):
        assert PLAIN.fullmatch(outside_quotes(command)), command
        given = shlex.split(command)
        assert given[1:4] == ["python", "-m", "prunesim"], command
        if "--settings" in given:
            json.loads(given[given.index("--settings") + 1])


def test_shell_commands_quote_every_placeholder():
    """Those without are numbers and names that the schema and the rules bound."""
    shells, read = 0, 0
    safe = {"wildcards.rep", "wildcards.kk", "wildcards.method", "wildcards.table"}
    safe |= {"params.figure", "params.identity", "params.ends", "params.sheet"}
    unquoted = set()
    for path in sorted((REPOSITORY / "workflow/rules").glob("*.smk")):
        commands = re.findall(r"^ +prunesim\(((?:\s*[\"'].*[\"'])+)", path.read_text(), re.MULTILINE)
        shells, read = shells + path.read_text().count(" shell:"), read + len(commands)
        for command in commands:
            unquoted |= {name for name in re.findall(r"\{([^{}]*)\}", command) if not name.endswith(":q")}
    assert unquoted <= safe
    assert shells == read


SCHEMA = load_yaml(REPOSITORY / "workflow/schemas/config.schema.yaml")
ODD_NAMES = [
    "a b",
    "a;b",
    "$x",
    "$(x)",
    "`x`",
    "a'b",
    'a"b',
    "a/b",
    "..",
    ".a",
    "-a",
    "--help",
    "a\nb",
    "a\n",
    "é",
    "",
    "{a}",
    "a|b",
    "a\\b",
    "a*",
    "x" * 101,
]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_names_that_become_paths_are_bounded(name):
    base = {key: STUDY[key] for key in ("study", "network", "dataset", "methods", "training", "comparison")}
    layer = {"name": name, "kind": "relu", "shape": [1, 1, 1]}
    changes = {
        "network.layers[0].name": {"network": {**STUDY["network"], "layers": [layer]}},
        "study": {"study": name},
        "dataset.name": {"dataset": {**STUDY["dataset"], "name": name}},
        "methods": {"methods": {name: {}}},
    }
    check_config(base, SCHEMA)
    for key, change in changes.items():
        with pytest.raises(PrunesimError) as caught:
            check_config(base | change, SCHEMA)
        assert str(caught.value).startswith(key)


@pytest.mark.parametrize("name", ["a\nb.py:f", "a.py:f\n", "a.py:f;x", "a.py:$(x)", "a.py:f g", "a.py"])
def test_networks_that_are_refused(name):
    with pytest.raises(PrunesimError, match=r"^network\.name is"):
        check_config({"network": {**STUDY["network"], "name": name}}, SCHEMA)


@pytest.mark.parametrize("name", ["0", "9x.y-z", "_", "a.", "a..b", "x-", "A" * 100, "layer1.0.relu"])
def test_odd_names_of_layers_that_are_allowed(name):
    layers = [{"name": name, "kind": "relu", "shape": [1, 1, 1]}]
    config = check_config({"network": {"name": "a b.py:f", "layers": layers}}, SCHEMA)
    assert config["network"]["layers"][0]["name"] == name


def test_archive_of_a_network_of_one_s_own(odd, tmp_path):
    """Restored where neither the network nor the images are: nothing is due, and the network can be put back."""

    def prunesim(folder, *words):
        command = [sys.executable, "-m", "prunesim", *words]
        environment = {"PYTHONPATH": str(REPOSITORY / "src")}
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    words = ["--configfile", "odd.yaml", "--contents", "figures", "--output", str(tmp_path / "odd.tar.gz")]
    prunesim(odd, "archive", RESULTS, *words)
    fresh = copy_source(REPOSITORY, tmp_path / "fresh")
    printed = prunesim(fresh, "restore", tmp_path / "odd.tar.gz")
    assert due(fresh, base=f"{RESULTS}/config.yaml") == {}
    assert "no problems found" in prunesim(fresh, "verify", RESULTS)
    copy = re.search(r"Before anything is trained again: (mkdir .* && cp .*)", printed)[1]
    subprocess.run(["sh", "-c", copy], cwd=fresh, check=True)
    assert (fresh / NETWORK_FILE).read_bytes() == (odd / NETWORK_FILE).read_bytes()
    assert due(fresh, base=f"{RESULTS}/config.yaml") == {}
    assert list(fresh.glob("pwned*")) == []
    shutil.rmtree(tmp_path)
