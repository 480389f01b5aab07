import pytest
from dataset_files import everything_below, read_back

from prunesim.datasets.convert import fetch
from prunesim.errors import PrunesimError


@pytest.fixture
def run(tmp_path):
    """Return a function that fetches into ``tmp_path/out/set`` and collects the log in ``run.lines``."""

    def call(known, /, **settings):
        call.lines = []
        table = {settings.get("source") or settings["name"]: known}
        fetch(settings, tmp_path / "out" / "set", known=table, log=call.lines.append)
        return read_back(tmp_path / "out" / "set")

    return call


@pytest.fixture
def refused(run, tmp_path):
    """Return a function that expects a refusal, checks that nothing was left behind, and returns the sentence."""

    def call(known, /, **settings):
        with pytest.raises(PrunesimError) as caught:
            run(known, **settings)
        out = tmp_path / "out"
        assert not out.exists() or everything_below(out) in ([], ["set"])
        sentence = str(caught.value)
        assert sentence.endswith(".")
        assert "\n" not in sentence
        return sentence

    return call
