"""A Bicep file as a tree: what it declares, what it uses, and the objects in it.

There is no compiler of Bicep in Python. tree-sitter's grammar tells a name from a literal; pycep, which cannot, is a
second opinion about the syntax. Both read less than the compiler: no call as the first element of an array, no ternary
over several lines, no `if` in a loop, lambdas of one argument.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import tree_sitter_bicep
from pycep import BicepParser
from tree_sitter import Language, Node, Parser

INFRA = Path(__file__).parents[2] / "infra"
FILES = sorted(INFRA.rglob("*.bicep"))

_PARSER = Parser(Language(tree_sitter_bicep.language()))
_LOCAL = {"loop_variable", "loop_enumerator"}  # of a loop with an index; one without has its name as first child


@dataclass(frozen=True)
class Bicep:
    """One file. `text` may have a mistake planted in it; other files are found from `path`."""

    path: Path
    text: str

    @cached_property
    def root(self) -> Node:
        return _PARSER.parse(self.text.encode()).root_node

    @cached_property
    def declarations(self) -> Mapping[str, Node]:
        """Parameters, variables, types, resources and modules by their names."""
        found = (node for node in self.root.children if node.type.endswith("_declaration"))
        return {spelled(_name(node)): node for node in found if node.type != "output_declaration"}

    @cached_property
    def outputs(self) -> frozenset[str]:
        return frozenset(spelled(_name(node)) for node in self.root.children if node.type == "output_declaration")

    def of_kind(self, kind: str) -> Mapping[str, Node]:
        """The declarations of one kind: parameter, resource, module…"""
        return {name: node for name, node in self.declarations.items() if node.type == f"{kind}_declaration"}

    @cached_property
    def local(self) -> frozenset[str]:
        """The names of loops and of lambdas, wherever they are."""
        nodes = list(within(self.root))
        bound = (node.named_children[0] for node in nodes if node.type in {"lambda_expression", "for_statement"})
        return frozenset(spelled(node) for node in (*bound, *(node for node in nodes if node.type in _LOCAL)))

    @cached_property
    def used(self) -> Mapping[str, int]:
        """The names that stand for a value, and the line of each."""
        return {spelled(node): line(node) for node in within(self.root) if node.type == "identifier" and _is_use(node)}

    @cached_property
    def called(self) -> Mapping[str, int]:
        """The functions and decorators, and the line of each."""
        return {spelled(_name(node)): line(node) for node in within(self.root) if node.type == "call_expression"}

    def misread(self) -> Iterator[str]:
        """Where a parser stumbles."""
        for node in within(self.root):
            if node.type == "ERROR" or node.is_missing:
                yield f"line {line(node)}: no Bicep: {spelled(node)[:40]!r}"
        try:
            BicepParser().parse(text=self.text)
        except Exception as mistake:  # noqa: BLE001 -- lark's, of several kinds
            yield f"pycep cannot read it: {str(mistake).splitlines()[0]}"


def read(path: Path) -> Bicep:
    return Bicep(path, path.read_text(encoding="utf-8"))


def within(node: Node) -> Iterator[Node]:
    """The node and all below it."""
    yield node
    for child in node.children:
        yield from within(child)


def spelled(node: Node) -> str:
    assert node.text is not None
    return node.text.decode()


def line(node: Node) -> int:
    return node.start_point.row + 1


def literal(declaration: Node) -> str:
    """The text behind a resource's or module's name: `Microsoft.Web/sites@2024-11-01`, `modules/app.bicep`."""
    return next(spelled(node).strip("'") for node in declaration.children if node.type == "string")


def is_existing(resource: Node) -> bool:
    return any(child.type == "existing" for child in resource.children)


def objects(value: Node) -> Iterator[Node]:
    """The objects that a value may be, or may have as elements; not those within these objects, or in a call."""
    if value.type == "object":
        yield value
    elif value.type != "call_expression":
        for child in value.children:
            yield from objects(child)


def properties(node: Node) -> Mapping[str, Node]:
    """The values of an object by their keys; a declaration stands for its body."""
    body = node if node.type == "object" else next(objects(node))
    pairs = (child.named_children for child in body.children if child.type == "object_property")
    return {spelled(pair[0]).strip("'"): pair[-1] for pair in pairs}


def _name(node: Node) -> Node:
    return next(child for child in node.children if child.type == "identifier")


def _is_use(node: Node) -> bool:
    parent = node.parent
    assert parent is not None
    names_itself = parent.type.endswith("_declaration") or parent.type in {"object_property", "lambda_expression"}
    if parent.type == "call_expression":
        return False
    return not names_itself or _name(parent) != node
