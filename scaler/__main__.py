"""`python -m scaler`: the command line for operators, where its extra is installed."""

import sys


def main() -> int:
    """Hand over to scaler.cli; say what is missing where it cannot be imported."""
    try:
        from scaler.cli.app import main as command_line  # noqa: PLC0415
    except ModuleNotFoundError as missing:
        package = (missing.name or "").partition(".")[0]
        if package not in {"typer", "rich"}:
            raise
        print(f"{package} is not installed: pip install '.[cli]'", file=sys.stderr)  # noqa: T201
        return 2
    command_line()
    return 0


if __name__ == "__main__":
    sys.exit(main())
