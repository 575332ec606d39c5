"""The users in docs/redis-contract.md, and the access string in docs/identities.md, of scaler/registry/rights.py."""

from pathlib import Path

from scaler.registry.rights import EVERYBODY, SCALER, Rights

CONTRACT = Path(__file__).parent / "redis-contract.md"
_BEGIN, _END = "<!-- rights: written by docs/generate.py -->", "<!-- end of rights -->"


def contract_page() -> str:
    """The page with fresh rights."""
    before, _, rest = CONTRACT.read_text(encoding="utf-8").partition(_BEGIN)
    _, _, after = rest.partition(_END)
    rows = "\n".join(("| user | for | keys | commands |", "|---|---|---|---|", *map(_row, EVERYBODY)))
    return f"{before}{_BEGIN}\n{rows}\n\n```text\n{acl_file()}\n```\n{_END}{after}"


def acl_file() -> str:
    """The users as an ACL file has them."""
    return "\n".join(f"user {rights.name} on >secret {rights.acl()}" for rights in EVERYBODY)


def access_string(page: str) -> str:
    """docs/identities.md with a fresh access string."""
    begin, end = "<!-- access string: written by docs/generate.py -->", "<!-- end of access string -->"
    before, _, rest = page.partition(begin)
    _, _, after = rest.partition(end)
    return f"{before}{begin}\n```text\n{SCALER.access_string()}\n```\n{end}{after}"


def _row(rights: Rights) -> str:
    keys = " ".join(rights.patterns())
    beside = f"; beside them `{_words(rights.beside)}`" if rights.beside else ""
    return f"| `{rights.name}` | {rights.who} | `{keys}` | `{_words(rights.commands)}`{beside} |"


def _words(commands: tuple[str, ...]) -> str:
    return " ".join(commands).upper().replace("|", "\\|")
