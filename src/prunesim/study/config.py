"""The configuration of a study: defaults filled in, or refused in sentences.

The schema (JSON Schema 2020-12) says what is allowed; jsonschema finds what is not, and this module says so in the
words of the person who wrote the file. Its own keywords are explained at the top of the schema.
"""

import copy
import math
import re
import sys
from collections.abc import Mapping
from difflib import SequenceMatcher, get_close_matches
from fnmatch import fnmatchcase
from itertools import pairwise
from pathlib import Path

from prunesim.errors import PrunesimError
from prunesim.networks.builtin import NETWORKS
from prunesim.networks.spec import KINDS, chosen, some, torchvision_name
from prunesim.study.chains import check_chains, check_weights

# The integers and numbers that YAML 1.1 sees in unquoted text; 1e-3 is not among them.
_YAML_NUMBER = re.compile(r"[-+]?([0-9][0-9_]*(\.[0-9_]*([eE][-+][0-9]+)?)?|\.[0-9][0-9_]*([eE][-+][0-9]+)?)")
_EXPONENT = re.compile(r"([-+]?[0-9]+)(?:\.([0-9]*))?[eE]([-+]?)([0-9]+)")
_WORDS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


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
    _refuse(_foreign(config, ()))
    plain = _plain(config)
    if command_line:
        plain = _read_text(plain, _plain(command_line), schema)
    _refuse(_schema_problems(plain, schema))
    filled = _fill(plain, schema)
    _refuse(problem for check in CROSS_CHECKS for problem in check(filled, schema))
    return filled


def check_layers(config, layers):
    """Refuse compared layers that the network does not have or that are not dumped.

    Parameters
    ----------
    config : dict
        From `check_config`.
    layers : list of (str, str)
        Name and kind of the layers with activations, in their order.

    Raises
    ------
    PrunesimError
        One sentence a line for each layer, with the nearest name and all there are.
    """
    asked = config["comparison"]["layers"]
    names = [name for name, _ in layers]
    kinds = list(dict.fromkeys(kind for _, kind in layers))
    problems = []
    for word in [asked] if isinstance(asked, str) else asked:
        if word == "relu" or chosen(layers, [word]):
            continue
        if word in KINDS:
            problems.append(
                f"comparison.layers: no {word} of network {config['network']['name']} is dumped, only "
                f"{_one_of(kinds)}; add it to activations.layers."
            )
        else:
            problems.append(
                f"comparison.layers: {show(word)} is not a layer of network {config['network']['name']}"
                f"{_did_you_mean(word, names)}; it has {some(names)}."
            )
    _refuse(problems)


def check_exclude(config, weight_layer_names):
    """Refuse exclusions from pruning that match no layer, or that leave none.

    Parameters
    ----------
    config : dict
        From `check_config`.
    weight_layer_names : list of str
        The convolutional and linear layers, in their order.

    Raises
    ------
    PrunesimError
        One sentence a line for each pattern, with the nearest name and all there are.
    """
    network, known = config["network"]["name"], some(weight_layer_names)
    problems = []
    sections = [(kind, *item) for kind in ("methods", "chains") for item in config[kind].items()]
    for kind, method, settings in sections:
        key = f"{kind}.{method}.exclude"
        unmatched = [p for p in settings["exclude"] if not any(fnmatchcase(n, p) for n in weight_layer_names)]
        problems += [
            f"{key}: {show(pattern)} matches no layer with weights of network {network}"
            f"{_did_you_mean(pattern, weight_layer_names)}; it has {known}."
            for pattern in unmatched
        ]
        if not unmatched and all(any(fnmatchcase(n, p) for p in settings["exclude"]) for n in weight_layer_names):
            problems.append(f"{key} leaves no layer of network {network} to prune; it has {known}.")
    _refuse(problems)


def _refuse(problems):
    """Raise all of `problems`, one a line, if there are any."""
    problems = list(problems)
    if problems:
        raise PrunesimError("\n".join(problems))


# --- Words ---------------------------------------------------------------------------------------------------------


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
        return _exponent_form(text) if "e" in text else text
    return str(value)


def _exponent_form(text):
    """Return a number such as 1e-3 as YAML 1.1 needs it: 1.0e-3."""
    digits, decimals, sign, exponent = _EXPONENT.fullmatch(text).groups()
    return f"{digits}.{decimals or 0}e{sign or '+'}{exponent}"


def dotted(path):
    """Return a path of keys and indices as ``training.epochs`` or ``network.layers[0].kind``."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".").replace("\n", "\\n")


def allowed(schema):
    """Return in words what values a schema allows."""
    if "x-allowed" in schema:
        return schema["x-allowed"]
    types = _types(schema)
    null = ["null"] if "null" in types else []
    if "enum" in schema:
        choices = [value if isinstance(value, str) else show(value) for value in schema["enum"] if value is not None]
        return _one_of(choices + null)
    words = {
        "integer": f"a whole number{_range(schema)}",
        "number": f"a number{_range(schema)}",
        "boolean": "true or false",
        "string": "text",
        "object": "a mapping of settings",
    }
    if "array" in types:
        words["array"] = f"a list of one or more of {', '.join(schema['items']['enum'])}"
    return _one_of([words[name] for name in types if name != "null"] + null)


def _one_of(words):
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


def _types(schema):
    """Return the JSON types that a schema allows; those of its values where it only lists values."""
    if "type" in schema:
        return [schema["type"]] if isinstance(schema["type"], str) else schema["type"]
    return ["string"] if "enum" in schema else []


def _did_you_mean(text, names):
    nearest = get_close_matches(text, names, n=1, cutoff=0.7) if isinstance(text, str) else []
    return f" (did you mean {nearest[0]}?)" if nearest else ""


# --- Values that are not JSON, and text from the command line ------------------------------------------------------


def _foreign(value, path):
    """Yield a sentence for each key that is not text and each value that JSON does not have."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            if isinstance(key, str):
                yield from _foreign(item, (*path, key))
            else:
                hint = ", as YAML reads yes, no, on and off" if isinstance(key, bool) else ""
                where = dotted(path) or "The configuration"
                yield f"{where} has the key {show(key)}{hint}; a key must be text, so put it in quotes."
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _foreign(item, (*path, index))
    elif value is not None and not isinstance(value, str | int | float):
        kind = "a date" if hasattr(value, "isoformat") else f"of the type {type(value).__name__}"
        yield f"{dotted(path)} is {value}, which YAML reads as {kind}; put it in quotes if text is meant."


def _plain(value):
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


def _read_text(value, given, schema):
    """Return `value` with the text in `given`, from the command line, read as the types that the schema asks for."""
    if isinstance(value, dict) and isinstance(given, dict):
        return {
            key: _read_text(item, given[key], _child(schema, key) or {}) if key in given else item
            for key, item in value.items()
        }
    if isinstance(value, list) and value == given:
        return [_read_text(item, item, schema.get("items", {})) for item in value]
    if not isinstance(value, str) or value != given:
        return value
    types = _types(schema)
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


# --- What the schema refuses ---------------------------------------------------------------------------------------


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


def _schema_problems(config, schema):
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
    kind = "the text " if isinstance(value, str) and not {"string", "array"} & {*_types(schema)} else ""
    hints = (_hint(value, schema), _misplaced_setting(path, schema))
    hint = next((f" ({text})" for text in hints if text), "")
    return f"{dotted(path)} is {kind}{show(value)}; it must be {allowed(schema)}{hint}."


def _hint(value, schema):
    """Return what was probably meant, or None."""
    types = _types(schema)
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
        return f"write a list: {show([value])}" if "array" in types and not schema.get("minItems", 0) > 1 else None
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
    return _did_you_mean(word, [choice for choice in choices if isinstance(choice, str)]).strip(" ()") or None


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
    return _exponent_form(text) if _EXPONENT.fullmatch(text) else show(number)


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
            scores[shown] = likeness + 0.2 * same_place - 0.03 * len(candidate)
    close = [candidate for candidate in scores if scores[candidate] > max(scores.values()) - 0.1]
    if close:
        close = sorted(close, key=lambda candidate: -scores[candidate])[:3]
        return f"{dotted(path)} is not a key; did you mean {_one_of([dotted(candidate) for candidate in close])}?"
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


# --- Defaults ------------------------------------------------------------------------------------------------------


def _fill(value, schema):
    """Return a valid value with defaults filled in, in the order and with the number types of the schema."""
    if isinstance(value, dict):
        return _fill_mapping(value, schema)
    if isinstance(value, list):
        return [_fill(item, schema.get("items", {})) for item in value]
    if isinstance(value, int | float) and not isinstance(value, bool):
        types = _types(schema)
        return int(value) if "integer" in types else float(value) if "number" in types else value
    return value


def _fill_mapping(value, schema):
    more = schema.get("additionalProperties")
    if more is True:
        return copy.deepcopy(value)
    if isinstance(more, dict):
        return {name: _fill(value[name], more) for name in sorted(value) if value[name] is not False}
    filled = {}
    for name, child in schema["properties"].items():
        if name in value:
            filled[name] = _fill(value[name], child)
        elif "default" in child:
            filled[name] = _fill(copy.deepcopy(child["default"]), child)
        elif child.get("type") == "object":
            filled[name] = _fill({}, child)
    return filled


# --- Keys that have to agree ---------------------------------------------------------------------------------------


def _check_dataset(config, schema):
    dataset = config["dataset"]
    name, source, path = dataset["name"], dataset["source"], dataset["path"]
    sources = schema["properties"]["dataset"]["properties"]["source"]["enum"]
    built_in = [word for word in sources if word not in ("image_folder", None)]
    if source is None and name not in sources:
        yield (
            f"dataset.name: {show(name)} is not a built-in data set{_did_you_mean(name.lower(), built_in)}; "
            f"set dataset.source to the one that reads its files, or take {_one_of(built_in)}."
        )
    if source is not None and name in built_in and source in built_in and name != source:
        yield (
            f"dataset.name is {name}, which is another data set than dataset.source, {source}; "
            "give it a name of its own."
        )
    if (source or name) == "image_folder" and path is None:
        yield "dataset.path is null; image_folder needs the folder that holds train/<class>/* and test/<class>/*."
    if (source or name) == "digits" and path is not None:
        yield f"dataset.path is {show(path)}; digits comes with scikit-learn, so it must be null."
    if dataset["fit"] != "stretch" and dataset["resize"] is None:
        yield (
            f"dataset.fit is {dataset['fit']}, but dataset.resize is null; "
            f"give the height and width to {dataset['fit']} the images to."
        )
    if dataset["background"] and (source or name) != "image_folder" and dataset["fit"] != "pad":
        yield (
            f"dataset.background is {dataset['background']}, but images of {source or name} have no transparent pixels "
            "and are not padded; it must be null."
        )


def _check_network(config, schema):
    network = config["network"]
    name, layers = network["name"], network["layers"]
    if name in NETWORKS and network["arguments"]:
        yield f"network.arguments is for a network of your own; for the built-in {name} it must be {{}}."
    if network["width_factor"] != 1 and name not in NETWORKS:
        yield f"network.width_factor is for the built-in networks; for {name} it must be 1."
    if network["small_images"] and not torchvision_name(name):
        yield f"network.small_images is for torchvision's ResNets and DenseNets; for {name} it must be false."
    if set("{}") & set(name):
        yield f"network.name is {show(name)}; braces are Snakemake's wildcards, so the path must have none."
    names = [layer["name"] for layer in layers or []]
    for twice in sorted({name for name in names if names.count(name) > 1}):
        yield f"network.layers names {show(twice)} twice; the names of layers must differ."


def _check_training(config, schema):
    training = config["training"]
    milestones, epochs = training["milestones"], training["epochs"]
    if any(later <= earlier for earlier, later in pairwise(milestones)):
        yield f"training.milestones is {show(milestones)}; the epochs must be in ascending order."
    if milestones and max(milestones) >= epochs:
        yield f"training.milestones is {show(milestones)}; each must be below training.epochs, which is {epochs}."
    if training["schedule"] == "step" and not milestones:
        yield "training.milestones is []; training.schedule step needs at least one epoch there."
    if training["augmentation"] == "crop_flip":
        padding, resize = training["crop_padding"], config["dataset"]["resize"]
        if padding == 0 and not training["flip"]:
            yield (
                "training.augmentation crop_flip does nothing with crop_padding 0 and flip false; "
                "write augmentation: none."
            )
        if resize and padding >= min(resize):
            yield (
                f"training.crop_padding is {padding}; "
                f"it must be below the size of the images, dataset.resize {show(resize)}."
            )


def _check_methods(config, schema):
    epochs = config["training"]["epochs"]
    if not config["methods"] and not config["chains"]:
        yield "methods has none left; at least one must not be false, or chains must have one."
    for name, method in config["methods"].items():
        rewind = method["rewind"]
        if isinstance(rewind, dict) and rewind.get("epoch", 0) >= epochs:
            yield (
                f"methods.{name}.rewind is {show(rewind)}; the epoch must be below training.epochs, which is {epochs}."
            )


def _check_comparison(config, schema):
    measures, measure = config["comparison"]["measures"], config["figures"]["measure"]
    if measure not in measures:
        yield (
            f"figures.measure is {measure}, which is not in comparison.measures; "
            f"add it there, or take {_one_of(measures)}."
        )


CROSS_CHECKS = (
    _check_dataset,
    _check_network,
    _check_training,
    _check_methods,
    check_weights,
    check_chains,
    _check_comparison,
)
