"""Command line: `python -m analysis COMMAND`. Each command is a parser and a function.

Exit codes: 0 done, 1 failed, 2 bad usage or an unusable result file.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from analysis.files import show_bytes


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
    parser.add_argument(
        "result",
        type=Path,
        metavar="RESULT",
        help="an output folder, or one of its results.h5, metrics.h5, model.h5, samples.h5 and ladder.h5",
    )
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
        help="units with this value of an axis, zipped ones too (default: its first, or all where a "
        "figure shows several); may be repeated",
    )
    parser.add_argument(
        "--with",
        dest="beside",
        type=Path,
        metavar="RESULT",
        help="another result whose curves stand beside: ridge beside logistic",
    )
    parser.set_defaults(run=_plot)


def _plot(arguments: argparse.Namespace) -> int:
    from analysis.figures import FIGURES
    from analysis.opening import get_parts, open_any
    from analysis.plot import draw_all
    from analysis.results import Result, ResultError, open_result

    names = [kind.name for kind in FIGURES]
    unknown = [name for name in arguments.only if name not in names]
    if unknown:
        raise ResultError(f"no figure '{unknown[0]}'; the figures are {', '.join(names)}")
    result = open_any(arguments.result, _parse_selection(arguments.select))
    try:
        if arguments.beside is not None:
            if not isinstance(result, Result) or result.experiment != "logistic":
                raise ResultError("--with stands beside results of the experiment logistic")
            result = replace(result, beside=open_result(arguments.beside))
        for text in dict.fromkeys(text for part in get_parts(result) for text in part.notes):
            print(f"analysis: {text} (--select AXIS=VALUE takes another)", file=sys.stderr)
        folder = arguments.output or result.path.parent / "figures"
        for path in draw_all(result, folder, arguments.format, arguments.only):
            print(show_bytes(str(path)))
    finally:
        result.close()
    return 0


def _add_convert(commands: argparse._SubParsersAction) -> None:
    from analysis.convert import EXAMPLE, HELP

    parser = commands.add_parser(
        "convert",
        help="convert a trained RBM between model.h5 and NumPy's .npz (scikit-learn's names)",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description=HELP,
        epilog=EXAMPLE,
    )
    parser.add_argument("source", type=Path, metavar="FROM", help="model.h5, its folder, or .npz")
    parser.add_argument("target", type=Path, metavar="TO", help="the file to write, .npz or .h5")
    parser.add_argument(
        "--shape",
        metavar="HEIGHTxWIDTH",
        help="size of the visible units as an image, for figures",
    )
    parser.add_argument("--force", action="store_true", help="replace TO if it exists")
    parser.set_defaults(run=_convert)


def _convert(arguments: argparse.Namespace) -> int:
    from analysis.convert import convert

    made = convert(arguments.source, arguments.target, arguments.shape, arguments.force)
    print(show_bytes(str(made)))
    return 0


def _add_report(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser(
        "report",
        help="one HTML page about output folders",
        description="Writes one self-contained page: what ran and where, the job files, all figures, "
        "tables with failures and z-scores, timing, how to cite. It opens from a file without a "
        "network.",
    )
    parser.add_argument("folders", type=Path, nargs="+", metavar="DIR", help="output folders")
    parser.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help="default: report.html in the first DIR with results"
    )
    parser.add_argument(
        "--bench",
        type=Path,
        metavar="FILE",
        help="what 'simmer bench --json' printed here; default: bench.json beside a DIR, if any",
    )
    parser.set_defaults(run=_report)


def _report(arguments: argparse.Namespace) -> int:
    from analysis.report import make_report

    print(show_bytes(str(make_report(arguments.folders, arguments.output, arguments.bench))))
    return 0


def make_parser() -> argparse.ArgumentParser:
    """The command line with all commands."""
    parser = argparse.ArgumentParser(
        prog="python -m analysis",
        description="Figures from simmer's results; models for other programs.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_plot(commands)
    _add_convert(commands)
    _add_report(commands)
    return parser


def _fail(message: object, code: int) -> int:
    print(f"analysis: error: {show_bytes(str(message))}", file=sys.stderr)
    return code


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line and returns the exit code."""
    try:
        from analysis.results import ResultError

        parsed = make_parser().parse_args(arguments)
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
