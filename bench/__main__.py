"""Runs the benchmarks that are named, or all."""

import importlib
import sys

ALL = ("store", "streams")


def main() -> None:
    names = sys.argv[1:] or ALL
    unknown = sorted(set(names) - set(ALL))
    if unknown:
        sys.exit(f"there is no benchmark {', '.join(unknown)}; choose from {', '.join(ALL)}")
    for name in names:
        module = importlib.import_module(f"bench.{name}")
        print(f"\n== {name}: {(module.__doc__ or '').splitlines()[0]}")
        module.run()


if __name__ == "__main__":
    main()
