"""docs/cli.md: drawn from the commands themselves, between what has to be said around them."""

from typing import Any

from typer.main import get_command

from scaler.cli.app import app
from scaler.cli.environment import Exit

_PAGE = """# The command line

Drawn from `scaler/cli/` by `docs/generate.py`; do not edit by hand.

`scaler` is for operators: it looks through the same doors as the four functions, and acts only where it says so. It is
an extra, which nothing deployed imports:

```console
$ pip install '.[cli]'     # in a checkout; or, where `make setup` was run, .venv/bin/python -m scaler
$ scaler --settings local.settings.json status
```

## What it needs

* **Settings**: the app settings of the function app, in the environment, or in a `local.settings.json` that
  `--settings` names (`func azure functionapp fetch-app-settings` writes one, `func settings decrypt` makes it
  readable). What the environment says wins. `scaler settings` shows them, or every mistake in them.
* **Somebody to be in Azure**: where `IDENTITY_ENDPOINT` is set (inside Azure) the managed identity, elsewhere whoever
  is logged in with `az login`; `--credential` chooses. To look takes the reading half of
  [azure-role.json](azure-role.json), `adopt` also the mark (`virtualMachineScaleSets/virtualMachines/write`), `tick`
  whatever the controller needs, and `pause`, `resume` and `drain` `Microsoft.Resources/tags/write` on the scale set,
  which the functions never need. `hold` marks a machine that has no mark. `distrust`, `forget`, `renew`, `spend` and
  `unhold` look at Azure, and change Redis alone.
* **A way to Redis**: it is often reachable from its own network only. The Redis user `reader` of
  [redis-contract.md](redis-contract.md#rights) can `status`, `plan`, `explain`, `metrics`, `gpu` and `web`, the user
  `operator` everything.

Listings of Azure have a budget of ten a minute and scale set, of which the functions may take six. Each look at
Azure takes one: `status`, `plan`, `explain`, `tick`, `adopt`, `distrust`, `renew`, `spend`, `hold`, `unhold`, `drain`,
and `doctor` where a scale set has a health extension. So do not call them in a loop; `status --watch` looks every 30
seconds.
`status --check` asks Redis alone, and so do `metrics` without `--azure`, and the page of `web` until somebody asks it
to look at Azure. `gpu` asks Redis, and exporters on the machines.

## How a command ends

| exit status | it means |
|---|---|
{statuses}

What was asked for is on stdout, everything else on stderr. In a pipe nothing is coloured, wrapped or cut, and a machine
is one line; `--json` makes one document of it, whose names are those of the code. `NO_COLOR` is respected. On a
terminal of less than 150 columns vm ids are cut to their first eight characters.

## Commands

Before the command:

{options}

{commands}
"""

_STATUSES = {
    Exit.DONE: "done; or there was nothing to do",
    Exit.NOT_DONE: "not done, or not all of it: Redis or Azure refused or did not answer, nobody agreed, no machine "
    "was free, or nothing has that name (`explain`, `status --session`). `adopt --check`: something is left",
    Exit.MISUSED: "a mistake in the command line or the settings; nothing was done",
    Exit.SOMETHING: "`plan --exit-status` only: there is something to do",
    Exit.ALARM: "`plan` and `status --check`: an alarm, which an operator should look at, or a controller whose ticks "
    "have failed for a minute. `doctor`: a fault was found, and be it a mistake in the settings",
    Exit.LATE: "`status --check`: no alarm, but two firings of a controller's timer and a minute have passed without a "
    "tick",
    Exit.INTERRUPTED: "interrupted by Ctrl-C; an adoption can be gone on with",
}


def cli_page() -> str:
    """docs/cli.md."""
    group: Any = get_command(app)
    return _PAGE.format(
        statuses="\n".join(f"| {status} | {meaning} |" for status, meaning in _STATUSES.items()),
        options=_options(group.params),
        commands="\n\n".join(_command(name, command) for name, command in group.commands.items()),
    )


def _command(name: str, command: Any) -> str:
    usage = " ".join(["scaler", name, *(_usage(each) for each in command.params if each.name != "help")])
    table = _options(command.params)
    return "\n\n".join(each for each in (f"### {name}", f"`{usage}`", command.help, table) if each)


def _usage(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        word = _value(parameter)
        return (word if parameter.required else f"[{word}]") + ("..." if parameter.nargs == -1 else "")
    value = "" if parameter.is_flag else f" {_value(parameter)}"
    return f"[{parameter.opts[0]}{value}]"


def _value(parameter: Any) -> str:
    return str(parameter.metavar or parameter.name.upper())


def _options(parameters: list[Any]) -> str:
    rows = []
    for each in parameters:
        named = _value(each) if each.param_type_name == "argument" else ", ".join(each.opts)
        value = "" if each.param_type_name == "argument" or each.is_flag else f" {_value(each)}"
        name = f"{named}{value}".replace("|", r"\|")  # else it ends the cell of the table
        rows.append(f"| `{name}` | {each.help} |")
    return "\n".join(["| option | |", "|---|---|", *rows]) if rows else ""
