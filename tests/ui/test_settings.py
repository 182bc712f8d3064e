"""Addresses from the environment."""

import pytest

from feedback.errors import Invalid
from ui.settings import Settings, settings_from


def test_defaults_are_the_embedded_ones():
    assert settings_from({}) == Settings("http://127.0.0.1:8000", "127.0.0.1", 8080, "main")


def test_each_comes_from_its_variable():
    environ = {
        "RATCHET_GATEWAY_URL": "https://chat.example:8443/",
        "RATCHET_UI_HOST": "0.0.0.0",
        "RATCHET_UI_PORT": "9000",
        "RATCHET_LINE": "helpdesk",
    }
    assert settings_from(environ) == Settings("https://chat.example:8443", "0.0.0.0", 9000, "helpdesk")


@pytest.mark.parametrize("port", ["0", "65536", "-1", "http", "", "８０"])
def test_a_port_that_is_none_is_refused_by_its_value(port):
    with pytest.raises(Invalid, match="RATCHET_UI_PORT"):
        settings_from({"RATCHET_UI_PORT": port})


@pytest.mark.parametrize("url", ["localhost:8000", "ftp://x", "http://", ""])
def test_an_address_that_is_none_is_refused(url):
    with pytest.raises(Invalid, match="RATCHET_GATEWAY_URL"):
        settings_from({"RATCHET_GATEWAY_URL": url})
