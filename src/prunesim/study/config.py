"""The configuration of a study: defaults filled in, or refused in sentences.

The schema (JSON Schema 2020-12) says what is allowed (`schema.py`), `agreement.py` which keys have to fit each other,
and `words.py` says what does not in the words of the person who wrote the file.
"""

from collections.abc import Mapping
from pathlib import Path

from prunesim.errors import PrunesimError
from prunesim.study.agreement import CROSS_CHECKS
from prunesim.study.methods import check_controls, resolve_methods
from prunesim.study.schema import fill, foreign, plain, read_text, schema_problems
from prunesim.study.tables import tables_of as tables_of
from prunesim.study.words import refuse, show


def load_yaml(path):
    """Return the content of a YAML file, such as the schema.

    Raises
    ------
    PrunesimError
        If the file is missing or is not YAML.
    """
    import yaml

    try:
        text = Path(path).read_text(encoding="utf-8")
        return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except OSError as error:
        raise PrunesimError(f"{path} could not be read: {error.strerror or error}.") from error
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise PrunesimError(f"{path} is not valid YAML: {' '.join(str(error).split())}.") from error


def check_config(config, schema, command_line=None):
    """Return a configuration with all defaults filled in.

    Numbers take the type that the schema gives them (``1`` becomes ``1.0`` where a number is meant), keys the order
    of the schema and methods that of their names, so that two ways to write the same study compare equal as text too.

    Parameters
    ----------
    config : dict
        As read from YAML, overlays merged in. It is not changed.
    schema : dict
        From `load_yaml`.
    command_line : dict, optional
        What ``snakemake --config`` gave, as it is part of `config`. Snakemake reads nested values there as text;
        such text is taken for the number, true, false or null that the schema asks for.

    Returns
    -------
    dict
        A deep copy of plain dicts, lists and scalars. Methods set to false are left out.

    Raises
    ------
    PrunesimError
        One sentence a line for everything that is wrong: dotted key, value, and what would be right.
    """
    if not isinstance(config, Mapping):
        raise PrunesimError(f"The configuration is {show(config)}; it must be a mapping from keys to values.")
    refuse(foreign(config, ()))
    given = plain(config)
    if command_line:
        given = read_text(given, plain(command_line), schema)
    refuse(schema_problems(given, schema))
    filled = fill(given, schema)
    refuse(check_controls(filled["methods"], schema))
    filled["methods"] = resolve_methods(filled["methods"])
    refuse(problem for check in CROSS_CHECKS for problem in check(filled, schema))
    return filled
