"""The real `az` against `python -m emulator`: one session of an operator, which is also docs/az-session.md.

`make az` installs az in a venv of its own, `make az-session` writes the page anew.
"""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from missing import missing
from wire.terminal import AZ, ROOT, Emulator, Terminal, emulator

PAGE = ROOT / "docs" / "az-session.md"
ARGUMENTS = "--capacity 3 --speed 60 --poll-after 1"
ROWS = "[].{Id:instanceId, State:provisioningState, Power:instanceView.statuses[1].displayStatus}"
TENANT = "00000000-0000-0000-0000-0000007e4a47"

HEAD = """\
# A session with `az`

The real Azure CLI against the emulator, over https; nothing in it knows that this is not Azure. Written by
`tests/wire/test_azure_cli.py`, which types these lines and fails when this page no longer tells what it saw:
`make az-session` writes it anew.

One terminal runs the emulator, 60 times faster than Azure. `--poll-after 1` lets it ask to be asked again after a
second how an order is doing; without it, as with Azure, az waits 30 seconds each time.
"""


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Emulator]:
    if not AZ.exists():
        missing("azure-cli is not installed (make az)", "the emulator is not tested with it")
    with emulator(f"{ARGUMENTS} --ca-file {tmp_path / 'emulator-ca.pem'}") as started:
        yield started


@pytest.fixture
def az(tmp_path: Path, running: Emulator) -> Terminal:
    terminal = Terminal(tmp_path)
    plain, secure = re.findall(r"^  (https?://127\.0\.0\.1:\d+)", running.greeting, re.MULTILINE)
    here = {plain: "http://127.0.0.1:18080", secure: "https://127.0.0.1:18443", f"{tmp_path}/": "/tmp/"}
    terminal.write_instead(here)
    return terminal


@pytest.mark.long
def test_an_operators_session(az: Terminal, running: Emulator) -> None:
    az.say(HEAD.strip())
    az.show(f"python -m emulator {ARGUMENTS} --ca-file /tmp/emulator-ca.pem", running.greeting)
    sign_in(az, running)
    look(az)
    consent(az)
    stop(az)
    start(az)
    protect(az)
    scale(az)
    set_the_extension(az)
    delete(az)
    evict(az)
    fail(az)
    sign_in_as_a_service_principal(az)
    if os.environ.get("WRITE_DOCS"):
        PAGE.write_text(az.page, encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == az.page, "docs/az-session.md is stale: run `make az-session`"


def sign_in(az: Terminal, running: Emulator) -> None:
    az.say("## Sign in\n\nAnother terminal takes the lines that the emulator printed.")
    for line in running.lines[:-1]:
        printed = az.run(line)
    (subscription,) = json.loads(printed)
    assert (subscription["isDefault"], subscription["user"]["name"]) == (True, "systemAssignedIdentity")
    version = az.run("az version --query '\"azure-cli\"' -o tsv")
    assert f"azure-cli=={version}" in (ROOT / "requirements-az.txt").read_text(encoding="utf-8")
    az.say("The rest of this session needs no `-g`:")
    az.run("az configure --defaults group=rg-pixels")


def look(az: Terminal) -> None:
    az.say("## Look")
    assert "rg-pixels" in az.run("az group list -o table")
    assert az.run("az vmss wait -n vmss-pixels --created --interval 1") == ""
    found = table(az.run("az vmss list -o table"))
    assert [(each["Name"], each["Capacity"]) for each in found] == [("vmss-pixels", "3")]
    shown = json.loads(az.run("az vmss show -n vmss-pixels --query '{etag:etag, sku:sku, tags:tags}'"))
    assert (shown["sku"]["capacity"], shown["tags"]) == (3, {"scaler:managed": "true"})
    az.say("A VM's identity is its `vmId`; instance ids are used again.")
    found = table(
        az.run("az vmss list-instances -n vmss-pixels --query '[].{Id:instanceId, VmId:vmId, Name:name}' -o table")
    )
    assert [each["Name"] for each in found] == ["vmss-pixels_0", "vmss-pixels_1", "vmss-pixels_2"]
    az.say("Power states come only with the instance view:")
    az.run(f'export ROWS="{ROWS}"')
    assert powers(az) == ["VM running"] * 3
    az.say("And their addresses, which are Microsoft.Network's:")
    printed = az.run("az vmss list-instance-public-ips -n vmss-pixels --query '[].ipAddress' -o tsv")
    assert len(set(printed.split())) == 3


def consent(az: Terminal) -> None:
    az.say("## Consent\n\nThe scaler gives orders only on a scale set with its tag, and pauses where it is told to.")
    az.run("export SET=$(az vmss show -n vmss-pixels --query id -o tsv)")
    az.run("az tag update --resource-id $SET --operation merge --tags scaler:paused=true --query name")
    assert json.loads(az.run("az vmss show -n vmss-pixels --query tags"))["scaler:paused"] == "true"
    printed = az.run("az tag update --resource-id $SET --operation delete --tags scaler:paused=true --query properties")
    assert json.loads(printed) == {"tags": {"scaler:managed": "true"}}


def powers(az: Terminal) -> list[str]:
    """The power states of all, by instance id."""
    rows = table(az.run('az vmss list-instances -n vmss-pixels --expand instanceView --query "$ROWS" -o table'))
    assert {each["State"] for each in rows} == {"Succeeded"}
    return [each["Power"] for each in rows]


def stop(az: Terminal) -> None:
    az.say("## Stop\n\nTo deallocate gives the machine back to Azure; one that is only stopped is paid for.")
    az.run("az vmss deallocate -n vmss-pixels --instance-ids 0")
    assert "will continue to be billed" in az.run("az vmss stop -n vmss-pixels --instance-ids 1 2")
    assert powers(az) == ["VM deallocated", "VM stopped", "VM stopped"]
    (one,) = table(az.run("az vmss get-instance-view -n vmss-pixels --instance-id 0 -o table"))
    assert one == {"ProvisioningState": "Provisioning succeeded", "PowerState": "VM deallocated"}
    az.say("The scale set's own instance view counts provisioning states, and never power states:")
    (summary,) = json.loads(az.run("az vmss get-instance-view -n vmss-pixels --query virtualMachine.statusesSummary"))
    assert summary == {"code": "ProvisioningState/succeeded", "count": 3}


def start(az: Terminal) -> None:
    az.say("## Start, restart and reimage")
    az.run("az vmss start -n vmss-pixels --instance-ids 0 1")
    az.run("az vmss restart -n vmss-pixels --instance-ids 1")
    az.say(
        "A reimage gives a VM another OS disk; its `vmId` stays, so that the scaler still knows whether it was used."
    )
    az.run("az vmss reimage -n vmss-pixels --instance-ids 1")
    disks = "[].storageProfile.osDisk.name"
    printed = az.run(f"az vmss list-instances -n vmss-pixels --query '{disks}' -o tsv")
    assert printed.split() == [f"vmss-pixels_{disk}" for disk in ("0_OsDisk_1", "1_OsDisk_2", "2_OsDisk_1")]
    assert powers(az) == ["VM running", "VM running", "VM stopped"]
    printed = az.run("az vmss get-instance-view -n vmss-pixels --instance-id '*' --query '[].statuses[1].code' -o tsv")
    assert printed.split() == ["PowerState/running", "PowerState/running", "PowerState/stopped"]


def protect(az: Terminal) -> None:
    az.say("## Protect\n\nThis is the mark with which the scaler hands a machine over to its registry.")
    az.run("az vmss update -n vmss-pixels --instance-id 2 --protect-from-scale-in true --query protectionPolicy")
    protected = "[?protectionPolicy.protectFromScaleIn].instanceId"
    assert az.run(f'az vmss list-instances -n vmss-pixels --query "{protected}" -o tsv') == "2\n"


def scale(az: Terminal) -> None:
    az.say("## Scale")
    assert az.run("az vmss scale -n vmss-pixels --new-capacity 5 --query sku.capacity") == "5\n"
    assert powers(az) == ["VM running", "VM running", "VM stopped", "VM running", "VM running"]
    az.say("Downwards Azure chooses the victims: the highest ids, here, but for the protected one.")
    assert az.run("az vmss scale -n vmss-pixels --new-capacity 2 --query sku.capacity") == "2\n"
    printed = az.run("az vmss list-instances -n vmss-pixels --query '[].instanceId' -o tsv")
    assert printed.split() == ["0", "2"]


def set_the_extension(az: Terminal) -> None:
    az.say(
        "## Set the health extension\n\nThe command of docs/deploy.md, with another grace period. Machines that are"
        " there already go on without it:"
    )
    (command,) = re.findall(r"az vmss extension set (?:.*\\\n)*.*", (ROOT / "docs" / "deploy.md").read_text())
    flat = re.sub(r"\s*\\\n\s*", " ", command).replace("--resource-group $group ", "").replace("1200", "1800")
    assert az.run(flat) == ""
    grace = "virtualMachineProfile.extensionProfile.extensions[].settings.gracePeriod"
    assert az.run(f"az vmss show -n vmss-pixels --query '{grace}' -o tsv") == "1800\n"
    assert az.run("az vmss list-instances -n vmss-pixels --query '[].latestModelApplied' -o tsv") == "false\nfalse\n"
    health = "{health:vmHealth.status.code, told:extensions[].substatuses[].[code, message]}"
    assert "HealthState/" in az.run(f"az vmss get-instance-view -n vmss-pixels --instance-id 0 --query '{health}'")


def delete(az: Terminal) -> None:
    az.say("## Delete\n\nWhoever deletes VMs by name lowers the capacity, too.")
    az.run("az vmss delete-instances -n vmss-pixels --instance-ids 0")
    assert az.run("az vmss show -n vmss-pixels --query sku.capacity") == "1\n"


def evict(az: Terminal) -> None:
    az.say("## Evict\n\nAs Azure takes a Spot machine; nothing in ARM tells it from a deallocated one afterwards.")
    az.run("az vmss start -n vmss-pixels --instance-ids 2")
    az.run("az vmss simulate-eviction -n vmss-pixels --instance-id 2")
    az.run("sleep 3")
    assert powers(az) == ["VM deallocated"]


def fail(az: Terminal) -> None:
    az.say("## What cannot be had\n\nA batch that names one VM that is not there is refused as a whole:")
    assert "instanceId 77 is not an active" in az.run("az vmss start -n vmss-pixels --instance-ids 2 77", status=1)
    assert "ResourceNotFound" in az.run("az vmss show -n nobody", status=3)
    az.say("And what the emulator does not do it says, instead of doing nothing:")
    assert "NotImplemented" in az.run("az vmss update-instances -n vmss-pixels --instance-ids 2", status=1)
    refused = az.run("az vmss update -n vmss-pixels --set upgradePolicy.mode=Automatic", status=1)
    assert "PropertyChangeNotAllowed" in refused
    assert "InvalidParameter" in az.run("az vmss list-instances -n vmss-pixels --filter \"name eq 'x'\"", status=1)


def sign_in_as_a_service_principal(az: Terminal) -> None:
    az.say("## Sign in as a service principal\n\nAny id will do; the secret is the emulator's `--identity-secret`.")
    az.run("export AZURE_CORE_INSTANCE_DISCOVERY=false")
    someone, nobody = "-u some-client -p local-secret", "-u other-client -p wrong-secret"
    (subscription,) = json.loads(az.run(f"az login --service-principal {someone} --tenant {TENANT}"))
    assert subscription["user"] == {"name": "some-client", "type": "servicePrincipal"}
    assert az.run("az vmss show -n vmss-pixels --query provisioningState -o tsv") == "Succeeded\n"
    assert "AADSTS7000215" in az.run(f"az login --service-principal {nobody} --tenant {TENANT}", status=1)


def table(printed: str) -> list[dict[str, str]]:
    """The rows of `-o table`, by the names of its columns."""
    head, rule, *rows = printed.splitlines()
    spans = [(each.start(), each.end()) for each in re.finditer(r"-+", rule)]
    names = [head[start:end].strip() for start, end in spans]
    return [dict(zip(names, (row[start:end].strip() for start, end in spans), strict=True)) for row in rows]
