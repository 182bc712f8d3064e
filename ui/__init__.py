"""The pages: an HTTP client of the gateway and nothing more."""
