"""A server's certificate and key: what cannot be used is named, and nobody is asked for a password."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

from gateways.errors import GatewayConfigError
from gateways.server_tls import TlsConfig, server_context

FILES = TlsConfig(certificate="server.pem", key="server.key")


def write(folder: Path, encryption: KeySerializationEncryption) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name, now = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "server")]), datetime.now(UTC)
    certificate = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + timedelta(hours=1))
    (folder / "server.pem").write_bytes(certificate.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM))
    (folder / "server.key").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption))


def test_files_that_can_be_used_make_a_context(tmp_path: Path) -> None:
    write(tmp_path, NoEncryption())
    assert server_context(FILES, tmp_path, "rest.tls").minimum_version.name == "TLSv1_2"


def test_a_key_behind_a_password_is_refused_at_once(tmp_path: Path) -> None:
    write(tmp_path, BestAvailableEncryption(b"secret"))
    with pytest.raises(GatewayConfigError, match=r"server.pem, server.key: rest.tls: cannot be used: "):
        server_context(FILES, tmp_path, "rest.tls")


def test_a_file_that_is_not_there_is_named_with_its_key(tmp_path: Path) -> None:
    with pytest.raises(GatewayConfigError, match=r"rest.tls: cannot be used: .*No such file"):
        server_context(FILES, tmp_path, "rest.tls")
