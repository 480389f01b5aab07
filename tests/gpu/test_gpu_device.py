"""The choice of a device and its settings, on machines that are pretended where a CPU is all there is."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from prunesim.errors import PrunesimError
from prunesim.training.device import choose_device, make_exact

A100, V100 = (8, 0), (7, 0)
SWITCHES = [torch.backends.cuda.matmul, torch.backends.cudnn.conv, torch.backends.cudnn.rnn]


@pytest.mark.parametrize(
    ("devices", "expected"),
    [
        ({}, "cpu"),
        ({"mps": True}, "mps"),
        ({"cuda": [A100]}, "cuda"),
        ({"cuda": [V100, A100], "mps": True}, "cuda"),
    ],
)
def test_auto_takes_cuda_then_mps_then_the_cpu(machine, devices, expected):
    machine(**devices)
    assert choose_device("auto") == torch.device(expected)


def test_a_named_device_is_taken_whatever_else_is_there(machine):
    machine(cuda=[A100, A100], mps=True)
    for name in ("cpu", "mps", "cuda", "cuda:0", "cuda:1"):
        assert choose_device(name) == torch.device(name)


@pytest.mark.parametrize(
    ("devices", "name", "sentence"),
    [
        ({}, "cuda", "training.device is cuda, but this machine offers cpu."),
        ({}, "mps", "training.device is mps, but this machine offers cpu."),
        ({"mps": True}, "cuda:0", "training.device is cuda:0, but this machine offers cpu, mps."),
        (
            {"cuda": [A100]},
            "cuda:1",
            "training.device is cuda:1, but this machine has 1 CUDA device(s), from cuda:0.",
        ),
        (
            {"cuda": [A100, A100]},
            "cuda:2",
            "training.device is cuda:2, but this machine has 2 CUDA device(s), from cuda:0.",
        ),
    ],
)
def test_a_device_that_is_not_there_is_refused(machine, devices, name, sentence):
    machine(**devices)
    with pytest.raises(PrunesimError) as refused:
        choose_device(name)
    assert str(refused.value) == sentence


def test_tf32_needs_a_device_that_has_it(machine):
    machine(cuda=[V100, A100])
    assert choose_device("cuda:1", "tf32") == torch.device("cuda:1")
    with pytest.raises(PrunesimError, match=r"^training.precision is tf32, .*8\.0 or newer, but cuda has 7\.0; write "):
        choose_device("auto", "tf32")
    machine(mps=True)
    with pytest.raises(PrunesimError, match=r"^training.precision is tf32, .* training.device auto is mps on this "):
        choose_device("auto", "tf32")
    with pytest.raises(PrunesimError, match=r"^training.precision is tf32, .* training.device cpu is cpu on this "):
        choose_device("cpu", "tf32")


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_other_precisions_go_everywhere(machine, precision):
    machine(cuda=[V100], mps=True)
    assert [choose_device(name, precision).type for name in ("cpu", "mps", "cuda")] == ["cpu", "mps", "cuda"]


@pytest.mark.parametrize("deterministic", [True, False])
def test_products_are_float32_unless_tf32_is_asked_for(deterministic):
    for precision, products in (("tf32", "tf32"), ("float32", "ieee"), ("tf32", "tf32"), ("bfloat16", "ieee")):
        make_exact(1, deterministic, precision)
        assert [switch.fp32_precision for switch in SWITCHES] == [products] * 3
    make_exact(1, deterministic)
    assert [switch.fp32_precision for switch in SWITCHES] == ["ieee"] * 3


@pytest.mark.slow
def test_settings_warn_of_nothing_and_import_no_compiler():
    script = (
        "import sys; from prunesim.training.device import choose_device, make_exact;"
        "make_exact(1, True, 'tf32'); make_exact(1, True, choose_device('cpu') and 'float32');"
        "sys.exit(str([name for name in sys.modules if name.startswith(('torch._dynamo', 'torch._inductor'))] or ''))"
    )
    source = Path(__file__).parents[2] / "src"
    # What torch warns of when it is imported is not ours.
    run = [sys.executable, "-c", f"import torch, warnings; warnings.simplefilter('error'); {script}"]
    done = subprocess.run(run, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(source)})
    assert done.stderr.strip() == ""
