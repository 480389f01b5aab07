"""What is said of a configuration, in the words of the person who wrote it."""

import re
from collections.abc import Mapping
from difflib import get_close_matches

from prunesim.errors import PrunesimError

EXPONENT = re.compile(r"([-+]?[0-9]+)(?:\.([0-9]*))?[eE]([-+]?)([0-9]+)")


def show(value):
    """Return a value as one would write it in YAML, shortened if long."""
    text = _yaml(value)
    return text if len(text) <= 80 else f"{text[:76]} ..."


def _yaml(value):
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        return "'" + value.replace("'", "''").replace("\n", "\\n") + "'"
    if isinstance(value, list | tuple):
        return f"[{', '.join(_yaml(item) for item in value)}]"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_yaml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, float):
        special = {"nan": ".nan", "inf": ".inf", "-inf": "-.inf"}
        text = special.get(repr(value), repr(value))
        return exponent_form(text) if "e" in text else text
    return str(value)


def plain(value):
    """Return a value as the tables have it: numbers without zeros at their end, yes and no."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)


def exponent_form(text):
    """Return a number such as 1e-3 as YAML 1.1 needs it: 1.0e-3."""
    digits, decimals, sign, exponent = EXPONENT.fullmatch(text).groups()
    return f"{digits}.{decimals or 0}e{sign or '+'}{exponent}"


def dotted(path):
    """Return a path of keys and indices as ``training.epochs`` or ``network.layers[0].kind``."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".").replace("\n", "\\n")


def allowed(schema):
    """Return in words what values a schema allows."""
    if "x-allowed" in schema:
        return schema["x-allowed"]
    types = types_of(schema)
    null = ["null"] if "null" in types else []
    if "enum" in schema:
        choices = [value if isinstance(value, str) else show(value) for value in schema["enum"] if value is not None]
        return one_of(choices + null)
    words = {
        "integer": f"a whole number{_range(schema)}",
        "number": f"a number{_range(schema)}",
        "boolean": "true or false",
        "string": "text",
        "object": "a mapping of settings",
    }
    if "array" in types:
        words["array"] = f"a list of one or more of {', '.join(schema['items']['enum'])}"
    return one_of([words[name] for name in types if name != "null"] + null)


def one_of(words):
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def _range(schema):
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None and high is not None:
        return f" from {low} to {high}"
    bounds = {
        "of at least": low,
        "above": schema.get("exclusiveMinimum"),
        "of at most": high,
        "below": schema.get("exclusiveMaximum"),
    }
    return "".join(
        f"{' and' if i else ''} {words} {value}"
        for i, (words, value) in enumerate((words, value) for words, value in bounds.items() if value is not None)
    )


def types_of(schema):
    """Return the JSON types that a schema allows; those of its values where it only lists values."""
    if "type" in schema:
        return [schema["type"]] if isinstance(schema["type"], str) else schema["type"]
    return ["string"] if "enum" in schema else []


def did_you_mean(text, names):
    nearest = get_close_matches(text, names, n=1, cutoff=0.7) if isinstance(text, str) else []
    return f" (did you mean {nearest[0]}?)" if nearest else ""


def refuse(problems):
    """Raise all of `problems`, one a line, if there are any."""
    problems = list(problems)
    if problems:
        raise PrunesimError("\n".join(problems))
