"""What `make package` makes is what runs in Azure: complete, reproducible, and at work on nothing but itself."""

import fcntl
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from importlib import metadata
from pathlib import Path
from zipfile import ZipFile

import pytest
import redis
from function.host_process import ROOT, HostProcess
from packaging.requirements import Requirement
from pathspec import GitIgnoreSpec

from infra.package import app, archive, lock, release
from infra.package.errors import CannotPackage
from scaler import VERSION
from scaler.model.instance import SessionId
from scaler.registry.keys import Keys, ScriptName, script_text
from scaler.registry.reservations import Reservations
from simulator.clock import WallClock
from simulator.parts.azure import azure
from simulator.parts.environment import assemble
from simulator.parts.redis_server import redis_server

pytestmark = pytest.mark.long

NO_INDEX = 3  # the exit code of infra.package when the package index does not answer
SITE = Path(".python_packages/lib/site-packages")
UNCHECKED_HASH = 1  # a .pyc's flags: valid by its source's hash, which nobody compares
RUN_HOST = "from emulator.functions_host.__main__ import main\nsys.exit(main())"
LIST_MODULES = """
import json
import function_app
files = {name: getattr(module, "__file__", None) for name, module in sys.modules.items()}
print(json.dumps({name: path for name, path in files.items() if path}))
"""
FOR_PEOPLE_OR_TESTS = {"typer", "rich", "click", "pytest", "hypothesis", "fakeredis", "aiohttp", "azure.mgmt.network"}


def build(to: Path, wheels: Path, *options: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """`make package`, with the wheels kept."""
    return subprocess.run(
        [sys.executable, "-m", "infra.package", "--to", to, "--wheels", wheels, *options],
        cwd=ROOT,
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        check=False,
    )


def built_once(shared: Path) -> Path:
    """The zip in that folder, which several processes may ask for at the same time."""
    shared.mkdir(exist_ok=True)
    with (shared / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not list(shared.glob("*.zip")):
            done = build(shared, shared / "wheels")
            if done.returncode == NO_INDEX and not os.environ.get("CI"):
                pytest.skip("the package index does not answer: NO PACKAGE IS BUILT OR TESTED")
            assert done.returncode == 0, done.stderr
    (found,) = shared.glob("*.zip")
    return found


def bare_python(app: Path, program: str, *paths: Path) -> list[str]:
    """A command line: this Python without anything that is installed, with the app's own packages, as in Azure."""
    search = [str(app / SITE), *map(str, paths)]
    python = Path(sys.base_prefix) / "bin" / "python{}.{}".format(*sys.version_info)  # not the virtual environment's
    return [str(python), "-I", "-S", "-c", f"import sys; sys.path[:0] = {search!r}\n{program}"]


def host_beside(folder: Path) -> Path:
    """The stand-in for the host, with what only it needs, away from the repository's scaler."""
    shutil.copytree(ROOT / "emulator" / "functions_host", folder / "emulator" / "functions_host")
    shutil.copyfile(ROOT / "emulator" / "__init__.py", folder / "emulator" / "__init__.py")
    for distribution in needed([Requirement("croniter")]):
        for path in metadata.files(distribution) or ():
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path.locate(), target)
    return folder


def make_read_only(folder: Path) -> None:
    """For everybody but root, whom nothing stops: see `state`."""
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)


def state(folder: Path) -> Mapping[Path, tuple[int, int]]:
    """Every file and folder, with its size and the time of its last change."""
    return {path: (path.stat().st_size, path.stat().st_mtime_ns) for path in (folder, *folder.rglob("*"))}


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of this test run, in however many processes it runs."""
    base = tmp_path_factory.getbasetemp()
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID")
    return base.parent / f"package-{run}" if run else base / "package"


@pytest.fixture(scope="session")
def package(shared: Path) -> Path:
    return built_once(shared)


@pytest.fixture(scope="session")
def unpacked(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wwwroot")
    with ZipFile(package) as opened:
        opened.extractall(folder)
    make_read_only(folder)
    return folder


@pytest.fixture(scope="session")
def names(package: Path) -> list[str]:
    with ZipFile(package) as opened:
        return opened.namelist()


def ours(names: list[str]) -> set[str]:
    """The app's own files, without bytecode."""
    return {name for name in names if not name.startswith(".python_packages/") and not name.endswith(".pyc")}


def test_a_release_holds_everything_with_checksums_and_is_the_same_again(package: Path, tmp_path: Path) -> None:
    changes = ROOT / "CHANGELOG.md"
    if f"## [{VERSION}] - " not in changes.read_text(encoding="utf-8"):
        with pytest.raises(CannotPackage, match=re.escape(f"## [{VERSION}] - DATE")):
            release.make(package, tmp_path)
        return
    first, again = (release.make(package, tmp_path / name) for name in ("first", "again"))
    sums = (first / release.SUMS).read_text(encoding="utf-8")
    assert sums == (again / release.SUMS).read_text(encoding="utf-8")
    assert {line.partition("  ")[2] for line in sums.splitlines()} == {
        f"deployment-{VERSION}.zip",
        f"scaler-{VERSION}.zip",
        f"scripts-{VERSION}.zip",
        f"unreal_pixel_streaming_scaler-{VERSION}-py3-none-any.whl",
    }
    subprocess.run(["sha256sum", "--check", "--strict", release.SUMS], cwd=first, check=True, capture_output=True)
    with ZipFile(first / f"scripts-{VERSION}.zip") as scripts:
        assert set(scripts.namelist()) == {f"{name}.lua" for name in ("reserve", "look", "release", "cancel")} | {
            "redis-contract.md"
        }
        assert scripts.read("reserve.lua").decode() == script_text(ScriptName.RESERVE)
    with ZipFile(first / f"deployment-{VERSION}.zip") as deployment:
        held = set(deployment.namelist())
        assert {"infra/main.bicep", "docs/azure-role.json", "guest/responder.mjs"} <= held
        named = re.findall(r"`(monitoring/[^` ]*)`", (ROOT / "docs" / "monitoring.md").read_text(encoding="utf-8"))
        assert "monitoring/alerts.json" in named
        assert [place for place in named if not any(name.startswith(place) for name in held)] == []
    with ZipFile(first / f"unreal_pixel_streaming_scaler-{VERSION}-py3-none-any.whl") as wheel:
        assert {"scaler/cli/app.py", "scaler/registry/scripts/reserve.lua"} <= set(wheel.namelist())
        assert wheel.read("scaler/cli/web/operations.md") == (ROOT / "docs" / "operations.md").read_bytes()


def test_the_package_has_the_app_at_its_root_and_the_dependencies_where_the_worker_looks(names: list[str]) -> None:
    assert {"function_app.py", "host.json", "requirements.txt"} <= set(names)
    assert ours(names) == {path.as_posix() for path in app.deployed()}
    assert f"{SITE}/azure/functions/__init__.py" in names
    assert f"{SITE}/redis/__init__.py" in names


def test_the_package_has_nothing_for_people_or_tests(names: list[str]) -> None:
    installed = {name.removeprefix(f"{SITE}/").partition("/")[0] for name in names if name.startswith(str(SITE))}
    assert not installed & FOR_PEOPLE_OR_TESTS
    assert not [name for name in ours(names) if name.startswith(("scaler/cli", "scaler/__main__"))]


def test_what_func_would_publish_is_what_the_package_has(names: list[str]) -> None:
    listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    tracked = subprocess.run(listing, cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()
    ignored = GitIgnoreSpec.from_lines((ROOT / ".funcignore").read_text(encoding="utf-8").splitlines())
    assert {name for name in tracked if (ROOT / name).exists() and not ignored.match_file(name)} == ours(names)


def test_every_source_has_its_bytecode_and_none_can_go_stale(package: Path, names: list[str]) -> None:
    sources = {name for name in names if name.endswith(".py")}
    with ZipFile(package) as opened:
        for name in sources:
            source = Path(name)
            content = opened.read(f"{source.parent / '__pycache__' / source.stem}.{sys.implementation.cache_tag}.pyc")
            assert content[:4] == importlib.util.MAGIC_NUMBER
            assert int.from_bytes(content[4:8], "little") == UNCHECKED_HASH, name
    assert len(sources) == len([name for name in names if name.endswith(".pyc")])


def test_nothing_in_the_package_tells_of_the_machine_that_built_it(package: Path, shared: Path) -> None:
    traces = {str(ROOT), str(shared), tempfile.gettempdir() + "/", sys.prefix, str(Path.home()) + "/"}
    with ZipFile(package) as opened:
        told = {
            (item.filename, trace)
            for item in opened.infolist()
            for trace in traces
            if item.filename.endswith((".pyc", "RECORD", ".json")) and trace.encode() in opened.read(item)
        }
        assert {item.date_time for item in opened.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    assert not told


def test_the_same_sources_give_the_same_bytes(package: Path, shared: Path, tmp_path: Path) -> None:
    elsewhere = {"TZ": "Asia/Tokyo", "PYTHONHASHSEED": "7", "TMPDIR": str(tmp_path), "HOME": str(tmp_path)}
    again = build(tmp_path / "dist", shared / "wheels", **elsewhere)
    assert again.returncode == 0, again.stderr
    assert (tmp_path / "dist" / package.name).read_bytes() == package.read_bytes()


def test_an_extra_is_in_the_package_where_it_is_asked_for(names: list[str], shared: Path, tmp_path: Path) -> None:
    done = build(tmp_path, shared / "wheels", "--extra", "appconfig")
    assert done.returncode == 0, done.stderr
    (made,) = tmp_path.glob("*.zip")
    with ZipFile(made) as opened:
        more = {name.removeprefix(f"{SITE}/").partition("/")[0] for name in set(opened.namelist()) - set(names)}
    version = lock.read(lock.EXTRAS["appconfig"])[0].version
    assert more == {"azure", f"azure_appconfiguration-{version}.dist-info"}
    assert not [name for name in names if "appconfiguration" in name]


def test_the_time_in_the_package_can_be_chosen(tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "host.json").write_text("{}")
    archive.write(tmp_path / "app", tmp_path / "app.zip", archive.moment({"SOURCE_DATE_EPOCH": "1700000000"}))
    with ZipFile(tmp_path / "app.zip") as written:
        assert [(item.filename, item.date_time) for item in written.infolist()] == [
            ("host.json", (2023, 11, 14, 22, 13, 20))
        ]
    with pytest.raises(CannotPackage, match="SOURCE_DATE_EPOCH: 'yesterday' is no number of seconds"):
        archive.moment({"SOURCE_DATE_EPOCH": "yesterday"})


def test_without_an_index_and_without_wheels_the_build_says_so(tmp_path: Path) -> None:
    nowhere = {"PIP_CONFIG_FILE": os.devnull, "PIP_INDEX_URL": "http://127.0.0.1:9/", "PIP_RETRIES": "0"}
    done = build(tmp_path, tmp_path / "wheels", PIP_FIND_LINKS="", PIP_EXTRA_INDEX_URL="", **nowhere)
    assert done.returncode == NO_INDEX, done.stderr
    assert "the package index does not answer" in done.stderr
    assert not list(tmp_path.glob("*.zip"))


def test_the_lock_has_what_the_requirements_need_and_nothing_else() -> None:
    locked = {each.name: each.version for each in lock.read()}
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    chosen = [Requirement(line) for line in lines if line and not line.startswith("#")]
    remedy = "requirements.txt has changed: run `.venv/bin/python -m infra.package --lock`"
    assert all(each.specifier.contains(locked.get(lock.canonical(each.name), "0")) for each in chosen), remedy
    assert needed(chosen) == locked.keys(), remedy


@pytest.mark.parametrize("extra", lock.EXTRAS)
def test_the_lock_of_an_extra_has_what_it_needs_beyond_the_package(extra: str) -> None:
    chosen = [Requirement(line) for line in lock.chosen(ROOT / f"requirements-{extra}.txt")]
    locked = {each.name: each.version for each in lock.read(lock.EXTRAS[extra])}
    assert all(each.specifier.contains(locked.get(lock.canonical(each.name), "0")) for each in chosen)
    assert needed(chosen) - {each.name for each in lock.read()} == locked.keys()


def test_a_remote_build_installs_the_very_versions_of_the_lock() -> None:
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    pinned = [Requirement(line) for line in lines if line and not line.startswith("#")]
    versions = {lock.canonical(each.name): str(each.specifier) for each in pinned}
    assert len(versions) == len(pinned)
    assert versions == {each.name: f"=={each.version}" for each in lock.read()}


def test_locking_anew_begins_with_what_was_chosen_and_writes_the_rest_behind_it(tmp_path: Path) -> None:
    file = tmp_path / "requirements.txt"
    file.write_text("# Ours.\nRedis_EntraID==1.0\nredis==8.0\n")
    rows = [lock.Locked(name=name, version="2", sha256="0" * 64) for name in ("redis", "zipp", "msal", "redis-entraid")]
    lock.complete(file, rows)
    once = file.read_text()
    assert once.startswith("# Ours.\nRedis_EntraID==1.0\nredis==8.0\n")
    assert once.splitlines()[-2:] == ["msal==2", "zipp==2"]
    assert lock.chosen(file) == ("Redis_EntraID==1.0", "redis==8.0")
    lock.complete(file, rows)
    assert file.read_text() == once


def test_the_package_is_made_by_python_and_pip_alone() -> None:
    command = [sys.executable, "-S", "-m", "infra.package", "--help"]  # -S: without any installed package
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def needed(requirements: list[Requirement]) -> set[str]:
    """The names of requirements and of their requirements, by the distributions installed here."""
    found: set[str] = set()
    open_ends = list(requirements)
    while open_ends:
        each = open_ends.pop()
        name = lock.canonical(each.name)
        extras = each.extras or {""}
        further = map(Requirement, importlib.metadata.requires(each.name) or ())
        wanted = [one for one in further if not one.marker or any(one.marker.evaluate({"extra": x}) for x in extras)]
        open_ends += [one for one in wanted if lock.canonical(one.name) not in found or one.extras]
        found.add(name)
    return found


def test_a_line_that_is_not_of_the_locks_form_is_refused(tmp_path: Path) -> None:
    by_hand = tmp_path / "requirements.lock"
    by_hand.write_text("redis==8.1.0\n")
    with pytest.raises(CannotPackage, match=r"'redis==8\.1\.0' is not name==version --hash=sha256:"):
        lock.read(by_hand)


def test_the_app_imports_only_its_own_packages_and_compiles_nothing(unpacked: Path) -> None:
    command = bare_python(unpacked, LIST_MODULES, unpacked)
    done = subprocess.run([*command[:3], "-v", *command[3:]], capture_output=True, text=True, check=True)
    modules: dict[str, str] = json.loads(done.stdout.splitlines()[-1])
    standard = Path(json.__file__).parents[1]
    elsewhere = {path for path in modules.values() if not Path(path).is_relative_to(unpacked)}
    assert all(Path(path).is_relative_to(standard) and "site-packages" not in path for path in elsewhere)
    assert {"scaler.runtime", "azure.identity", "redis"} <= modules.keys()
    compiled = re.findall(r"^# code object from '?([^'\n]+\.py)'?$", done.stderr, flags=re.MULTILINE)
    assert not [path for path in compiled if path.startswith(str(unpacked))]
    assert done.stderr.count(f"{unpacked}/scaler/__pycache__/") > 0


def test_a_deployment_can_ask_the_package_itself_whether_its_settings_can_be_used(package: Path) -> None:
    script = ROOT / "infra" / "deployment" / "check_settings.py"
    rows = [{"name": "AZURE_SUBSCRIPTION_ID", "value": "mine"}, {"name": "REDIS_HOST", "value": "pixels"}]
    command = [sys.executable, "-I", "-S", str(script), str(package)]
    done = subprocess.run(command, env={"APP_SETTINGS": json.dumps(rows)}, capture_output=True, text=True, check=False)
    named = {line.partition(":")[0] for line in done.stderr.splitlines()}
    assert (done.returncode, named) == (1, {"AZURE_VMSS_NAME", "AZURE_SUBSCRIPTION_ID", "AZURE_RESOURCE_GROUP"})


@pytest.fixture
def start(unpacked: Path, tmp_path: Path) -> Iterator[Callable[..., HostProcess]]:
    """The package under the functions host."""
    command = bare_python(unpacked, RUN_HOST, host_beside(tmp_path / "host"), unpacked)  # who reads schedules is scaler
    with ExitStack() as stack:

        def started(**environ: str) -> HostProcess:
            host = HostProcess("--app", unpacked, command=command, **environ)
            stack.callback(host.end)
            return host

        yield started


def test_every_function_of_the_package_does_its_work_and_writes_nothing(
    unpacked: Path, start: Callable[..., HostProcess]
) -> None:
    before = state(unpacked)
    every_second = {f"{each}_SCHEDULE": "* * * * * *" for each in ("PROVISIONER", "RECONCILER", "STARTER", "CLEANER")}
    chosen = {"SCALER_POOL_CAPACITY": "1", "SCALER_WARMPOOL_SIZE": "1", "SCALER_STARTER_WATCH": "0.8s"}
    turns = {"SCALER_RECONCILER_WATCH": "0.8s"}  # time to wait until the provisioner, who fires as often, has listed
    environment = assemble({**every_second, **chosen, **turns}, speed=40)
    secret = environment.variables["IDENTITY_HEADER"]
    with (
        redis_server() as server,
        redis.Redis.from_url(server.url) as client,
        azure(environment.settings, secret, WallClock().now, 1) as cloud,
    ):
        host = start(**environment.at(redis_url=server.url, azure_url=cloud.server.url))
        assert set(host.line("host started")["functions"]) == {"provisioner", "reconciler", "starter", "cleaner"}
        host.line_with(controller="provisioner", order="SetCapacity", result="done")
        host.line_with(controller="reconciler", edge="ADMIT", result="done")
        visitors = Reservations(client, Keys(prefix=environment.settings.prefix))
        reserved = visitors.reserve(SessionId("visitor"), "192.0.2.1")
        assert reserved is not None
        host.line_with(controller="starter", order="Start", result="done")
        host.line_with(controller="starter", edge="OPEN", result="done")
        visitors.release(SessionId("visitor"))
        assert host.line_with(controller="cleaner", order="Delete", result="done")["vm_id"] == reserved.vm_id
        assert host.stop() == 0
    assert state(unpacked) == before
