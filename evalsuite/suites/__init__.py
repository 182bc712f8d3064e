"""The suites, one TOML file each; `evalsuite.suite.load_suite` reads them by name."""
