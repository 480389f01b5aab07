"""What the schema says of a configuration: values read and filled in as it wants them, or refused in sentences.

jsonschema finds what is wrong; the schema's own keywords are explained at its top.
"""

import copy
import math
import re
import sys
from collections.abc import Mapping
from difflib import SequenceMatcher

from prunesim.study.words import EXPONENT, allowed, did_you_mean, dotted, exponent_form, one_of, show, types_of

# The integers and numbers that YAML 1.1 sees in unquoted text; 1e-3 is not among them.
_YAML_NUMBER = re.compile(r"[-+]?([0-9][0-9_]*(\.[0-9_]*([eE][-+][0-9]+)?)?|\.[0-9][0-9_]*([eE][-+][0-9]+)?)")
_WORDS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


def foreign(value, path):
    """Yield a sentence for each key that is not text and each value that JSON does not have."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            if isinstance(key, str):
                yield from foreign(item, (*path, key))
            else:
                hint = ", as YAML reads yes, no, on and off" if isinstance(key, bool) else ""
                where = dotted(path) or "The configuration"
                yield f"{where} has the key {show(key)}{hint}; a key must be text, so put it in quotes."
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from foreign(item, (*path, index))
    elif value is not None and not isinstance(value, str | int | float):
        kind = "a date" if hasattr(value, "isoformat") else f"of the type {type(value).__name__}"
        yield f"{dotted(path)} is {value}, which YAML reads as {kind}; put it in quotes if text is meant."


def plain(value):
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list | tuple) else value


def read_text(value, given, schema):
    """Return `value` with the text in `given`, from the command line, read as the types that the schema asks for."""
    if isinstance(value, dict) and isinstance(given, dict):
        return {
            key: read_text(item, given[key], _child(schema, key) or {}) if key in given else item
            for key, item in value.items()
        }
    if isinstance(value, list) and value == given:
        return [read_text(item, item, schema.get("items", {})) for item in value]
    if not isinstance(value, str) or value != given:
        return value
    types = types_of(schema)
    if value == "null" and "null" in types:
        return None
    if value in ("true", "false") and "boolean" in types:
        return _WORDS[value]
    for name, convert in (("integer", int), ("number", float)):
        if name in types:
            try:
                return convert(value)
            except ValueError:
                pass
    return value


def _validator(schema):
    import jsonschema

    base = jsonschema.Draft202012Validator

    def pattern(validator, pattern, instance, schema):
        # A whole match: in Python, $ also matches before a line break at the end.
        if isinstance(instance, str) and not re.fullmatch(pattern, instance):
            yield jsonschema.ValidationError(f"{instance!r} does not match {pattern!r}")

    def number(checker, instance):
        # Neither NaN and infinity, which no range refuses, nor what is too large for a float.
        return base.TYPE_CHECKER.is_type(instance, "number") and abs(instance) <= sys.float_info.max

    checker = base.TYPE_CHECKER.redefine("number", number)
    return jsonschema.validators.extend(base, {"pattern": pattern}, type_checker=checker)(schema)


def schema_problems(config, schema):
    """Return a sentence for each value or key that the schema refuses, in the order of the schema."""
    problems = {}
    for error in _validator(schema).iter_errors(config):
        path = tuple(error.absolute_path)
        if "propertyNames" in error.absolute_schema_path:
            path = (*path, error.instance)
            sentence = f"{dotted(path)} is not a name that can be used here; it must be {allowed(error.schema)}."
            problems.setdefault(path, sentence)
        elif error.validator == "additionalProperties":
            for key in error.instance:
                if key not in error.schema["properties"]:
                    problems.setdefault((*path, key), _unknown_key(schema, (*path, key), error.instance[key]))
        elif error.validator == "required":
            missing = [key for key in error.schema["required"] if key not in error.instance]
            sentence = f"{dotted(path)} has no {' and no '.join(missing)}; it must be {allowed(error.schema)}."
            problems.setdefault(path, sentence)
        elif error.validator == "uniqueItems":
            twice = next(item for i, item in enumerate(error.instance) if item in error.instance[:i])
            problems.setdefault(path, f"{dotted(path)} names {show(twice)} twice; once is enough.")
        else:
            problems.setdefault(path, _wrong_value(path, error.instance, error.schema))
    return [problems[path] for path in sorted(problems, key=lambda path: _position(schema, path))]


def _position(schema, path):
    """Return where a path stands in the schema, as a sort key; unknown keys come last, by name."""
    position = []
    for part in path:
        names = list(schema.get("properties", {})) if schema else []
        index = part if isinstance(part, int) else names.index(part) if part in names else len(names)
        position.append((index, str(part)))
        schema = _child(schema, part)
    return position


def _child(schema, part):
    """Return the schema of a key or index, or None."""
    if not schema:
        return None
    if isinstance(part, int):
        return schema.get("items")
    more = schema.get("additionalProperties")
    return schema.get("properties", {}).get(part) or (more if isinstance(more, dict) else None)


def _wrong_value(path, value, schema):
    kind = "the text " if isinstance(value, str) and not {"string", "array"} & {*types_of(schema)} else ""
    hints = (_hint(value, schema), _misplaced_setting(path, schema))
    hint = next((f" ({text})" for text in hints if text), "")
    return f"{dotted(path)} is {kind}{show(value)}; it must be {allowed(schema)}{hint}."


def _hint(value, schema):
    """Return what was probably meant, or None."""
    types = types_of(schema)
    choices = [*schema.get("enum", []), *schema.get("x-names", [])]
    if value is None:
        if "none" in choices:
            return "write the word none"
        return "an empty section reads as null: remove it, or write {}" if "object" in types else None
    if isinstance(value, bool):
        return (
            "YAML reads yes, no, on and off as true or false: put such a word in quotes" if "string" in types else None
        )
    if isinstance(value, int | float):
        if "string" in types and "enum" not in schema and re.fullmatch(schema.get("pattern", ".*"), str(value)):
            return f"put it in quotes: {show(str(value))}"
        listed = "array" in types and "number" not in types and not schema.get("minItems", 0) > 1
        return f"write a list: {show([value])}" if listed else None
    return _hint_for_text(value, schema, types, choices) if isinstance(value, str) else None


def _hint_for_text(value, schema, types, choices):
    word = value.lower()
    if {"integer", "number"} & {*types} and (number := _as_number(value, types)):
        if _YAML_NUMBER.fullmatch(value):
            return f"write {number} without quotes"
        return f"YAML reads {value} as text: write {number}"
    if "boolean" in types and word in _WORDS:
        return f"write {show(_WORDS[word])} without quotes"
    if "null" in types and word in ("null", "none", "~", ""):
        return "write null, without quotes"
    if "array" in types and word not in choices:
        return f"write a list: [{value}]" if re.fullmatch(r"[\w.*-]+", value) else "write a list"
    return did_you_mean(word, [choice for choice in choices if isinstance(choice, str)]).strip(" ()") or None


def _as_number(text, types):
    """Return how YAML 1.1 wants the number in `text` written, or None if there is none."""
    try:
        number = float(text)
    except ValueError:
        return None
    if not math.isfinite(number):
        return None
    if "integer" in types:
        return str(int(number)) if number.is_integer() else None
    return exponent_form(text) if EXPONENT.fullmatch(text) else show(number)


def _misplaced_setting(path, schema):
    """Explain a setting of a method that stands where the name of a method should."""
    if len(path) == 2 and path[0] == "methods" and path[1] in schema.get("properties", {}):
        return f"a setting stands under the name of its method: methods.<method>.{path[1]}"
    return None


def _unknown_key(schema, path, value):
    """Say which known key is nearest: by its spelling first, then by its place."""
    *parents, name = path
    here = _pattern(schema, parents)
    known = list(_known_paths(schema))
    first, *rest = name.split(".")
    if rest and _pattern(schema, (*parents, first, *rest)) in known:
        inner = show(value)
        for part in reversed(rest):
            inner = f"{{{part}: {inner}}}"
        return f"{dotted(path)} is written as one key; nest it: {first}: {inner}."
    scores = {}
    for candidate in known:
        same_place = candidate[:-1] == here
        likeness = SequenceMatcher(None, name.lower().replace("-", "_"), candidate[-1]).ratio()
        if likeness >= 0.7 and (same_place or "<entry>" not in candidate):
            shown = (*parents, *candidate[len(parents) :]) if candidate[: len(parents)] == here else candidate
            scores[shown] = likeness + 0.2 * same_place - 0.04 * len(candidate)
    close = [candidate for candidate in scores if scores[candidate] > max(scores.values()) - 0.1]
    if close:
        close = sorted(close, key=lambda candidate: -scores[candidate])[:3]
        return f"{dotted(path)} is not a key; did you mean {one_of([dotted(candidate) for candidate in close])}?"
    siblings = ", ".join(candidate[-1] for candidate in known if candidate[:-1] == here)
    return f"{dotted(path)} is not a key; {f'{dotted(parents)} has' if parents else 'there are'} {siblings}."


def _known_paths(schema, path=()):
    """Yield the path of every key; the name of a method is ``<method>``."""
    for name, child in schema.get("properties", {}).items():
        yield (*path, name)
        yield from _known_paths(child, (*path, name))
        if isinstance(child.get("additionalProperties"), dict):
            yield from _known_paths(child["additionalProperties"], (*path, name, "<method>"))
    if "items" in schema:
        yield from _known_paths(schema["items"], (*path, "<entry>"))


def _pattern(schema, path):
    """Return a path as `_known_paths` yields it."""
    pattern = []
    for part in path:
        named = part in (schema or {}).get("properties", {})
        pattern.append("<entry>" if isinstance(part, int) else part if named or not pattern else "<method>")
        schema = _child(schema, part)
    return tuple(pattern)


def fill(value, schema):
    """Return a valid value with defaults filled in, in the order and with the number types of the schema."""
    if isinstance(value, dict):
        return _fill_mapping(value, schema)
    if isinstance(value, list):
        return [fill(item, schema.get("items", {})) for item in value]
    if isinstance(value, int | float) and not isinstance(value, bool):
        types = types_of(schema)
        return int(value) if "integer" in types else float(value) if "number" in types else value
    return value


def _fill_mapping(value, schema):
    more = schema.get("additionalProperties")
    if more is True:
        return copy.deepcopy(value)
    if isinstance(more, dict):
        return {name: fill(value[name], more) for name in sorted(value) if value[name] is not False}
    filled = {}
    for name, child in schema["properties"].items():
        if name in value:
            filled[name] = fill(value[name], child)
        elif "default" in child:
            filled[name] = fill(copy.deepcopy(child["default"]), child)
        elif child.get("type") == "object":
            filled[name] = fill({}, child)
    return filled
