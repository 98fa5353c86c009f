"""Lists what the package makes public: one name a line, as docs/netaio-parity.md is checked for.

    Class                   a class, function or value that `netaio` exports
    Class.name              a method, an attribute, a property, an enum member or a typed dict's key
    Class.name(parameter)   a parameter of a method; `Class(parameter)` of a constructor
    function(parameter)     a parameter of a function

`netaio.asymmetric` is read and not imported: `netaio` itself shows none of it.
With `--version`, the package's version and nothing else.
"""

from __future__ import annotations

import ast
import dataclasses
import enum
import inspect
import sys
import types
from pathlib import Path

import netaio


def is_public(name: str) -> bool:
    return not name.startswith("_") or name == "__call__"


class Definitions(ast.NodeVisitor):
    """Every top-level definition of a module, as the source has it."""

    def __init__(self, source: str) -> None:
        self.top: dict[str, ast.AST] = {}
        for node in ast.parse(source).body:
            if isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
                self.top[node.name] = node


def parameters(function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    spec = function.args
    named = [argument.arg for argument in spec.posonlyargs + spec.args + spec.kwonlyargs]
    return [name for name in named if name not in ("self", "cls", "_")]


def members(node: ast.ClassDef) -> set[str]:
    found = set()
    for item in node.body:
        if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name):
            found.add(item.target.id)
        elif isinstance(item, (ast.FunctionDef, ast.AsyncFunctionDef)):
            if item.name == "__init__":
                found.update(f"({name})" for name in parameters(item))
                found.update(set_by(item))
            else:
                found.add(item.name)
                found.update(f"{item.name}({name})" for name in parameters(item))
    return found


def set_by(init: ast.FunctionDef | ast.AsyncFunctionDef) -> set[str]:
    """The attributes that a constructor sets."""
    return {
        node.attr
        for node in ast.walk(init)
        if isinstance(node, ast.Attribute)
        and isinstance(node.ctx, ast.Store)
        and isinstance(node.value, ast.Name)
        and node.value.id == "self"
    }


def describe(name: str, node: ast.AST) -> list[str]:
    lines = [name]
    if isinstance(node, ast.ClassDef):
        for member in sorted(members(node)):
            if member.startswith("("):
                lines.append(name + member)
            elif is_public(member):
                lines.append(f"{name}.{member}")
    elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        lines.extend(f"{name}({parameter})" for parameter in parameters(node))
    return lines


def main() -> None:
    if sys.argv[1:] == ["--version"]:
        print(netaio.version())
        return
    package = Path(netaio.__file__).parent
    source: dict[str, ast.AST] = {}
    for path in sorted(package.glob("*.py")):
        source.update(Definitions(path.read_text(encoding="utf-8")).top)

    lines: list[str] = []
    for name, value in sorted(vars(netaio).items()):
        if not is_public(name) or inspect.ismodule(value):
            continue
        lines.extend(describe(name, source.get(name, ast.Pass())))
        if inspect.isclass(value):
            # What the source alone does not show: members that are made or inherited.
            lines.extend(
                f"{name}.{attribute}"
                for attribute, kind in vars(value).items()
                if is_public(attribute)
                and isinstance(kind, (types.FunctionType, classmethod, staticmethod, property))
            )
            if dataclasses.is_dataclass(value):
                lines.extend(f"{name}({field.name})" for field in dataclasses.fields(value))
            if issubclass(value, enum.Enum):
                lines.extend(f"{name}.{member.name}" for member in value)
    asymmetric = Definitions((package / "asymmetric.py").read_text(encoding="utf-8")).top
    for name, node in asymmetric.items():
        lines.extend(describe(name, node))
    print("\n".join(dict.fromkeys(lines)))


if __name__ == "__main__":
    main()
