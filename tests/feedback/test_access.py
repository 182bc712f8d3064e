"""Secrets are long and random; what is kept of them tells nothing."""

import hashlib

from feedback.access import hash_secret, new_secret


def test_secrets_differ_and_carry_256_bits() -> None:
    secrets = {new_secret() for _ in range(100)}
    assert len(secrets) == 100
    assert all(secret.startswith("rk_") and len(secret) == 3 + 43 for secret in secrets)


def test_the_hash_is_sha256_of_the_whole_secret() -> None:
    assert hash_secret("rk_abc") == hashlib.sha256(b"rk_abc").hexdigest()
