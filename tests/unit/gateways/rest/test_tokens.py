"""Signed tokens: whose they are, for which devices, and which are none."""

import base64
import hashlib
import hmac
import json
import time
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import example, given
from hypothesis import strategies as st
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from gateways.errors import GatewayConfigError
from gateways.rest.config import JwtConfig
from gateways.rest.problems import ProblemError
from gateways.rest.tokens import Tokens

RSA, EC, ED = (
    rsa.generate_private_key(65537, 2048),
    ec.generate_private_key(ec.SECP256R1()),
    ed25519.Ed25519PrivateKey.generate(),
)
ISSUER, AUDIENCE = "https://id.example", "sluice"


def claims(**changes: Any) -> dict[str, Any]:
    facts = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "site-7",
        "exp": time.time() + 60,
        "devices": ["site-7/*"],
    } | changes
    return {name: value for name, value in facts.items() if value is not None}


def part(value: object) -> str:
    """A part of a token."""
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def public_pem(key: Any) -> bytes:
    return bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))


def tokens(folder: Path, keys: bytes, **changes: Any) -> Tokens:
    (folder / "issuer").write_bytes(keys)
    return Tokens(JwtConfig(issuer=ISSUER, audience=AUDIENCE, keys="issuer", **changes), folder)


@pytest.fixture(scope="module")
def jwks(tmp_path_factory: pytest.TempPathFactory) -> Tokens:
    """The issuer's three keys."""
    known = [
        json.loads(RSAAlgorithm.to_jwk(RSA.public_key())) | {"kid": "rsa"},
        json.loads(ECAlgorithm.to_jwk(EC.public_key())) | {"kid": "ec"},
        json.loads(OKPAlgorithm.to_jwk(ED.public_key())) | {"kid": "ed"},
    ]
    return tokens(tmp_path_factory.mktemp("jwks"), json.dumps({"keys": known}).encode())


@pytest.mark.parametrize(("key", "algorithm", "kid"), [(RSA, "RS256", "rsa"), (EC, "ES256", "ec"), (ED, "EdDSA", "ed")])
def test_a_token_names_its_key_and_its_devices(jwks: Tokens, key: Any, algorithm: str, kid: str) -> None:
    sender = jwks.sender(jwt.encode(claims(), key, algorithm, {"kid": kid}))
    assert sender.name == "site-7"
    sender.check_device("site-7/pump")
    sender.check_product("milesight-am319")
    with pytest.raises(ProblemError, match="may not send for the device `site-8/pump`"):
        sender.check_device("site-8/pump")


def test_a_public_key_in_pem_will_do(tmp_path: Path) -> None:
    known = tokens(tmp_path, public_pem(EC))
    assert known.sender(jwt.encode(claims(), EC, "ES256", {"kid": "whatever it is called"})).name == "site-7"


def test_products_may_be_named_too_and_one_device_needs_no_list(tmp_path: Path) -> None:
    sender = tokens(tmp_path, public_pem(EC)).sender(
        jwt.encode(claims(devices="site-7/pump", products=["milesight-*"]), EC, "ES256")
    )
    sender.check_device("site-7/pump")
    sender.check_product("milesight-am319")
    with pytest.raises(ProblemError, match="may not send the product `elsys-generic`"):
        sender.check_product("elsys-generic")


def test_a_token_without_devices_may_send_for_none(tmp_path: Path) -> None:
    sender = tokens(tmp_path, public_pem(EC)).sender(jwt.encode(claims(devices=None), EC, "ES256"))
    with pytest.raises(ProblemError, match="may not send"):
        sender.check_device("site-7/pump")


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": time.time() - 3600},
        {"exp": None},
        {"nbf": time.time() + 3600},
        {"iss": "https://elsewhere.example"},
        {"aud": "another gateway"},
        {"aud": None},
        {"sub": None},
        {"devices": 7},
    ],
)
def test_a_token_of_other_claims_is_none(jwks: Tokens, changes: dict[str, Any]) -> None:
    with pytest.raises(jwt.PyJWTError):
        jwks.sender(jwt.encode(claims(**changes), EC, "ES256", {"kid": "ec"}))


def test_a_token_that_another_key_signed_is_none(jwks: Tokens) -> None:
    stranger = ec.generate_private_key(ec.SECP256R1())
    for kid in ("ec", "rsa", "unknown"):
        with pytest.raises(jwt.PyJWTError):
            jwks.sender(jwt.encode(claims(), stranger, "ES256", {"kid": kid}))


def test_an_algorithm_that_is_not_listed_is_none(tmp_path: Path) -> None:
    known = tokens(tmp_path, public_pem(RSA), algorithms=("ES256",))
    with pytest.raises(jwt.InvalidAlgorithmError):
        known.sender(jwt.encode(claims(), RSA, "RS256"))


def test_the_public_key_is_no_secret_to_sign_with(tmp_path: Path) -> None:
    """The confusion of algorithms: HS256 with the public key as the secret; and no signature at all."""
    known = tokens(tmp_path, public_pem(RSA))
    head = f"{part({'alg': 'HS256', 'typ': 'JWT'})}.{part(claims())}"
    signature = base64.urlsafe_b64encode(hmac.new(public_pem(RSA), head.encode(), hashlib.sha256).digest()).rstrip(b"=")
    for token in (f"{head}.{signature.decode()}", f"{part({'alg': 'none'})}.{part(claims())}."):
        with pytest.raises(jwt.InvalidAlgorithmError):
            known.sender(token)


def test_keys_that_cannot_be_read_end_the_start(tmp_path: Path) -> None:
    with pytest.raises(GatewayConfigError, match="expected a public key in PEM, or a JWKS"):
        tokens(tmp_path, b"-----BEGIN NONSENSE-----")
    with pytest.raises(GatewayConfigError, match="expected a public key in PEM, or a JWKS"):
        tokens(tmp_path, b'{"keys": []}')
    with pytest.raises(GatewayConfigError, match="cannot be read: No such file"):
        Tokens(JwtConfig(issuer=ISSUER, audience=AUDIENCE, keys="absent"), tmp_path)


names = st.sampled_from(["alg", "kid", "typ", "crit", "b64"])
heads = st.dictionaries(names, st.none() | st.text(max_size=8) | st.lists(st.text(max_size=3)))
parts = (heads | st.text(max_size=20) | st.integers()).map(part)
made_up = st.text(max_size=60) | st.tuples(parts, parts, parts).map(".".join)


@given(token=made_up)
@example(token=f"{base64.urlsafe_b64encode(b'[' * 9000).decode()}.e30.e30")
def test_whatever_is_no_token_is_told_as_such(jwks: Tokens, token: str) -> None:
    with pytest.raises(jwt.PyJWTError):
        jwks.sender(token)
