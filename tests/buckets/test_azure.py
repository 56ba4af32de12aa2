"""Azure Blob Storage, from Azurite, which checks the signatures."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import socket
import subprocess
import time
from email.utils import formatdate
from urllib.parse import parse_qsl, quote, urlsplit

import pytest
import requests
from conftest import Folder, verdicts

AZURITE = os.environ["AZURITE"]

# The emulator's account and its key, which Microsoft publishes.
ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    place = tmp_path_factory.mktemp("azurite")
    command = [AZURITE, "--blobPort", str(port), "--location", str(place), "--silent", "--skipApiVersionCheck", "--disableTelemetry"]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    for _ in range(300):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.1)
    yield f"http://127.0.0.1:{port}"
    server.terminate()
    server.wait()


def put(address: str, body: bytes = b"", **headers: str) -> None:
    """Sends a PUT that the key of the account signs."""
    own = {name.replace("_", "-"): value for name, value in headers.items()}
    own |= {"x-ms-date": formatdate(usegmt=True), "x-ms-version": "2021-12-02"}
    signed = "".join(f"{name}:{own[name]}\n" for name in sorted(own))
    url = urlsplit(address)
    query = "".join(f"\n{name}:{value}" for name, value in sorted(parse_qsl(url.query)))
    length = str(len(body)) if body else ""
    text = f"PUT\n\n\n{length}\n\n\n\n\n\n\n\n\n{signed}/{ACCOUNT}{url.path}{query}"
    signature = hmac.new(base64.b64decode(KEY), text.encode(), hashlib.sha256).digest()
    own["Authorization"] = f"SharedKey {ACCOUNT}:{base64.b64encode(signature).decode()}"
    answer = requests.put(address, data=body, headers=own, timeout=30)
    assert answer.status_code in (201, 409), answer.text


@pytest.fixture
def container(endpoint, folder):
    """The variables for a container with the archives."""
    place = f"{endpoint}/{ACCOUNT}/nih"
    put(f"{place}?restype=container")
    for archive in folder.archives:
        put(f"{place}/v1/{quote(archive.name)}", archive.content, x_ms_blob_type="BlockBlob")
    return {"AZURE_STORAGE_USE_EMULATOR": "true", "AZURITE_BLOB_STORAGE_URL": endpoint}


def test_archives_are_fetched_and_verified(container, folder):
    assert verdicts(folder.fetch("az://nih/v1", **container)) == ["ok"] * 3
    folder.assert_fetched()
    assert verdicts(folder.verify("az://nih/v1", **container)) == ["ok"] * 3


def test_quick_uses_the_md5_of_the_blob(container, folder):
    report = folder.verify("az://nih/v1", "--quick", **container)
    assert verdicts(report) == ["present"] * 3
    assert "matching digest in" in report[0]["detail"], report[0]["detail"]


def test_a_refusal_names_the_container_the_key_and_what_to_set(container, folder):
    wrong = container | {"AZURE_STORAGE_ACCOUNT_KEY": "V1JPTkcvU0VDUkVU"}
    report = folder.verify("az://nih/v1", status=3, **wrong)
    assert "AuthenticationFailed" in report[0]["detail"] or "AuthorizationFailure" in report[0]["detail"]
    assert "bucket nih, key v1/images_001.tar.gz" in report[0]["detail"]
    report = folder.verify("az://none/v1", status=1, **container)
    assert "there is no such bucket" in report[0]["detail"], report[0]["detail"]
