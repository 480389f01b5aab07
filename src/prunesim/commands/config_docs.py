"""Print the documentation of the configuration, docs/config.md, from its schema."""

import difflib
import sys
from pathlib import Path

from prunesim.errors import PrunesimError
from prunesim.study.config import load_yaml
from prunesim.study.words import allowed, dotted, show

SCHEMA = "workflow/schemas/config.schema.yaml"

# What a change of a key makes run again. Each step is followed by the steps below it.
RECOMPUTES = {
    "starts anew": "everything, in a new folder; the old one stays as it is",
    "fetches again": "the conversion of the images, then as below",
    "trains again": "the training of the dense networks, then as below",
    "prunes again": "the rounds of that method, then as below; the dense networks stay",
    "dumps again": "the activations of all networks, then as below; nothing is trained",
    "compares again": "the comparisons, then as below",
    "evaluates again": "the accuracies under further pruning and on worse images, their table and figure",
    "finds the concepts again": "what units recognise, its tables, figure and sheet",
    "counts again": "the tables of concepts, their figure and sheet; no network is run",
    "redraws": "the figures and the report, and the claims where the measure changes",
    "holds the claims again": "the table and the figure of claims",
    "runs what is new": "what was added, its comparisons, and the tables and figures; what was taken away is left out",
}

INTRODUCTION = """\
# Configuration

<!-- Generated from workflow/schemas/config.schema.yaml by `prunesim config-docs`. Edit the schema, not this file. -->

`config.yaml` is the default study. Another study is an *overlay*, a file with only the keys that differ:

```yaml
# experiments/ticket.yaml: the lottery ticket of the default study
study: ticket
methods:
  imp: {rewind: init}
```

```sh
snakemake --cores 8 --configfile experiments/ticket.yaml               # config.yaml, then the overlay
snakemake --cores 8 --configfile a.yaml b.yaml                         # b.yaml wins over a.yaml
snakemake --cores 8 --config rounds=12 'training={epochs: 5}'          # the command line wins over all files
```

Mappings are merged key by key. Everything else is replaced, lists too: `measures: [svcca]` compares svcca alone.
So an overlay adds methods to those of `config.yaml`; `imp: false` leaves one out. Each study needs a name of its own
in `study`, or its results replace those of the other.

The whole configuration is checked before anything runs. An unknown key, a wrong value, or two keys that do not agree
stop it, with one sentence each. The names of layers are checked against the network.

**Traps of YAML.**

| you write | YAML reads | write instead |
|---|---|---|
| `learning_rate: 1e-3` | the text `1e-3` (refused) | `1.0e-3` or `0.001` |
| `study: 2020` or `study: 2020-01-01` | a number or a date (refused) | `study: "2020"` |
| `study: no`, `on`, `yes`, `off` | true or false (refused) | `study: "no"` |
| `rewind: null` | nothing (refused) | `rewind: none`, the word |
| `training:` with nothing below it | null (refused) | leave the line out |
| the same key twice in one file | the second one, silently | once |
| `seed: 0123` | the octal number 83, silently | `seed: 123` |

"""


def add_arguments(parser):
    parser.add_argument("--schema", default=SCHEMA, metavar="FILE", help="the schema (default: %(default)s)")
    parser.add_argument("--check", metavar="FILE", help="print nothing; exit with status 1 if FILE differs")


def run(arguments):
    text = config_markdown(load_yaml(arguments.schema))
    if arguments.check is None:
        sys.stdout.write(text)
        return 0
    try:
        current = Path(arguments.check).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PrunesimError(f"{arguments.check} could not be read: {getattr(error, 'strerror', error)}.") from error
    if current == text:
        return 0
    changed = difflib.unified_diff(current.splitlines(), text.splitlines(), arguments.check, "the schema", lineterm="")
    print("\n".join(changed))
    print(
        f"{arguments.check} is not what {arguments.schema} says; "
        f"write it anew with: prunesim config-docs > {arguments.check}",
        file=sys.stderr,
    )
    return 1


def config_markdown(schema):
    """Return the documentation of a schema as Markdown.

    Parameters
    ----------
    schema : dict
        From `prunesim.study.config.load_yaml`.
    """
    parts = [INTRODUCTION, _recompute_table()]
    plain = [name for name, child in schema["properties"].items() if child["type"] != "object"]
    parts.append("## The study\n\n")
    parts += [_entry((name,), schema["properties"][name]) for name in plain]
    for name, child in schema["properties"].items():
        if name not in plain:
            parts.append(f"## `{name}`\n\n{_sentence(child['description'])}\n\n")
            parts += [_entry(path, key) for path, key in _entries(child, (name,))]
    return "".join(parts).rstrip() + "\n"


def _recompute_table():
    rows = "".join(f"| {name} | {text} |\n" for name, text in RECOMPUTES.items())
    return (
        "**What a change costs.** Only what depends on a key runs again. Each key below says which of these it is:\n\n"
        f"| a change | what runs |\n|---|---|\n{rows}\n"
    )


def _entries(schema, path):
    """Yield path and schema of every key below a section; the settings of a method once, for all methods."""
    if isinstance(schema.get("additionalProperties"), dict):
        # `methods` hold a <method> each, `chains` a <chain>.
        yield from _entries(schema["additionalProperties"], (*path, f"<{path[-1].removesuffix('s')}>"))
    for name, child in schema.get("properties", {}).items():
        yield (*path, name), child
        yield from _entries(child, (*path, name))


def _entry(path, schema):
    default = f"`{_plain(schema['default'])}`" if "default" in schema else "not set"
    return (
        f"### `{dotted(path)}`\n\n{_sentence(schema['description'])}\n\n"
        f"- Allowed: {allowed(schema)}\n- Default: {default}\n- A change: {schema['x-recomputes']}\n\n"
    )


def _sentence(text):
    return " ".join(text.split())


def _plain(value):
    """Return a default as YAML, without quotes around the words."""
    return show(value).replace("'", "")
