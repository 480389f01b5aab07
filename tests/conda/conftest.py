import importlib.util
import os
import re
import sysconfig

import pytest
from conda_runs import description, snakemake
from pipeline.pipeline_runs import REPOSITORY, copy_all, copy_source


@pytest.fixture(scope="session")
def conda(made_once):
    """Return a conda installation, with the versions of python and pip that the environments pin."""
    if importlib.util.find_spec("rattler") is None:
        reason = "py-rattler is not installed (it is in requirements-dev.txt)"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    from conda_installation import install_conda

    versions = dict(re.findall(r"^  - (python|pip)=([0-9.]+)$", description("torch"), re.MULTILINE))
    return made_once("conda", lambda root: install_conda(root, versions))


@pytest.fixture(scope="session")
def conda_study(conda, made_once):
    """Return a clone in which the tiny study has run with conda; no test may change it.

    The user had a PYTHONPATH, and had installed another numpy with `pip install --user`.
    `PYTHONPATH/seen.log` there has the calls of Python that the PYTHONPATH reached.
    """

    def make(clone):
        copy_source(REPOSITORY, clone)
        user = clone / "PYTHONPATH"
        user.mkdir()
        (user / "sitecustomize.py").write_text(
            "import os, sys\n"
            "with open(os.path.join(os.path.dirname(__file__), 'seen.log'), 'a') as log:\n"
            "    print(sys.orig_argv, file=log)\n"
        )
        home = clone / "home"
        packages = home / "lib" / f"python{sysconfig.get_python_version()}" / "site-packages"
        packages.mkdir(parents=True)
        (packages / "numpy.py").write_text("raise ImportError('the numpy of the user')")
        variables = {"PYTHONPATH": str(user), "PYTHONUSERBASE": str(home)}
        status, printed = snakemake(clone, "--use-conda", "--cores", "2", conda=conda, **variables)
        assert status == 0, printed

    return made_once("a clone with blanks", make)


@pytest.fixture
def conda_clone(conda_study, tmp_path):
    """Return a copy of that clone, in another place, for one test."""
    return copy_all(conda_study, tmp_path / "moved here")


@pytest.fixture
def new_clone(tmp_path):
    """Return a clone in which nothing has run."""
    return copy_source(REPOSITORY, tmp_path / "new clone")
