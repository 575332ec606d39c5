"""What is wrong with a Bicep file, as far as it can be told without Azure's compiler."""

import re
from collections.abc import Iterator, Mapping
from types import ModuleType

from azure.mgmt.compute import types as compute
from azure.mgmt.network import types as network
from azure.mgmt.web import types as web
from bicep.reading import Bicep, is_existing, line, literal, objects, properties, read, spelled, within
from tree_sitter import Node

_DECORATORS = "allowed description maxLength maxValue minLength minValue sealed secure"
_FUNCTIONS = (
    "concat contains deployer empty filter guid loadJsonContent loadTextContent map newGuid replace resourceGroup "
    "resourceId skip split startsWith subscriptionResourceId take toLower trim union uniqueString"
)
VERSIONS: Mapping[str, str] = {
    "Microsoft.Authorization/roleAssignments": "2022-04-01",
    "Microsoft.Authorization/roleDefinitions": "2022-04-01",
    "Microsoft.Cache/redis": "2024-11-01",
    "Microsoft.Cache/redisEnterprise": "2025-07-01",
    "Microsoft.Compute/virtualMachineScaleSets": "2024-07-01",
    "Microsoft.Insights/actionGroups": "2023-01-01",
    "Microsoft.Insights/components": "2020-02-02",
    "Microsoft.Insights/scheduledQueryRules": "2023-03-15-preview",
    "Microsoft.Insights/workbooks": "2023-06-01",
    "Microsoft.ManagedIdentity/userAssignedIdentities": "2023-01-31",
    "Microsoft.Network/networkSecurityGroups": "2024-05-01",
    "Microsoft.Network/privateDnsZones": "2020-06-01",
    "Microsoft.Network/privateEndpoints": "2024-05-01",
    "Microsoft.Network/virtualNetworks": "2024-05-01",
    "Microsoft.OperationalInsights/workspaces": "2023-09-01",
    "Microsoft.Storage/storageAccounts": "2023-05-01",
    "Microsoft.Web/serverfarms": "2024-11-01",
    "Microsoft.Web/sites": "2024-11-01",
}
"""The API versions that were looked up; what is below a type has the version of the type."""

_SHAPES: Mapping[str, tuple[ModuleType, str]] = {
    "Microsoft.Compute/virtualMachineScaleSets": (compute, "VirtualMachineScaleSet"),
    "Microsoft.Network/networkSecurityGroups": (network, "NetworkSecurityGroup"),
    "Microsoft.Network/privateEndpoints": (network, "PrivateEndpoint"),
    "Microsoft.Network/privateEndpoints/privateDnsZoneGroups": (network, "PrivateDnsZoneGroup"),
    "Microsoft.Network/virtualNetworks": (network, "VirtualNetwork"),
    "Microsoft.Web/serverfarms": (web, "AppServicePlan"),
    "Microsoft.Web/sites": (web, "Site"),
    "Microsoft.Web/sites/basicPublishingCredentialsPolicies": (web, "CsmPublishingCredentialsPoliciesEntity"),
}
"""The types of which Microsoft's generated packages have the properties, in ARM's spelling."""
_OF_BICEP = {"parent", "scope", "dependsOn", "name"}


def complaints(bicep: Bicep) -> list[str]:
    """The mistakes of one file; where it cannot be read, these alone."""
    misread = list(bicep.misread())
    if misread:
        return misread
    found = (
        _names(bicep),
        _descriptions(bicep),
        _modules(bicep),
        _versions(bicep),
        _misspelt(bicep),
        _files(bicep),
        _twice(bicep),
    )
    return [each for complaints in found for each in complaints]


def _names(bicep: Bicep) -> Iterator[str]:
    known = bicep.declarations.keys() | bicep.local
    yield from (f"line {line}: nothing is called {name}" for name, line in bicep.used.items() if name not in known)
    functions = {*_DECORATORS.split(), *_FUNCTIONS.split()}
    yield from (f"line {line}: no function {name}" for name, line in bicep.called.items() if name not in functions)
    for kind in ("parameter", "variable", "type"):
        yield from (f"{kind} {name} is not used" for name in bicep.of_kind(kind) if name not in bicep.used)


def _descriptions(bicep: Bicep) -> Iterator[str]:
    for node in bicep.root.children:
        if node.type in {"parameter_declaration", "output_declaration", "type_declaration"}:
            before = node.prev_named_sibling
            if before is None or before.type != "decorators" or "@description('" not in spelled(before):
                yield f"line {line(node)}: no @description"


def _modules(bicep: Bicep) -> Iterator[str]:
    for name, declaration in bicep.of_kind("module").items():
        path = bicep.path.parent / literal(declaration)
        if not path.exists():
            yield f"module {name}: there is no {literal(declaration)}"
            continue
        module, given = read(path), properties(properties(declaration)["params"]).keys()
        declared = module.of_kind("parameter")
        yield from (f"module {name} has no parameter {each}" for each in given - declared.keys())
        required = {each for each, node in declared.items() if len(node.named_children) < 3}  # name, type, default
        yield from (f"module {name} needs the parameter {each}" for each in sorted(required - given))
        asked = set(re.findall(rf"\b{name}\.outputs\.(\w+)", bicep.text))
        yield from (f"module {name} has no output {each}" for each in sorted(asked - module.outputs))


def _versions(bicep: Bicep) -> Iterator[str]:
    for name, declaration in bicep.of_kind("resource").items():
        kind, _, version = literal(declaration).partition("@")
        known = VERSIONS.get("/".join(kind.split("/")[:2]))
        if version != known:
            yield f"resource {name}: {kind} is asked for in version {version}, and known is {known}"


def _misspelt(bicep: Bicep) -> Iterator[str]:
    for name, declaration in bicep.of_kind("resource").items():
        shape = _SHAPES.get(literal(declaration).partition("@")[0])
        if shape is not None and not is_existing(declaration):
            (body,) = objects(declaration)
            yield from (f"resource {name}: {mistake}" for mistake in _misfits(body, *shape))


def _misfits(body: Node, types: ModuleType, shape: str, path: str = "") -> Iterator[str]:
    """The properties that the shape does not have, and those that it must have and the object has not."""
    fields, found = getattr(types, shape).__annotations__, properties(body)
    yield from (
        f"there is no {path}{key}" for key in found if key not in fields and not (key in _OF_BICEP and not path)
    )
    required = {key for key, kind in fields.items() if str(kind).startswith("typing.Required")}
    yield from (f"there must be {path}{key}" for key in sorted(required - found.keys()))
    for key, value in found.items():
        kind = str(fields.get(key, ""))
        for inner in () if kind.startswith("dict[") else re.findall(r"\w+", kind):
            if hasattr(getattr(types, inner, None), "__required_keys__"):
                for each in objects(value):
                    yield from _misfits(each, types, inner, f"{path}{key}.")


def _files(bicep: Bicep) -> Iterator[str]:
    for node in within(bicep.root):
        if node.type == "call_expression" and spelled(node).startswith("load"):
            (name,) = re.findall(r"\('(.+)'\)", spelled(node))
            if not (bicep.path.parent / name).exists():
                yield f"line {line(node)}: there is no {name}"


def _twice(bicep: Bicep) -> Iterator[str]:
    for node in within(bicep.root):
        pairs = [child for child in node.children if child.type == "object_property"]
        if node.type == "object" and len(properties(node)) < len(pairs):
            yield f"line {line(node)}: a key stands twice in this object"
