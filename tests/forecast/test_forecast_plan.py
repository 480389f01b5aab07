"""`prunesim plan`: what it reads, prints and refuses."""

import json
import subprocess
import sys

import pytest
from forecast_study import ROOT, config, linked

from prunesim.cli import main
from prunesim.errors import PrunesimError
from prunesim.forecast.words import duration, scaled, size
from prunesim.resolution.overlays import read_config
from prunesim.study import forking
from prunesim.study.forking import SWITCH

CLUSTER = ["--nodes", "8", "--gpus", "1", "--cores", "16", "--memory", "512"]
IMAGENET = ["--images", "1281167", "--test-images", "50000", "--classes", "1000"]


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    return linked(tmp_path_factory.mktemp("clone"))


@pytest.fixture(autouse=True)
def in_the_clone(clone, monkeypatch):
    monkeypatch.chdir(clone)
    # Forecasts are the same wherever the tests run.
    monkeypatch.setenv(SWITCH, "0")


def plan(capsys, *arguments, status=0):
    """Return the forecast as a dict, or what was said on refusal."""
    assert main(["plan", "--json", *arguments]) == status
    printed = capsys.readouterr()
    return json.loads(printed.out) if status == 0 else printed.err


def texts(result, level=None):
    return [found["text"] for found in result["findings"] if level in (None, found["level"])]


def test_overlays_and_assignments_are_merged_as_by_snakemake(tmp_path):
    first, second = tmp_path / "a.yaml", tmp_path / "b.yaml"
    first.write_text(
        "rounds: 3\ntraining: {epochs: 7, threads: 2}\nmethods: {imp: false, chance: {criterion: random}}\n"
    )
    second.write_text("training: {epochs: 8}\n")
    told = config("replicates=2", "comparison={layers: [relu1]}", files=[first, second])
    assert (told["rounds"], told["replicates"]) == (3, 2)
    assert (told["training"]["epochs"], told["training"]["threads"], told["training"]["batch_size"]) == (8, 2, 64)
    assert list(told["methods"]) == ["chance"]
    assert told["comparison"]["layers"] == ["relu1"]
    assert told["comparison"]["blocks"] == 20


def test_the_default_study(capsys):
    result = plan(capsys, "--cores", "2", "--memory", "8")
    assert result["jobs"] == sum(rule["jobs"] for rule in result["rules"]) > 300
    assert result["cpu_hours"] == pytest.approx(sum(rule["cpu_hours"] for rule in result["rules"]))
    assert 0 < result["chain_seconds"] < result["wall_seconds"]
    assert result["wall_seconds"] >= result["cpu_hours"] * 3600 / 2
    assert result["gpu_hours"] == 0
    assert texts(result, "stops") == []
    one, many = (plan(capsys, "--cores", cores)["wall_seconds"] for cores in ("1", "64"))
    assert many < result["wall_seconds"] < one


def test_jobs_are_forked_where_the_workflow_would_fork_them(capsys, monkeypatch):
    monkeypatch.delenv(SWITCH)
    monkeypatch.setattr(forking.sys, "platform", "linux")
    monkeypatch.setattr(forking, "_has_gpu", lambda: False)

    def forked(*words):
        return plan(capsys, "--cores", "2", *words)["machine"]["forked"]

    assert forked()
    assert not forked("--nodes", "2", "--memory", "64")
    assert not forked("--gpus", "1")
    monkeypatch.setenv(SWITCH, "0")
    assert not forked()


def test_overhead_is_that_of_each_job(capsys):
    plain, slow = (plan(capsys, "--cores", "1", "--overhead", seconds) for seconds in ("0", "10"))
    assert slow["wall_seconds"] - plain["wall_seconds"] == pytest.approx(10 * plain["jobs"])


def test_the_text_has_every_rule_and_says_what_it_stands_on(capsys):
    assert main(["plan", "--cores", "2"]) == 0
    printed = capsys.readouterr().out
    for rule in (
        "fetch",
        "train_dense",
        "prune",
        "retrain",
        "dump",
        "compare_rounds",
        "compare_layers",
        "figure_*",
        "all",
    ):
        assert f"\n{rule} " in printed
    assert "1,438 training and 359 test images of 1 x 8 x 8, 10 classes (as published)" in printed
    assert "21,018 parameters, 382,272 multiply-adds an image, 6 of 9 layers compared" in printed
    assert "prices measured on" in printed
    assert max(map(len, printed.partition("What breaks")[0].splitlines())) <= 200


@pytest.mark.slow
def test_imagenet_says_what_breaks_first(capsys):
    study = ["--configfile", "experiments/imagenet-resnet50.yaml", *IMAGENET, *CLUSTER]
    result = plan(capsys, *study)
    counts = {rule["rule"]: rule["jobs"] for rule in result["rules"]}
    assert counts["train_dense"] == 5
    assert counts["retrain"] == counts["prune"] == 100
    assert counts["dump"] == 105
    assert counts["compare_rounds"] == 5 * 20 * 18
    assert result["network"]["parameters"] == 25_557_032
    assert result["dataset"]["shape"] == [3, 224, 224]
    # 193 GB of images are read from their file.
    assert texts(result, "stops") == []
    (trained,) = (rule for rule in result["rules"] if rule["rule"] == "train_dense")
    assert trained["gpu_memory"] < 40e9
    assert trained["memory"] < 10e9
    assert any(
        text.startswith("train_images.npy has 193 GB, more than max-checksum-file-size") for text in texts(result)
    )
    assert any("at most 5 of 8 GPUs train at a time" in text for text in texts(result, "slows"))
    assert any("converted by one job on one core" in text for text in texts(result, "slows"))
    smaller = plan(capsys, *study, "--config", "dataset={resize: [112, 112]}")
    little = plan(
        capsys, *study, "--config", "dataset={resize: [112, 112]}", "activations={images: 1000, megabytes: 100}"
    )
    assert any(text.startswith("cca_mean, svcca will have no value at ") for text in texts(little, "lacks"))
    assert sum(little["disk"].values()) < sum(smaller["disk"].values()) < sum(result["disk"].values())
    faster = plan(capsys, *study, "--throughput", "80")
    assert faster["gpu_hours"] == pytest.approx(result["gpu_hours"] / 2, rel=0.1)


@pytest.mark.parametrize("config_", [[], ["--config", "dataset={resize: [128, 128]}"]], ids=["224", "128"])
def test_the_documented_forecasts_are_current(capsys, config_):
    """Each block in docs/scaling.md is a command and what it printed; the second one differs by one setting."""
    assert main(["plan", "--configfile", "experiments/imagenet-resnet50.yaml", *config_, *CLUSTER, *IMAGENET]) == 0
    assert capsys.readouterr().out in (ROOT / "docs" / "scaling.md").read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("assignments", "options", "sentence"),
    [
        (["dataset={name: cifar10, resize: [224, 224]}"], ["--memory", "8"], "train_dense needs "),
        (["network={name: cnn, width: 2000}"], ["--memory", "4"], "compare_rounds needs "),
        (
            ["dataset={name: cifar10, resize: [160, 160]}"],
            ["--memory", "9", "--cores", "3"],
            "3 trainings side by side ",
        ),
        (
            ["network={width: 256}", "activations={images: 100}"],
            [],
            "cca_mean, svcca will have no value at relu1 (spat",
        ),
        (["network={width: 64}"], [], "There are only "),
        (["replicates=1"], ["--cores", "4"], "The rounds of a chain follow each other, so at most 1 trainings of 1 "),
        (["replicates=100", "rounds=30"], [], "31,6"),
    ],
)
def test_findings(capsys, assignments, options, sentence):
    result = plan(capsys, "--config", *assignments, *options)
    assert any(text.startswith(sentence) for text in texts(result)), texts(result)


LARGE = ["--images", "20", "--test-images", "4", "--classes", "2", "--shape", "3", "2000", "2000"]
SMALLER = ["--shape", "3", "500", "500"]  # where the images are not there, what they are resized to
FOLDER = ["--config", "dataset={name: large, source: image_folder, path: /data/large}"]


def test_few_large_images_are_not_counted_as_full_batches(capsys):
    result = plan(capsys, *FOLDER, "network={width: 4}", *LARGE, "--memory", "23", "--cores", "1")
    assert texts(result, "stops") == []
    memory = {rule["rule"]: rule["memory"] for rule in result["rules"]}
    # 16 images, 14 of them in a batch, took 11.8 GB, and a dump 2.3 GB.
    assert 12e9 < memory["train_dense"] < 16e9
    assert 2e9 < memory["dump"] < 3e9


@pytest.mark.parametrize(
    ("study", "options", "rule", "cure", "better"),
    [
        (FOLDER, [*LARGE, "--memory", "8"], "train_dense", "training.batch_size below 18", "training={batch_size: 4}"),
        (FOLDER, [*LARGE, "--memory", "8"], "train_dense", "dataset.resize", SMALLER),
        (FOLDER, [*LARGE, "--memory", "8"], "train_dense", "a narrower network", "network={width: 2}"),
        (FOLDER, [*LARGE, "--memory", "1"], "dump", "a narrower network", "network={width: 2}"),
        (
            ["--config", "dataset={name: cifar10, resize: [224, 224]}"],
            ["--memory", "8"],
            "retrain",
            "dataset.subset",
            "dataset={subset: {train: 1000}}",
        ),
        (
            ["--config", "network={width: 400}"],
            ["--memory", "1"],
            "compare_rounds",
            "comparison.blocks",
            "comparison={blocks: 5}",
        ),
        (
            ["--config", "network={name: vgg, width: 1500}", "dataset={name: mnist}"],
            ["--memory", "2"],
            "prune",
            "a narrower",
            "network={width: 700}",
        ),
    ],
)
def test_what_is_said_to_help_helps(capsys, study, options, rule, cure, better):
    def of(settings=(), more=()):
        result = plan(capsys, *study, *settings, *options, *more)
        (found,) = [entry for entry in result["rules"] if entry["rule"] == rule]
        return found["memory"], [text for text in texts(result, "stops") if text.startswith(f"{rule} needs ")]

    memory, (text,) = of()
    assert cure in text.partition("What helps: ")[2]
    changed = of(more=better) if better is SMALLER else of([better])
    assert changed[0] < 0.7 * memory


def test_trainings_side_by_side_fit_as_many_cores_as_advised(capsys):
    study = ["--config", "dataset={name: cifar10, resize: [160, 160]}"]
    (text,) = texts(plan(capsys, *study, "--memory", "9", "--cores", "3"), "risks")
    cores = text.partition("Give Snakemake --cores ")[2].partition(",")[0]
    assert text.startswith("3 trainings side by side ")
    assert texts(plan(capsys, *study, "--memory", "9", "--cores", cores), "risks") == []


@pytest.mark.parametrize(
    ("assignments", "text"),
    [
        (
            ["network={name: lenet5}", "dataset={name: mnist}", "activations={images: 121}"],
            "cca_mean, svcca will have no value at relu3: relu3 has 120 neurons, so 122 samples are needed, and there "
            "are 121 images. Raise activations.images to 122.",
        ),
        (
            ["network={width: 200}", "activations={images: 2000}", "comparison={families: [rounds], layers: [relu5]}"],
            "cca_mean, svcca will have no value at relu5: relu5 has 400 neurons, so 402 samples are needed, and there "
            "are 359 images. 402 test images would be enough for all, and there are 359: leave wide layers out of "
            "comparison.layers, or judge them by cka_linear.",
        ),
        (
            ["dataset={subset: {test: 20}}", "comparison={families: [rounds], layers: [relu5]}"],
            "cca_mean, svcca will have no value at relu5: relu5 has 32 neurons, so 34 samples are needed, and there "
            "are 20 images. Raise dataset.subset.test (34 test images would be enough for all, and there are 20).",
        ),
        (
            [
                "network={width: 600}",
                "activations={images: 300, megabytes: 1}",
                "comparison={families: [rounds], layers: [relu1]}",
            ],
            "cca_mean, svcca will have no value at relu1: relu1 has 600 neurons, so 602 samples are needed, and there "
            "are 300 images. Raise activations.megabytes.",
        ),
        (
            ["activations={images: 33}", "comparison={families: [layers], layers: [relu4, logits]}"],
            "cca_mean, svcca will have no value at relu4 (spatial mean): relu4 (spatial mean) has 32 neurons, so 34 "
            "samples are needed, and there are 33 images. Raise activations.images to 34.",
        ),
    ],
)
def test_layers_without_a_value_of_cca(capsys, assignments, text):
    result = plan(capsys, "--config", *assignments)
    assert texts(result, "lacks") == [text]
    assert texts(result, "stops") == []


def test_one_sample_more_than_neurons_is_one_too_few(capsys):
    """Centring takes a dimension: with n = p + 1, unrelated networks correlate perfectly."""
    families = "comparison={families: [rounds], layers: [relu5]}"
    for images, lacking in ((33, 1), (34, 0)):
        result = plan(capsys, "--cores", "1", "--config", families, f"activations={{images: {images}}}")
        assert len(texts(result, "lacks")) == lacking
        assert len(texts(result, "slows")) == 1 - lacking, texts(result)
    other = ["activations={images: 33}", "comparison={measures: [cka_linear]}", "figures={measure: cka_linear}"]
    assert texts(plan(capsys, "--config", *other), "lacks") == []


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--config", "rounds=many"], "rounds is the text 'many'; it must be a whole number from 1 to 99."),
        (["--config", "rounds"], "--config rounds: write key=value, such as rounds=5 or 'training={epochs: 5}'."),
        (["--config", "training={epochs"], "--config training={epochs: the value is not valid YAML."),
        (["--configfile", "none.yaml"], "none.yaml could not be read: No such file or directory."),
        (["--directory", "docs"], "docs/config.yaml could not be read: No such file or directory."),
        (["--config", "comparison={layers: [relu9]}"], "comparison.layers: 'relu9' is not a layer of network cnn "),
        (["--config", "methods={imp: {exclude: [fc9]}}"], "methods.imp.exclude: 'fc9' matches no layer with weights "),
        (["--config", "training={device: cuda}"], "training.device is cuda; say with --gpus how many GPUs a node has."),
        (["--config", "dataset={resize: [3, 3]}"], "Images of 3 x 3 are too small for this network: nothing is left "),
        (
            ["--configfile", "experiments/imagenet-resnet50.yaml", "--gpus", "1"],
            "dataset.path: /data/imagenet does not ",
        ),
    ],
)
def test_refusals(capsys, arguments, sentence):
    assert plan(capsys, *arguments, status=2).startswith(f"prunesim plan: {sentence}")


def test_a_file_that_is_no_mapping_is_refused(tmp_path):
    (tmp_path / "list.yaml").write_text("- 1\n")
    with pytest.raises(
        PrunesimError, match=r"list.yaml is no configuration; it must be a mapping from keys to values\.$"
    ):
        read_config(ROOT, [tmp_path / "list.yaml"], [])


@pytest.mark.parametrize("option", [["--cores", "0"], ["--gpus", "-1"], ["--memory", "0"], ["--throughput", "nan"]])
def test_numbers_that_cannot_be_meant_are_refused(option, capsys):
    with pytest.raises(SystemExit) as refused:
        main(["plan", *option])
    assert refused.value.code == 2
    assert "invalid" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["experiments/fashion-mnist.yaml", "experiments/imagenet-resnet50.yaml"])
def test_experiments_are_valid_and_differ_from_the_default(name):
    told = config(files=[name])
    assert {key for key, value in config().items() if told[key] != value} >= {"study", "dataset", "network", "training"}


def test_built_in_networks_need_no_heavy_package():
    script = (
        "import sys; from prunesim.cli import main; status = main(['plan', '--cores', '2']);"
        "heavy = {'torch', 'pandas', 'scipy', 'snakemake', 'PIL'} & set(sys.modules);"
        "sys.exit(str(heavy) if heavy else status)"
    )
    environment = {"PYTHONPATH": str(ROOT / "src"), "PATH": ""}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment)
    assert (done.returncode, done.stderr) == (0, "")


def test_words():
    assert [size(count) for count in (10, 999_999, 2.5e6, 1.23456e9, 4e12)] == [
        "0.01 kB",
        "1e+03 kB",
        "2.5 MB",
        "1.23 GB",
        "4 TB",
    ]
    assert [duration(s) for s in (0.123, 9.96, 119, 150, 3599, 3700, 172_799, 259_300)] == [
        "0.12 s",
        "10 s",
        "119 s",
        "2 min",
        "1 h 0 min",
        "1 h 2 min",
        "2 days 0 h",
        "3 days 0 h",
    ]
    assert [scaled(count) for count in (950, 21_018, 2.5e6, 4.09e9)] == ["950", "21,018", "2.5 million", "4.09 billion"]
