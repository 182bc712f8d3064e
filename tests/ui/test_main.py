"""The process's entry point."""

import subprocess
import sys

from ui.__main__ import main


def test_settings_that_make_no_sense_end_with_2_and_the_remedy(monkeypatch, capsys):
    monkeypatch.setenv("RATCHET_UI_PORT", "eighty")
    assert main() == 2
    assert "RATCHET_UI_PORT is 'eighty'; write a number from 1 to 65535" in capsys.readouterr().err


def test_importing_the_package_does_not_import_gradio():
    check = "import sys, ui, ui.settings, ui.__main__; sys.exit('gradio' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0
