"""https spoken by the app itself: TLS 1.2 and 1.3, forward secrecy and authenticated encryption alone.

The files are looked at before anybody connects: what OpenSSL says of them in a handful of letters is told in words.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from qa.errors import StoreError

CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""Of TLS 1.2, the strongest first; all of TLS 1.3 are as good (NIST SP 800-52r2, Mozilla's intermediate profile without DHE)."""
SOON = timedelta(days=21)
"""So long before a certificate ends the start warns."""


@dataclass(frozen=True)
class Files:
    """``cert``: PEM, the own certificate first, then those in between; ``key``: its private key, PEM without a password."""

    cert: Path
    key: Path


@dataclass(frozen=True)
class Checked:
    """``context``: for the server; ``until``: when the certificate ends (UTC)."""

    context: ssl.SSLContext
    until: datetime

    def soon(self, now: datetime) -> bool:
        """Whether it ends within ``SOON``."""
        return self.until - now < SOON


def checked(files: Files, now: datetime) -> Checked:
    """Errors: :class:`StoreError` where a file cannot be read, holds something else or does not belong to the other, or the certificate is
    not valid now."""
    cert, key = _certificate(files.cert), _private_key(files.key)
    if cert.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo) != key:
        raise StoreError(str(files.key), "私钥不是这张证书的", "请把 --tls-cert 和 --tls-key 指向同一次签发的两个文件")
    until = cert.not_valid_after_utc
    if until <= now:
        raise StoreError(str(files.cert), f"证书已在 {until:%Y-%m-%d} 过期", "请换上新的证书，再启动")
    if cert.not_valid_before_utc > now:
        raise StoreError(str(files.cert), f"证书从 {cert.not_valid_before_utc:%Y-%m-%d} 起才有效", "请检查本机的时间，或换一张证书")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(CIPHERS)
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
    try:
        context.load_cert_chain(files.cert, files.key)
    except (OSError, ssl.SSLError) as error:
        raise StoreError(str(files.cert), f"证书和私钥不能用（{error}）", "请检查是否为 PEM 格式，密钥是否够长") from error
    return Checked(context, until)


def _read(path: Path, what: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise StoreError(str(path), f"{what}的文件读不了（{error.strerror}）", "请检查路径，以及运行本程序的用户能否读它") from error


def _certificate(path: Path) -> x509.Certificate:
    """The first of the file: it is the server's own."""
    try:
        return x509.load_pem_x509_certificate(_read(path, "证书"))
    except (ValueError, UnsupportedAlgorithm) as error:
        raise StoreError(str(path), "文件里没有证书", "请给 PEM 格式的证书（-----BEGIN CERTIFICATE-----）") from error


def _private_key(path: Path) -> bytes:
    """Its public half."""
    data = _read(path, "私钥")
    try:
        key = load_pem_private_key(data, None)
    except TypeError as error:
        raise StoreError(str(path), "私钥有密码", "请给没有密码、只有本程序的用户能读的私钥文件") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise StoreError(str(path), "文件里没有私钥", "请给 PEM 格式的私钥（-----BEGIN PRIVATE KEY-----）") from error
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
