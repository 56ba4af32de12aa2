"""Google Cloud Storage, from gcp-storage-emulator, which asks for no credentials."""

from __future__ import annotations

from urllib.parse import quote

import pytest
import requests
from conftest import Folder, verdicts
from gcp_storage_emulator.server import create_server


class Store:
    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        requests.post(f"{endpoint}/storage/v1/b", json={"name": "nih"}, timeout=10).raise_for_status()

    @property
    def variables(self) -> dict[str, str]:
        return {"STORAGE_EMULATOR_HOST": self.endpoint}

    def put(self, folder: Folder) -> None:
        for archive in folder.archives:
            name = quote(f"v1/{archive.name}", safe="")
            address = f"{self.endpoint}/upload/storage/v1/b/nih/o?uploadType=media&name={name}"
            requests.post(address, data=archive.content, timeout=10).raise_for_status()


@pytest.fixture(scope="module")
def store():
    server = create_server("127.0.0.1", 0, in_memory=True)
    server.start()
    yield Store(f"http://127.0.0.1:{server._api._httpd.server_address[1]}")
    server.stop()


def test_archives_are_fetched_and_verified(store, folder):
    store.put(folder)
    assert verdicts(folder.fetch("gs://nih/v1", **store.variables)) == ["ok"] * 3
    folder.assert_fetched()
    assert verdicts(folder.verify("gs://nih/v1", **store.variables)) == ["ok"] * 3


def test_what_is_not_there_is_missing(store, folder):
    report = folder.verify("gs://nih/v2", status=1, **store.variables)
    assert verdicts(report) == ["missing"] * 3
    assert "bucket nih, key v2/images_001.tar.gz" in report[0]["detail"]
