"""Command line: `python -m analysis COMMAND`. Each command is a parser and a function.

Exit codes: 0 done, 1 failed, 2 bad usage or an unusable result file.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path


def _parse_selection(texts: Sequence[str]) -> dict[str, str]:
    pairs = [text.partition("=") for text in texts]
    for name, equals, value in pairs:
        if not (name and equals and value):
            raise argparse.ArgumentTypeError(
                f"--select takes AXIS=VALUE, not '{name}{equals}{value}'"
            )
    return {name: value for name, _, value in pairs}


def _add_plot(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser(
        "plot",
        help="draw the figures of a result file",
        description="Draws every figure that a result file has the values for; prints their paths.",
    )
    parser.add_argument("result", type=Path, metavar="RESULT", help="results.h5, or its folder")
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="FOLDER",
        help="default: figures/ beside the result file",
    )
    parser.add_argument("--format", choices=("png", "pdf", "svg"), default="png")
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="FIGURE",
        help="this figure alone; may be repeated",
    )
    parser.add_argument(
        "--select",
        action="append",
        default=[],
        metavar="AXIS=VALUE",
        help="value of an axis that no figure runs along (default: its first); may be repeated",
    )
    parser.set_defaults(run=_plot)


def _plot(arguments: argparse.Namespace) -> int:
    from analysis.figures import FIGURES
    from analysis.plot import draw_all
    from analysis.results import ResultError, open_result

    names = [kind.name for kind in FIGURES]
    unknown = [name for name in arguments.only if name not in names]
    if unknown:
        raise ResultError(f"no figure '{unknown[0]}'; the figures are {', '.join(names)}")
    result = open_result(arguments.result, _parse_selection(arguments.select))
    try:
        for text in result.fixed:
            print(f"analysis: shown at {text} (--select AXIS=VALUE takes another)", file=sys.stderr)
        folder = arguments.output or result.path.parent / "figures"
        for path in draw_all(result, folder, arguments.format, arguments.only):
            print(path)
    finally:
        result.close()
    return 0


def make_parser() -> argparse.ArgumentParser:
    """The command line with all commands."""
    parser = argparse.ArgumentParser(
        prog="python -m analysis", description="Figures from simmer's results."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_plot(commands)
    return parser


def _fail(message: object, code: int) -> int:
    print(f"analysis: error: {message}", file=sys.stderr)
    return code


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line and returns the exit code."""
    parsed = make_parser().parse_args(arguments)
    try:
        from analysis.results import ResultError
    except ImportError as error:
        return _fail(f"{error} (pip install -r analysis/requirements.txt)", 2)
    try:
        return parsed.run(parsed)
    except (ResultError, argparse.ArgumentTypeError) as error:
        return _fail(error, 2)
    except ImportError as error:
        return _fail(f"{error} (pip install -r analysis/requirements.txt)", 2)
    except OSError as error:
        return _fail(error, 1)


if __name__ == "__main__":
    sys.exit(main())
