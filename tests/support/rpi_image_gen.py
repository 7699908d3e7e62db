"""The rules by which rpi-image-gen's `ig metadata --lint` accepts a layer, and its loader a configuration.

They are written after that program's documentation (`layer/LAYER_BEST_PRACTICES`) and after what its sources accept
(`site/metadata_parser.py`, `site/validators.py`, `site/config_loader.py`), since it is in no package registry and so
cannot be installed. Only the rules that a layer of ours can break are here.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import yaml

_VAR: Final = "X-Env-Var-"
_SINGLE: Final = {
    "X-Env-VarPrefix",
    "X-Env-VarRequires",
    "X-Env-VarRequires-Valid",
    "X-Env-VarOptional",
    "X-Env-VarOptional-Valid",
    *(
        f"X-Env-Layer-{name}"
        for name in ("Name", "Desc", "Version", "Category", "Requires", "Conflicts", "Provides", "RequiresProvider")
    ),
}
_ATTRIBUTES: Final = {"Desc", "Required", "Valid", "Set", "Anchor", "Conflicts", "Triggers"}
_SET_POLICIES: Final = {"y", "yes", "1", "true", "n", "no", "0", "false", "force", "lazy", "immediate", "skip"}
_BOOLEANS: Final = {"true", "1", "yes", "y", "false", "0", "no", "n"}
_HOOKS: Final = {"setup-hooks", "extract-hooks", "essential-hooks", "customize-hooks", "cleanup-hooks"}
_MMDEBSTRAP: Final = {
    "packages",
    "architectures",
    "mode",
    "variant",
    "suite",
    "mirrors",
    "aptopts",
    "dpkgopts",
} | _HOOKS


def metadata(text: str) -> Mapping[str, str]:
    """Return the fields between the markers, continued lines joined; ValueError for what deb822 would lose silently."""
    block = text.partition("# METABEGIN\n")[2].partition("# METAEND\n")[0]
    fields: dict[str, str] = {}
    name = ""
    for raw in block.splitlines():
        line = raw.removeprefix("#").removeprefix(" ")
        if not line.strip():
            continue
        if line.startswith((" ", "\t")):
            if not name:
                raise ValueError(f"a continued line before any field: {raw!r}")
            fields[name] += "\n" + line.strip()
        else:
            name, separator, value = line.partition(":")
            if not separator or not re.fullmatch(r"X-Env-[A-Za-z0-9_-]+", name):
                raise ValueError(f"no field name, and not indented: {raw!r}")
            fields[name] = value.strip()
    return fields


def layer_faults(text: str) -> list[str]:
    """Return what the linter would say of a layer; nothing for one that passes."""
    try:
        fields = metadata(text)
        body = yaml.safe_load(text)
    except (ValueError, yaml.YAMLError) as error:
        return [str(error)]
    return [*_field_faults(fields), *_variable_faults(fields), *_body_faults(body)]


def _field_faults(fields: Mapping[str, str]) -> Iterator[str]:
    yield from (f"{name} is missing" for name in ("X-Env-Layer-Name", "X-Env-Layer-Version") if not fields.get(name))
    for name in fields:
        if name in _SINGLE:
            continue
        variable, _, attribute = name.removeprefix(_VAR).partition("-")
        if not name.startswith(_VAR) or not variable or (attribute and attribute not in _ATTRIBUTES):
            yield f"'{name}' is not supported"


def _variable_faults(fields: Mapping[str, str]) -> Iterator[str]:
    names = {name.removeprefix(_VAR).partition("-")[0] for name in fields if name.startswith(_VAR)}
    if names and not fields.get("X-Env-VarPrefix"):
        yield "variables need X-Env-VarPrefix"
    for name in sorted(names):
        if _VAR + name not in fields:
            yield f"attributes of '{name}', which is not defined"
            continue
        rule = fields.get(f"{_VAR}{name}-Valid")
        accepts = None if rule is None else _validator(rule)
        if rule is not None and accepts is None:
            yield f"'{rule}' is no rule, of '{name}'"
        elif accepts is not None and not accepts(fields[_VAR + name]):
            yield f"the value of '{name}' is not what its rule '{rule}' says"
        if fields.get(f"{_VAR}{name}-Set", "y") not in _SET_POLICIES:
            yield f"the set policy of '{name}'"
        if fields.get(f"{_VAR}{name}-Required", "n").lower() not in _BOOLEANS:
            yield f"whether '{name}' is required"


def _validator(rule: str) -> Callable[[str], bool] | None:
    """Return the check that a rule stands for, or None for a rule that there is not."""
    if rule == "string":
        return bool
    if rule in ("string-or-empty", "string-or-unset"):
        return lambda value: True
    if rule == "bool":
        return lambda value: value.lower() in _BOOLEANS
    if found := re.fullmatch(r"int(?::(\d+)-(\d+))?", rule):
        low, high = (int(found[1]), int(found[2])) if found[1] else (None, None)
        return lambda value: value.isdecimal() and (low is None or high is None or low <= int(value) <= high)
    if "," in rule:
        return lambda value: value in [option.strip() for option in rule.split(",")]
    return None


def _body_faults(body: Any) -> Iterator[str]:
    if not isinstance(body, dict) or not isinstance(body.get("mmdebstrap"), dict):
        yield "the body has no mapping 'mmdebstrap'"
        return
    for key, value in body["mmdebstrap"].items():
        if key not in _MMDEBSTRAP:
            yield f"'{key}' is not of mmdebstrap"
        elif key in _HOOKS | {"packages"} and not (
            isinstance(value, list) and all(isinstance(one, str) for one in value)
        ):
            yield f"'{key}' is no list of texts"


def configuration_faults(text: str) -> list[str]:
    """Return what the loader would say of a configuration file."""
    try:
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        return [str(error)]
    if not isinstance(data, dict):
        return ["a mapping is expected"]
    faults = [f"section '{name}' is no mapping" for name, value in data.items() if not isinstance(value, dict)]
    include = data.get("include")
    if isinstance(include, dict) and not include.get("file"):
        faults.append("'include' has no 'file'")
    return faults
