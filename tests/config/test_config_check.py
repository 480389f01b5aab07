"""What the configuration refuses, and in which words; what it fills in."""

import copy
from collections import OrderedDict
from pathlib import Path

import jsonschema
import pytest
import yaml
from snakemake.utils import update_config

from prunesim.datasets.settings import SOURCES, dataset_id
from prunesim.errors import PrunesimError
from prunesim.networks.builtin import NETWORKS
from prunesim.networks.spec import activation_layers, weight_layers
from prunesim.pruning.catalogue import BY_GRADIENT, OF_FILTERS
from prunesim.pruning.controls import CONTROLS
from prunesim.pruning.criteria import CRITERIA
from prunesim.similarity import MEASURES
from prunesim.study.agreement import check_exclude, check_layers
from prunesim.study.config import check_config, load_yaml
from prunesim.study.words import show

ROOT = Path(__file__).parents[2]
SCHEMA = load_yaml(ROOT / "workflow" / "schemas" / "config.schema.yaml")
DEFAULT = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))

OWN_LAYERS = "[{name: act, kind: relu, shape: [4, 8, 8]}, {name: out, kind: linear, shape: [10]}]"
OWN = f"name: nets/mine.py:build, layers: {OWN_LAYERS}"


def study(*overlays):
    """Return the default study with overlays merged in as Snakemake does."""
    config = copy.deepcopy(DEFAULT)
    for overlay in overlays:
        update_config(config, yaml.safe_load(overlay))
    return config


def refusal(overlay):
    with pytest.raises(PrunesimError) as caught:
        check_config(study(overlay), SCHEMA)
    return str(caught.value)


def test_schema_is_valid_and_refuses_unknown_keys_everywhere():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    open_mappings = []

    def walk(schema, path):
        if "properties" in schema or "object" in schema.get("type", ()):
            if schema.get("additionalProperties") is not False:
                open_mappings.append(path)
            if isinstance(schema.get("additionalProperties"), dict):
                walk(schema["additionalProperties"], f"{path}.*")
        for name, child in schema.get("properties", {}).items():
            walk(child, f"{path}.{name}")
        if "items" in schema:
            walk(schema["items"], f"{path}[]")

    walk(SCHEMA, "")
    assert open_mappings == [
        ".network.arguments",
        ".network.layouts",
        ".methods",
        ".methods.*.fraction",
        ".methods.*.density",
        ".chains",
        ".claims",
        ".claims.*.of.where",
        ".claims.*.minus.where",
    ]


def test_defaults_are_config_yaml():
    assert check_config({}, SCHEMA) == DEFAULT
    assert check_config(DEFAULT, SCHEMA) == DEFAULT


def test_schema_names_what_the_package_has():
    keys = SCHEMA["properties"]
    assert set(keys["network"]["properties"]["name"]["x-names"]) == set(NETWORKS)
    assert keys["dataset"]["properties"]["source"]["enum"] == [*SOURCES, None]
    assert set(keys["methods"]["additionalProperties"]["properties"]["criterion"]["enum"]) == {
        *CRITERIA,
        *BY_GRADIENT,
        *OF_FILTERS,
    }
    controls = keys["methods"]["additionalProperties"]["properties"]["control"]["enum"]
    assert set(controls) == {*CONTROLS, None}
    measures = keys["comparison"]["properties"]["measures"]["items"]["enum"]
    assert set(MEASURES) <= set(measures)
    assert keys["figures"]["properties"]["measure"]["enum"] == measures


def test_input_is_not_changed_and_not_shared():
    config = study(f"network: {{{OWN}, arguments: {{depth: [1, 2]}}}}")
    before = copy.deepcopy(config)
    checked = check_config(config, SCHEMA)
    checked["network"]["arguments"]["depth"].append(3)
    checked["methods"]["imp"]["types"].append("x")
    assert config == before
    assert check_config({}, SCHEMA) == DEFAULT, "the defaults of the schema must not be shared either"


def test_two_ways_to_write_a_study_are_equal_as_text():
    """Snakemake compares settings as text, so key order and 1 for 1.0 must not show."""
    config = study("training: {epochs: 30, weight_decay: 0.0}", "methods: {zeta: {}, alpha: {fraction: 0.3}}")
    turned = OrderedDict(reversed(config.items()))
    turned["training"] = OrderedDict(reversed(config["training"].items())) | {"epochs": 3.0e1, "weight_decay": 0}
    turned["methods"] = dict(reversed(config["methods"].items()))
    assert repr(check_config(turned, SCHEMA)) == repr(check_config(config, SCHEMA))
    assert type(check_config(turned, SCHEMA)["training"]) is dict
    assert list(check_config(turned, SCHEMA)["methods"]) == ["alpha", "imp", "zeta"]


def test_defaults_reach_into_methods_and_subset():
    checked = check_config(study("{methods: {lottery: {rewind: {epoch: 2}}}, dataset: {subset: {train: 50}}}"), SCHEMA)
    assert checked["methods"]["lottery"] == {**DEFAULT["methods"]["imp"], "rewind": {"epoch": 2}}
    assert checked["methods"]["imp"] == DEFAULT["methods"]["imp"]
    assert checked["dataset"]["subset"] == {"train": 50, "test": None, "seed": 0}


def test_false_leaves_a_method_out():
    checked = check_config(study("methods: {imp: false, random: {criterion: random}}"), SCHEMA)
    assert list(checked["methods"]) == ["random"]


@pytest.mark.parametrize(
    "overlay",
    [
        "{}",
        "{study: tiny.study_2-b, seed: 0, replicates: 1, rounds: 1}",
        "{replicates: 1, comparison: {families: [replicates]}}",
        "{training: {schedule: step, milestones: [5, 10], epochs: 11, optimizer: adam, clip_norm: 1}}",
        "{training: {augmentation: crop_flip, crop_padding: 0}, dataset: {name: cifar10}}",
        "{training: {precision: bfloat16, device: cpu}}",
        "{training: {precision: bfloat16, device: 'cuda:1'}}",
        "{training: {device: mps, channels_last: yes}}",
        "{methods: {imp: {rewind: none, fine_tune_epochs: 5}}}",
        "{methods: {imp: {rewind: init}, late: {rewind: {epoch: 19}}, later: {rewind: {step: 100000}}}}",
        "{methods: {imp: {rewind: {epoch: 0}, types: [conv], exclude: [], scope: layer}}}",
        '{dataset: {name: fashion_mnist, path: /data/mnist\'s "files" ü/, subset: {train: 9, test: 9, seed: 1}}}',
        "{dataset: {name: cells, source: image_folder, path: cells, resize: [32, 48], channels: 1}}",
        "{dataset: {name: image_folder, path: cells}}",
        "{dataset: {name: cells, source: image_folder, path: p, resize: [8, 9], fit: pad, background: white}}",
        "{dataset: {name: svhn, resize: [8, 9], fit: crop}}",
        "{dataset: {name: small, source: svhn}}",
        "{network: {name: lenet5}, comparison: {layers: all}}",
        f"network: {{{OWN}, arguments: {{depth: 3, kind: a, nested: {{a: [1, null]}}}}}}",
        "{comparison: {layers: [relu1, logits], measures: [pwcca]}, figures: {measure: pwcca, palette: mako}}",
    ],
)
def test_realistic_overlays_are_accepted(overlay):
    checked = check_config(study(overlay), SCHEMA)
    jsonschema.validate(checked, SCHEMA)
    assert check_config(checked, SCHEMA) == checked
    assert dataset_id(checked["dataset"]), "the data sets must accept what the schema accepts"
    assert activation_layers(checked["network"])


def test_experiments_are_accepted():
    for path in sorted((ROOT / "experiments").glob("*.yaml")):
        checked = check_config(study(path.read_text(encoding="utf-8")), SCHEMA)
        assert checked["study"] != DEFAULT["study"], f"{path} would replace the results of the default study"
        check_layers(checked, activation_layers(checked["network"]))
        if checked["network"]["layers"] is None:
            check_exclude(checked, weight_layers(checked["network"]))


def test_all_measures_are_accepted():
    for measure in SCHEMA["properties"]["figures"]["properties"]["measure"]["enum"]:
        check_config(study(f"{{comparison: {{measures: [{measure}]}}, figures: {{measure: {measure}}}}}"), SCHEMA)


EXACT = [
    # Unknown keys.
    ("training: {learn_rate: 0.1}", "training.learn_rate is not a key; did you mean training.learning_rate?"),
    ("training: {Batch-Size: 8}", "training.Batch-Size is not a key; did you mean training.batch_size?"),
    ("epochs: 5", "epochs is not a key; did you mean training.epochs?"),
    ("fraction: 0.1", "fraction is not a key; did you mean methods.<method>.fraction?"),
    ("layers: [relu1]", "layers is not a key; did you mean network.layers, activations.layers or comparison.layers?"),
    ("training: {rounds: 3}", "training.rounds is not a key; did you mean rounds?"),
    ("methods: {imp: {fractoin: 0.1}}", "methods.imp.fractoin is not a key; did you mean methods.imp.fraction?"),
    (
        "methods: {imp: {epoch: 1}}",
        "methods.imp.epoch is not a key; did you mean methods.imp.rewind.epoch or training.epochs?",
    ),
    ("dataset: {subset: {tran: 5}}", "dataset.subset.tran is not a key; did you mean dataset.subset.train?"),
    ("figures: {zzz: 1}", "figures.zzz is not a key; figures has measure, context, palette, dpi, width, more, pdf."),
    ("training.epochs: 5", "training.epochs is written as one key; nest it: training: {epochs: 5}."),
    ("a: 1", "a is not a key; there are " + ", ".join(SCHEMA["properties"]) + "."),
    (
        f"network: {{name: m.py:f, layers: [{{nam: a, {OWN_LAYERS[2:]}}}",
        "network.layers[0].nam is not a key; did you mean network.layers[0].name?",
    ),
    # Numbers as text.
    (
        "training: {learning_rate: 1e-3}",
        "training.learning_rate is the text '1e-3'; it must be a number above 0 "
        "(YAML reads 1e-3 as text: write 1.0e-3).",
    ),
    (
        "training: {weight_decay: 2.5E4}",
        "training.weight_decay is the text '2.5E4'; it must be a number of at least 0 "
        "(YAML reads 2.5E4 as text: write 2.5e+4).",
    ),
    (
        "training: {epochs: 2e1}",
        "training.epochs is the text '2e1'; it must be a whole number from 1 to 100000 "
        "(YAML reads 2e1 as text: write 20).",
    ),
    (
        "training: {epochs: '20'}",
        "training.epochs is the text '20'; it must be a whole number from 1 to 100000 (write 20 without quotes).",
    ),
    ("replicates: three", "replicates is the text 'three'; it must be a whole number from 1 to 100."),
    # Booleans, null and text mixed up.
    (
        "training: {flip: 'yes'}",
        "training.flip is the text 'yes'; it must be true or false (write true without quotes).",
    ),
    ("training: {flip: 1}", "training.flip is 1; it must be true or false."),
    ("training: {epochs: true}", "training.epochs is true; it must be a whole number from 1 to 100000."),
    (
        "training: {augmentation: null}",
        "training.augmentation is null; it must be none or crop_flip (write the word none).",
    ),
    (
        "methods: {imp: {rewind: null}}",
        "methods.imp.rewind is null; it must be auto, lr, init, none, {epoch: n} or {step: n} (write the word none).",
    ),
    (
        "training: {clip_norm: none}",
        "training.clip_norm is the text 'none'; it must be a number above 0 or null (write null, without quotes).",
    ),
    (
        "training: null",
        "training is null; it must be a mapping of settings (an empty section reads as null: remove it, or write {}).",
    ),
    ("rounds: null", "rounds is null; it must be a whole number from 1 to 99."),
    (
        "study: 2020-01-31",
        "study is 2020-01-31, which YAML reads as a date; put it in quotes if text is meant.",
    ),
    (
        "true: 1",
        "The configuration has the key true, as YAML reads yes, no, on and off; a key must be text, so put it in "
        "quotes.",
    ),
    ("dataset: {3: 1}", "dataset has the key 3; a key must be text, so put it in quotes."),
    (
        "methods: {imp: {exclude: [0]}}",
        "methods.imp.exclude[0] is 0; it must be text (put it in quotes: '0').",
    ),
    # Ranges.
    ("rounds: 0", "rounds is 0; it must be a whole number from 1 to 99."),
    ("seed: -1", "seed is -1; it must be a whole number of at least 0."),
    ("training: {epochs: 2.5}", "training.epochs is 2.5; it must be a whole number from 1 to 100000."),
    ("training: {momentum: 1}", "training.momentum is 1; it must be a number of at least 0 and below 1."),
    ("training: {gamma: 1.5}", "training.gamma is 1.5; it must be a number above 0 and of at most 1."),
    ("training: {validation: 0}", "training.validation is 0; it must be a number above 0 and below 1."),
    ("training: {learning_rate: .nan}", "training.learning_rate is .nan; it must be a number above 0."),
    ("training: {learning_rate: .inf}", "training.learning_rate is .inf; it must be a number above 0."),
    ("training: {threads: 0}", "training.threads is 0; it must be a whole number from 1 to 1024."),
    (
        "methods: {imp: {fraction: 1.0}}",
        "methods.imp.fraction is 1.0; it must be a number above 0 and below 1, or {layer: number}.",
    ),
    (
        "methods: {imp: {fine_tune_epochs: 0}}",
        "methods.imp.fine_tune_epochs is 0; it must be a whole number from 1 to 100000 or null.",
    ),
    (
        "methods: {imp: {fine_tune_learning_rate: 0}}",
        "methods.imp.fine_tune_learning_rate is 0; it must be a number above 0.",
    ),
    ("figures: {dpi: 1}", "figures.dpi is 1; it must be a whole number from 30 to 1200."),
    ("comparison: {blocks: 4}", "comparison.blocks is 4; it must be a whole number from 5 to 1000."),
    # One of a few words.
    (
        "training: {schedule: cosin}",
        "training.schedule is 'cosin'; it must be constant, step, cosine or one_cycle (did you mean cosine?).",
    ),
    ("training: {optimizer: rmsprop}", "training.optimizer is 'rmsprop'; it must be sgd or adam."),
    ("training: {device: gpu}", "training.device is 'gpu'; it must be auto, cpu, cuda, cuda:N or mps."),
    (
        "network: {name: vgg16}",
        "network.name is 'vgg16'; it must be cnn, vgg, lenet5, lenet_300_100, conv2, conv4, conv6, vgg_svhn, resnet9, "
        "resnet20, resnet20_projection, nin, strided_stack, torchvision:model or path/to/file.py:function (did you "
        "mean vgg?).",
    ),
    ("dataset: {channels: 2}", "dataset.channels is 2; it must be 1, 3 or null."),
    (
        "methods: {imp: {rewind: Init}}",
        "methods.imp.rewind is 'Init'; it must be auto, lr, init, none, {epoch: n} or {step: n} (did you mean init?).",
    ),
    (
        "methods: {imp: {rewind: {epoch: 1, step: 2}}}",
        "methods.imp.rewind is {epoch: 1, step: 2}; it must be auto, lr, init, none, {epoch: n} or {step: n}.",
    ),
    (
        "methods: {imp: {rewind: {epoch: -1}}}",
        "methods.imp.rewind.epoch is -1; it must be a whole number of at least 0.",
    ),
    # Lists.
    (
        "methods: {imp: {exclude: logits}}",
        "methods.imp.exclude is 'logits'; it must be a list of names or patterns (write a list: [logits]).",
    ),
    (
        "methods: {imp: {types: [conv, conv]}}",
        "methods.imp.types names 'conv' twice; once is enough.",
    ),
    ("methods: {imp: {types: []}}", "methods.imp.types is []; it must be a list of one or more of conv, linear."),
    (
        "comparison: {layers: []}",
        "comparison.layers is []; it must be relu, all, another kind, a name, a pattern or a list of these.",
    ),
    (
        "comparison: {families: [round]}",
        "comparison.families[0] is 'round'; it must be rounds, layers, replicates or functional (did you mean "
        "rounds?).",
    ),
    (
        "training: {milestones: 5}",
        "training.milestones is 5; it must be a list of whole numbers of at least 1 (write a list: [5]).",
    ),
    (
        "dataset: {resize: 28}",
        "dataset.resize is 28; it must be [height, width], two whole numbers from 1 to 4096, or null.",
    ),
    # Methods.
    (
        "methods: {fraction: 0.3}",
        "methods.fraction is 0.3; it must be a mapping of settings, or false to leave the method out "
        "(a setting stands under the name of its method: methods.<method>.fraction).",
    ),
    (
        "methods: {imp: true}",
        "methods.imp is true; it must be a mapping of settings, or false to leave the method out.",
    ),
    ("methods: {imp: false}", "methods has none left; at least one must not be false, or chains must have one."),
    ("methods: [imp]", "methods is ['imp']; it must be a mapping from the name of a method to its settings."),
    # Keys that have to agree.
    (
        "dataset: {name: fashion}",
        "dataset.name: 'fashion' is not a built-in data set (did you mean fashion_mnist?); set dataset.source to the "
        "one that reads its files, or take digits, mnist, fashion_mnist, kmnist, cifar10, cifar100 or svhn.",
    ),
    (
        "dataset: {name: cells, source: image_folder}",
        "dataset.path is null; image_folder needs the folder that holds train/<class>/* and test/<class>/*.",
    ),
    (
        "dataset: {name: mnist, source: kmnist}",
        "dataset.name is mnist, which is another data set than dataset.source, kmnist; give it a name of its own.",
    ),
    (
        "dataset: {fit: crop}",
        "dataset.fit is crop, but dataset.resize is null; give the height and width to crop the images to.",
    ),
    (
        "dataset: {background: white}",
        "dataset.background is white, but images of digits have no transparent pixels and are not padded; it must be "
        "null.",
    ),
    ("dataset: {path: here}", "dataset.path is 'here'; digits comes with scikit-learn, so it must be null."),
    (
        f"network: {{name: 'nets/{{a}}.py:build', layers: {OWN_LAYERS}}}",
        "network.name is 'nets/{a}.py:build'; braces are Snakemake's wildcards, so the path must have none.",
    ),
    (
        "network: {arguments: {depth: 2}}",
        "network.arguments is for a network of your own; for the built-in cnn it must be {}.",
    ),
    (
        "network: {small_images: true}",
        "network.small_images is for torchvision's ResNets and DenseNets; for cnn it must be false.",
    ),
    (
        "network: {layouts: {tokens: last}}",
        "network.layouts.tokens is 'last'; it must be channels_first or channels_last.",
    ),
    (
        "network: {name: m.py:f, layers: [{name: a, kind: relu, shape: [1]}, {name: a, kind: pool, shape: [1]}]}",
        "network.layers names 'a' twice; the names of layers must differ.",
    ),
    (
        "network: {name: m.py:f, layers: [{name: a, shape: []}]}",
        "network.layers[0].shape is []; it must be [neurons, positions, ...], or null.",
    ),
    (
        "network: {name: m.py:f, layers: [{kind: relu}]}",
        "network.layers[0] has no name; it must be {name: ..., output: ..., kind: ...}.",
    ),
    ("training: {milestones: [9, 5]}", "training.milestones is [9, 5]; the epochs must be in ascending order."),
    (
        "training: {milestones: [5, 20]}",
        "training.milestones is [5, 20]; each must be below training.epochs, which is 20.",
    ),
    (
        "training: {schedule: step}",
        "training.milestones is []; training.schedule step needs at least one epoch there.",
    ),
    (
        "training: {augmentation: crop_flip, crop_padding: 0, flip: false}",
        "training.augmentation crop_flip does nothing with crop_padding 0 and flip false; write augmentation: none.",
    ),
    (
        "{training: {augmentation: crop_flip}, dataset: {resize: [9, 4]}}",
        "training.crop_padding is 4; it must be below the size of the images, dataset.resize [9, 4].",
    ),
    (
        "methods: {imp: {rewind: {epoch: 20}}}",
        "methods.imp.rewind is {epoch: 20}; the epoch must be below training.epochs, which is 20.",
    ),
    (
        "comparison: {measures: [svcca, nbs]}",
        "figures.measure is cca_mean, which is not in comparison.measures; add it there, or take svcca or nbs.",
    ),
]


@pytest.mark.parametrize(("overlay", "sentence"), EXACT, ids=[overlay for overlay, _ in EXACT])
def test_refusal_in_these_words(overlay, sentence):
    assert refusal(overlay) == sentence


@pytest.mark.parametrize("name", ["a/b", "..", ".hidden", "", "a b", "a\n", "é", "-a", "a{b}"])
def test_names_are_safe_parts_of_a_path(name):
    for key, config in {
        "study": {"study": name},
        "dataset.name": {"dataset": {"name": name, "source": "mnist"}},
        "methods.": {"methods": {name: {}}},
    }.items():
        with pytest.raises(PrunesimError) as caught:
            check_config(config, SCHEMA)
        assert str(caught.value).startswith(key)
        assert "letters, digits" in str(caught.value)


@pytest.mark.parametrize("name", ["datasets", "README.md", "x" * 101])
def test_names_that_are_taken_or_too_long(name):
    assert refusal(f"study: {name}").startswith("study is ")


@pytest.mark.parametrize(
    ("value", "hint"),
    [("2020", "(put it in quotes: '2020')."), ("no", "as true or false: put such a word in quotes).")],
)
def test_study_that_yaml_does_not_read_as_text(value, hint):
    assert refusal(f"study: {value}").endswith(hint)


@pytest.mark.parametrize("name", ["dense", "IMP", "2nd", "a-b"])
def test_names_of_methods(name):
    assert refusal(f"methods: {{{name}: {{}}}}") == (
        f"methods.{name} is not a name that can be used here; it must be lower-case letters, digits and '_', starting "
        "with a letter, and not dense."
    )


@pytest.mark.parametrize(
    "overlay", ["methods: {m: {zzz: 1}}", "comparison: {measures: [cka]}", "figures: {palette: jet}"]
)
def test_refusals_list_what_there_is(overlay):
    text = refusal(overlay)
    listed = {
        "methods": ["criterion", "rewind", "fine_tune_epochs"],
        "comparison": ["cca_mean", "mutual_knn"],
        "figures": ["cividis", "viridis"],
    }[overlay.partition(":")[0]]
    assert all(name in text for name in listed)


def test_all_errors_at_once_in_the_order_of_the_schema():
    text = refusal("{figures: {dpi: 0}, zzz: 1, training: {flip: 3, epochs: 0}, rounds: 0, seed: x}")
    assert [line.split(" is ")[0] for line in text.splitlines()] == [
        "seed",
        "rounds",
        "training.epochs",
        "training.flip",
        "figures.dpi",
        "zzz",
    ]


@pytest.mark.slow
def test_every_refusal_is_one_readable_line():
    """No value, of whatever type and wherever, gives jargon, a Python repr, or another error than ours."""
    strange = [None, True, False, -1, 0, 2.5, 10**400, float("nan"), "x", "1e-3", "a\nb", "", [], [1], ["x", "x"], {}]
    strange += [{"x": 1}, {"epoch": "1"}, [[1]], {1: 2}, b"x"]
    jargon = ("None", "True", "False", "schema", "regex", "instance", "valid under", "OrderedDict", "required property")
    refused = 0

    def paths(schema, path=()):
        for name, child in schema.get("properties", {}).items():
            yield (*path, name)
            yield from paths(child, (*path, name))
            if isinstance(child.get("additionalProperties"), dict):
                yield (*path, name, "imp")
                yield from paths(child["additionalProperties"], (*path, name, "imp"))

    for path in paths(SCHEMA):
        for value in strange:
            config = study()
            parent = config
            for part in path[:-1]:
                if not isinstance(parent.get(part), dict):
                    parent[part] = {}
                parent = parent[part]
            parent[path[-1]] = value
            try:
                checked = check_config(config, SCHEMA)
            except PrunesimError as error:
                refused += 1
                for line in str(error).splitlines():
                    assert line.endswith((".", "?")), line
                    assert not any(word in line for word in jargon), line
            else:
                assert check_config(checked, SCHEMA) == checked
    assert refused > 800


def test_a_configuration_that_is_no_mapping():
    with pytest.raises(PrunesimError, match=r"^The configuration is null; it must be a mapping from keys to values\.$"):
        check_config(None, SCHEMA)


# What Snakemake makes of: --config rounds=4 'training={epochs: 5, learning_rate: 1e-3, flip: false, clip_norm: null,
# milestones: [1, 2]}' 'methods={imp: {rewind: {epoch: 2}}}' 'dataset={subset: {train: 20}}'
COMMAND_LINE = {
    "rounds": 4,
    "training": {
        "epochs": "5",
        "learning_rate": "1e-3",
        "flip": "false",
        "clip_norm": "null",
        "milestones": ["1", "2"],
    },
    "methods": {"imp": {"rewind": {"epoch": "2"}}},
    "dataset": {"subset": {"train": "20"}},
}


def on_command_line(values):
    config = study()
    update_config(config, copy.deepcopy(values))
    return config


def test_snakemake_reads_nested_values_on_the_command_line_as_text():
    """The reason for `command_line`; if Snakemake learns better, that parameter can go."""
    from snakemake.cli import parse_config

    entries = [
        "rounds=4",
        "training={epochs: 5, learning_rate: 1e-3, flip: false, clip_norm: null, milestones: [1, 2]}",
        "methods={imp: {rewind: {epoch: 2}}}",
        "dataset={subset: {train: 20}}",
    ]
    assert parse_config(entries) == COMMAND_LINE


def test_text_from_the_command_line_is_read_as_what_the_schema_asks_for():
    checked = check_config(on_command_line(COMMAND_LINE), SCHEMA, COMMAND_LINE)
    training = checked["training"]
    assert checked["rounds"] == 4
    assert (training["epochs"], training["learning_rate"], training["clip_norm"]) == (5, 0.001, None)
    assert training["flip"] is False
    assert training["milestones"] == [1, 2]
    assert checked["methods"]["imp"]["rewind"] == {"epoch": 2}
    assert checked["dataset"]["subset"]["train"] == 20


def test_text_in_files_stays_text():
    config = on_command_line(COMMAND_LINE)
    config["training"]["batch_size"] = "64"
    with pytest.raises(PrunesimError) as caught:
        check_config(config, SCHEMA, COMMAND_LINE)
    assert str(caught.value).startswith("training.batch_size is the text '64'")
    with pytest.raises(PrunesimError, match=r"training\.epochs is the text '5'"):
        check_config(on_command_line(COMMAND_LINE), SCHEMA)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"training": {"epochs": "x"}}, "training.epochs is the text 'x'; it must be a whole number from 1 to 100000."),
        (
            {"methods": {"imp": "false"}},
            "methods has none left; at least one must not be false, or chains must have one.",
        ),
        ({"study": 2020}, "(put it in quotes: '2020')."),
        ({"training": {"epoch": "3"}}, "training.epoch is not a key; did you mean training.epochs?"),
    ],
)
def test_refusals_on_the_command_line(values, sentence):
    with pytest.raises(PrunesimError) as caught:
        check_config(on_command_line(values), SCHEMA, values)
    assert str(caught.value).endswith(sentence)


LAYERS = [("relu1", "relu"), ("relu2", "relu"), ("logits", "linear")]
WEIGHTS = ["features.0", "features.3", "logits"]


@pytest.mark.parametrize("layers", ["relu", "all", "linear", "[logits, relu1]", "relu1", "'relu?'", "['*1', linear]"])
def test_layers_that_the_network_has(layers):
    assert check_layers(check_config(study(f"comparison: {{layers: {layers}}}"), SCHEMA), LAYERS) is None


def test_layers_that_the_network_does_not_have():
    config = check_config(study("comparison: {layers: [relu9, logits, xyz, block]}"), SCHEMA)
    with pytest.raises(PrunesimError) as caught:
        check_layers(config, LAYERS)
    near, far, kind = str(caught.value).splitlines()
    assert kind == (
        "comparison.layers: no block of network cnn is dumped, only relu or linear; add it to activations.layers."
    )
    assert near.startswith("comparison.layers: 'relu9' is not a layer of network cnn (did you mean relu")
    assert near.endswith("?); it has relu1, relu2, logits.")
    assert far == "comparison.layers: 'xyz' is not a layer of network cnn; it has relu1, relu2, logits."


@pytest.mark.parametrize("patterns", ["[]", "[logits]", "['features.*']", "['*.[12]', logits]", "['features.?']"])
def test_exclusions_that_match(patterns):
    config = check_config(study(f"methods: {{imp: {{exclude: {patterns}}}}}"), SCHEMA)
    weights = [*WEIGHTS, "neck.1"]
    assert check_exclude(config, weights) is None


def test_exclusions_that_match_nothing_or_everything():
    config = check_config(study("methods: {imp: {exclude: [logit, 'conv*']}, all: {exclude: ['*']}, ok: {}}"), SCHEMA)
    with pytest.raises(PrunesimError) as caught:
        check_exclude(config, WEIGHTS)
    assert str(caught.value).splitlines() == [
        "methods.all.exclude leaves no layer of network cnn to prune; it has features.0, features.3, logits.",
        "methods.imp.exclude: 'logit' matches no layer with weights of network cnn (did you mean logits?); "
        "it has features.0, features.3, logits.",
        "methods.imp.exclude: 'conv*' matches no layer with weights of network cnn; "
        "it has features.0, features.3, logits.",
    ]


@pytest.mark.parametrize("name", list(NETWORKS))
def test_default_study_fits_the_built_in_networks(name):
    config = check_config(study(f"network: {{name: {name}}}"), SCHEMA)
    check_layers(config, activation_layers(config["network"]))
    check_exclude(config, weight_layers(config["network"]))


@pytest.mark.parametrize(
    "value", [None, True, 0, -3, 1e-3, 1e-9, 1e30, float("inf"), "it's", "", [1, "a"], {"a": {"b": [None]}}]
)
def test_show_writes_yaml(value):
    assert yaml.safe_load(show(value)) == value


def test_show_shortens():
    assert len(show(list(range(1000)))) <= 80


def test_schema_that_cannot_be_read(tmp_path):
    with pytest.raises(PrunesimError, match=r"nowhere\.yaml could not be read"):
        load_yaml(tmp_path / "nowhere.yaml")
    broken = tmp_path / "broken.yaml"
    broken.write_text("a: [1", encoding="utf-8")
    with pytest.raises(PrunesimError, match=r"broken\.yaml is not valid YAML"):
        load_yaml(broken)
