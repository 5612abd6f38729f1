# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Certificates for a test's own servers and clients, as PEM files."""

from __future__ import annotations

import datetime
import ipaddress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

DAY = datetime.timedelta(days=1)


class Authority:
    """A certificate authority in a folder; ca: its own certificate."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.ca = folder / "ca.pem"
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _named("the tests' authority")
        basic = x509.BasicConstraints(ca=True, path_length=None)
        self._certificate = self._signed(self._name, self._key.public_key(), basic)
        self.ca.write_bytes(self._certificate.public_bytes(serialization.Encoding.PEM))

    def issue(self, name: str, address: str = "127.0.0.1", host: str = "") -> tuple[Path, Path, Path]:
        """A certificate, its key, and both in one file as Java wants them. host: instead of the address."""
        key = ec.generate_private_key(ec.SECP256R1())
        place = x509.DNSName(host) if host else x509.IPAddress(ipaddress.ip_address(address))
        here = x509.SubjectAlternativeName([place])
        found = self._signed(_named(name), key.public_key(), here)
        texts = {
            "crt": found.public_bytes(serialization.Encoding.PEM),
            "key": key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            ),
        }
        texts["pem"] = texts["key"] + texts["crt"]
        for ending, text in texts.items():
            (self.folder / f"{name}.{ending}").write_bytes(text)
        return self.folder / f"{name}.crt", self.folder / f"{name}.key", self.folder / f"{name}.pem"

    def _signed(
        self, name: x509.Name, key: ec.EllipticCurvePublicKey, extension: x509.ExtensionType
    ) -> x509.Certificate:
        now = datetime.datetime.now(datetime.UTC)
        builder = x509.CertificateBuilder().subject_name(name).issuer_name(self._name).public_key(key)
        builder = builder.serial_number(x509.random_serial_number()).not_valid_before(now - DAY)
        builder = builder.not_valid_after(now + DAY).add_extension(extension, critical=False)
        return builder.sign(self._key, hashes.SHA256())


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
