"""``qa serve`` speaking https itself, what it does not start with, and that nothing goes out in the clear without being asked for."""

from __future__ import annotations

import contextlib
import ipaddress
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from commands import Run
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from web_house import House

from qa.errors import StoreError
from qa.store import Store
from qa.web import tls
from qa.web.settings import Settings

NOW = datetime.now(UTC)


def made(folder: Path, since: timedelta = timedelta(days=-1), until: timedelta = timedelta(days=90), password: bytes = b"") -> tls.Files:
    """A certificate for 127.0.0.1 that signs itself, and its key."""
    folder.mkdir(exist_ok=True)
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "qa")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
    builder = builder.not_valid_before(NOW + since).not_valid_after(NOW + until)
    own = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    cert = builder.add_extension(own, False).sign(key, hashes.SHA256())
    locked = BestAvailableEncryption(password) if password else NoEncryption()
    files = tls.Files(folder / "cert.pem", folder / "key.pem")
    files.cert.write_bytes(cert.public_bytes(Encoding.PEM))
    files.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, locked))
    return files


def options(files: tls.Files) -> tuple[str, ...]:
    return ("--tls-cert", str(files.cert), "--tls-key", str(files.key))


def test_a_server_speaks_https_and_nothing_else(house: House, tmp_path: Path) -> None:
    files = made(tmp_path / "tls")
    command = [sys.executable, "-m", "qa", "serve", "--db", str(house.db), "--port", "0", *options(files)]
    here = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=here) as running:
        try:
            assert running.stdout is not None
            _speaks_https_alone(running.stdout.readline().split()[-1], files.cert)
            running.send_signal(signal.SIGTERM)
            assert running.wait(30) == 0
        finally:
            running.kill()


def _speaks_https_alone(address: str, cert: Path) -> None:
    assert address.startswith("https://127.0.0.1:")
    port = int(address.rsplit(":", 1)[1].strip("/"))
    with urllib.request.urlopen(address + "login", context=ssl.create_default_context(cafile=str(cert))) as answer:
        assert answer.status == 200 and "登录" in answer.read().decode()
        assert answer.headers["strict-transport-security"] == "max-age=31536000; includeSubDomains"
        (cookie,) = answer.headers.get_all("set-cookie")
        assert cookie.startswith("__Host-qa-login=") and "Secure" in cookie
    for version, taken in ((ssl.TLSVersion.TLSv1_1, False), (ssl.TLSVersion.TLSv1_2, True), (ssl.TLSVersion.TLSv1_3, True)):
        assert _shakes_hands(port, version) == taken, version
    assert not _shakes_hands(port, ssl.TLSVersion.TLSv1_2, "AES256-SHA256:AES128-GCM-SHA256:ECDHE-ECDSA-AES128-SHA256")
    with socket.create_connection(("127.0.0.1", port), 10) as plain, contextlib.suppress(ConnectionError):
        plain.sendall(b"GET /login HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert b"HTTP/1.1" not in plain.recv(100)


def _shakes_hands(port: int, version: ssl.TLSVersion, ciphers: str = "ALL:@SECLEVEL=0") -> bool:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers(ciphers)
    context.minimum_version = context.maximum_version = version
    try:
        with socket.create_connection(("127.0.0.1", port), 10) as plain, context.wrap_socket(plain) as shaken:
            return shaken.version() is not None
    except (ssl.SSLError, ConnectionError):
        return False


def test_a_form_of_our_own_page_is_taken_over_https(house: House) -> None:
    """``Origin`` is compared with the address as the browser wrote it."""
    browser = house.anonymous(tls=True)
    browser.client.base_url = "https://127.0.0.1"
    browser.get("/login")
    browser.csrf = browser.client.cookies["__Host-qa-login"]
    assert browser.post("/language", {"lang": "en"}, headers={"Origin": "https://127.0.0.1"}).status_code == 303
    assert browser.post("/language", {"lang": "en"}, headers={"Origin": "http://127.0.0.1"}).status_code == 403
    assert Settings(house.db, tls=True).secure


# ---------------------------------------------------------------- what it does not start with


WRONG = ("no certificate", "no key", "nothing there", "a key that is another's", "swapped", "expired", "too early", "locked", "half of it")


def damaged(folder: Path, damage: str) -> tuple[tls.Files, str]:
    """Files, and what is told of them."""
    files = made(folder / "a")
    if damage == "no certificate":
        files.cert.write_text("-----BEGIN CERTIFICATE-----\nxx\n-----END CERTIFICATE-----\n")
        return files, "文件里没有证书"
    if damage == "no key":
        files.key.write_text("")
        return files, "文件里没有私钥"
    if damage == "nothing there":
        files.key.unlink()
        return files, "读不了"
    if damage == "a key that is another's":
        return tls.Files(files.cert, made(folder / "b").key), "不是这张证书的"
    if damage == "swapped":
        return tls.Files(files.key, files.cert), "文件里没有证书"
    if damage == "half of it":
        files.key.write_text(files.key.read_text()[:80])
        return files, "文件里没有私钥"
    spans = {"expired": (timedelta(days=-9), timedelta(days=-1)), "too early": (timedelta(days=1), timedelta(days=9))}
    if damage in spans:
        return made(folder / "c", *spans[damage]), "过期" if damage == "expired" else "起才有效"
    return made(folder / "d", password=b"secret"), "私钥有密码"


@pytest.mark.parametrize("damage", WRONG)
def test_wrong_files_are_one_clear_error(qa: Run, tmp_path: Path, damage: str) -> None:
    files, why = damaged(tmp_path, damage)
    told = qa("serve", "--db", tmp_path / "new.db", *options(files))
    assert told.code == 2 and why in told.err and "Traceback" not in told.err
    assert not (tmp_path / "new.db").exists()
    with pytest.raises(StoreError, match=why) as raised:
        tls.checked(files, NOW)
    assert raised.value.cure


def test_one_file_alone_is_not_enough(qa: Run, tmp_path: Path) -> None:
    files = made(tmp_path / "tls")
    for only in (options(files)[:2], options(files)[2:]):
        told = qa("serve", "--db", tmp_path / "new.db", *only)
        assert told.code == 2 and "要一起给" in told.err


def test_a_certificate_that_ends_soon_is_told(tmp_path: Path) -> None:
    assert tls.checked(made(tmp_path / "a", until=timedelta(days=5)), NOW).soon(NOW)
    assert not tls.checked(made(tmp_path / "b", until=timedelta(days=60)), NOW).soon(NOW)


OPEN = {
    "for others": ("--host", "0.0.0.0", "--public-url", "http://qa.example.com"),
    "behind a proxy without https": ("--public-url", "http://qa.example.com"),
}


@pytest.mark.parametrize("how", OPEN)
def test_nothing_goes_out_in_the_clear_without_being_asked_for(qa: Run, tmp_path: Path, how: str) -> None:
    told = qa("serve", "--db", tmp_path / "new.db", *OPEN[how])
    assert told.code == 2 and "没有 https" in told.err and "--insecure-http" in told.err
    assert not (tmp_path / "new.db").exists()


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    """A database without anything."""
    Store(tmp_path / "a.db").close()
    return tmp_path / "a.db"


STARTS = {
    "asked for": (*OPEN["for others"], "--insecure-http"),
    "https at a proxy": ("--host", "0.0.0.0", "--public-url", "https://qa.example.com"),
    "this machine": (),
    "this machine by name": ("--public-url", "http://localhost:8000"),
}


@pytest.mark.parametrize("how", STARTS)
def test_what_is_safe_or_asked_for_starts(qa: Run, empty: Path, how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from qa.web import running

    started: list[Settings] = []
    monkeypatch.setattr(running, "serve", lambda settings, *_: started.append(settings))
    told = qa("serve", "--db", empty, *STARTS[how])
    assert told.code == 0 and len(started) == 1
    assert ("明文" in told.err) == (how == "asked for")


def test_own_https_opens_to_others(qa: Run, tmp_path: Path, empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from qa.web import running

    started: list[Settings] = []
    monkeypatch.setattr(running, "serve", lambda settings, *_: started.append(settings))
    files = options(made(tmp_path / "tls"))
    assert qa("serve", "--db", empty, "--host", "0.0.0.0", "--public-url", "https://qa.example.com:8443", *files).code == 0
    assert started[0].tls and started[0].secure
    told = qa("serve", "--db", empty, "--public-url", "http://qa.example.com", *files)
    assert told.code == 2 and "就要是 https" in told.err


# ---------------------------------------------------------------- roles with a second factor


def test_roles_that_must_have_a_second_factor(qa: Run, empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from qa.web import running

    started: list[Settings] = []
    monkeypatch.setattr(running, "serve", lambda settings, *_: started.append(settings))
    for given, roles in (("hr, admin", {"hr", "admin"}), ("all", {"agent", "lead", "qa", "trainer", "hr", "admin"}), ("", set())):
        assert qa("serve", "--db", empty, "--second-factor", given).code == 0
        assert {role.value for role in started[-1].second_factor} == roles
    told = qa("serve", "--db", empty, "--second-factor", "boss")
    assert told.code == 2 and "没有这个岗位" in told.err and json.dumps("admin").strip('"') in told.err
