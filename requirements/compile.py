"""Writes the pinned requirement files from the `.in` files, without any address of a package index in them."""

import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER.parent / "deploy"))

from bootstrap import find_links, find_uv, run  # noqa: E402

QUIET = ["--no-emit-index-url", "--no-emit-find-links", "--no-annotate", "--no-header", "-q", "--upgrade"]


def main() -> None:
    uv = find_uv()
    compile_pins = [uv, "pip", "compile", "--python-version", "3.11", *QUIET]
    links = [part for folder in dict.fromkeys(find_links()) for part in ("--find-links", folder)]
    torch = links or ["--torch-backend", "cpu"]
    run(*compile_pins, *torch, "--override", FOLDER / "overrides-cpu.txt", FOLDER / "cpu.in", "-o", FOLDER / "cpu.txt")
    run(*compile_pins, "--python-platform", "x86_64-manylinux_2_28", "--override", FOLDER / "overrides-gpu.txt",
        FOLDER / "gpu.in", "-o", FOLDER / "gpu.txt")  # fmt: skip
    run(*compile_pins, "-c", FOLDER / "cpu.txt", FOLDER / "dev.in", "-o", FOLDER / "dev.txt")


if __name__ == "__main__":
    main()
