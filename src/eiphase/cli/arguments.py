"""What the arguments of several commands have in common."""

import argparse
from contextlib import suppress


def add_command(commands, name: str, what: str, example: str) -> argparse.ArgumentParser:
    return commands.add_parser(
        name,
        help=what,
        description=f"{what[0].upper()}{what[1:]}.",
        epilog=f"example:\n  eiphase {name} {example}".rstrip() + "\n",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def add_time_limit(command: argparse.ArgumentParser) -> None:
    command.add_argument("--time-limit", type=seconds, help="seconds after which to give up")


def whole(text: str) -> int:
    """A whole number, which may be written as in a config: `1e3`."""
    with suppress(ValueError, OverflowError):
        if float(text) == int(float(text)):
            return int(text) if text.lstrip("+-").isdigit() else int(float(text))
    raise argparse.ArgumentTypeError(f"{text} is not a whole number")


def seconds(text: str) -> float:
    with suppress(ValueError):
        seconds = float(text)
        if 0 < seconds <= 1e9:
            return seconds
    raise argparse.ArgumentTypeError(f"{text} is not a number of seconds above 0, up to 1e9")
