"""S3, from moto, which checks credentials here."""

from __future__ import annotations

import json

import boto3
import pytest
import requests
from botocore.config import Config
from conftest import Folder, verdicts
from moto.server import ThreadedMotoServer

POLICY = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}


class Store:
    """A server with one user, and the bucket `nih`."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        iam = self.client("iam", {"id": "any", "secret": "any"})
        iam.create_user(UserName="me")
        iam.put_user_policy(UserName="me", PolicyName="all", PolicyDocument=json.dumps(POLICY))
        key = iam.create_access_key(UserName="me")["AccessKey"]
        self.key = {"id": key["AccessKeyId"], "secret": key["SecretAccessKey"]}
        self.s3 = self.client("s3", self.key)
        self.s3.create_bucket(Bucket="nih")
        # From now on, the server checks signatures.
        requests.post(f"{endpoint}/moto-api/reset-auth", data=b"0", timeout=10)

    def client(self, service: str, key: dict[str, str]):
        return boto3.client(
            service,
            endpoint_url=self.endpoint,
            region_name="us-east-1",
            aws_access_key_id=key["id"],
            aws_secret_access_key=key["secret"],
            config=Config(s3={"addressing_style": "path"}),
        )

    @property
    def variables(self) -> dict[str, str]:
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": self.key["id"],
            "AWS_SECRET_ACCESS_KEY": self.key["secret"],
        }

    def put(self, folder: Folder, prefix: str = "v1/", **more) -> None:
        for archive in folder.archives:
            self.s3.put_object(Bucket="nih", Key=prefix + archive.name, Body=archive.content, **more)


@pytest.fixture(scope="module")
def store():
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield Store(f"http://{host}:{port}")
    server.stop()


def test_archives_are_fetched_and_verified(store, folder):
    store.put(folder)
    assert verdicts(folder.fetch("s3://nih/v1", "--events", "events.jsonl", **store.variables)) == ["ok"] * 3
    folder.assert_fetched()
    assert verdicts(folder.verify("s3://nih/v1/", **store.variables)) == ["ok"] * 3
    assert store.key["secret"] not in folder.texts()


def test_empty_parts_of_a_key_are_signed_as_they_are(store, folder):
    store.put(folder, "/v3//a/")
    assert verdicts(folder.verify("s3://nih//v3//a", **store.variables)) == ["ok"] * 3


def test_a_partial_download_is_resumed_and_a_damaged_archive_repaired(store, folder):
    store.put(folder)
    archive = folder.archives[0]
    damaged = bytearray(archive.content)
    damaged[200_000] ^= 1
    (folder.path / "data").mkdir()
    (folder.path / "data" / archive.name).write_bytes(damaged)
    (folder.path / "data" / folder.archives[1].name).write_bytes(folder.archives[1].content[:300_000])
    report = folder.fetch("s3://nih/v1", **store.variables)
    assert verdicts(report) == ["ok"] * 3
    folder.assert_fetched()
    assert report[1]["bytes_downloaded"] < 150_000


def test_the_profile_of_the_command_line_has_the_credentials(store, folder):
    store.put(folder)
    aws = folder.path / "home" / ".aws"
    aws.mkdir()
    keys = f"aws_access_key_id = {store.key['id']}\naws_secret_access_key = {store.key['secret']}\n"
    (aws / "credentials").write_text(f"[other]\naws_access_key_id = X\naws_secret_access_key = Y\n[lab]\n{keys}")
    (aws / "config").write_text(f"[profile lab]\nregion = us-east-1\nendpoint_url = {store.endpoint}\n")
    assert verdicts(folder.fetch("s3://nih/v1", AWS_PROFILE="lab")) == ["ok"] * 3
    report = folder.verify("s3://nih/v1", status=3, AWS_PROFILE="none", AWS_ENDPOINT_URL=store.endpoint)
    assert "aws configure export-credentials --profile none" in report[0]["detail"]


def test_a_refusal_names_the_bucket_the_key_and_what_to_set(store, folder):
    store.put(folder)
    wrong_secret = store.variables | {"AWS_SECRET_ACCESS_KEY": "WRONG/SECRET"}
    wrong_key = store.variables | {"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE"}
    for source, variables, verdict, words in [
        ("s3://nih/v1", wrong_secret, "unreachable", ["SignatureDoesNotMatch", "check AWS_SECRET_ACCESS_KEY"]),
        ("s3://nih/v1", wrong_key, "unreachable", ["InvalidAccessKeyId", "check AWS_ACCESS_KEY_ID"]),
        ("s3://none/v1", store.variables, "missing", ["NoSuchBucket", "bucket none", "there is no such bucket"]),
        ("s3://nih/v2", store.variables, "missing", ["NoSuchKey", "bucket nih, key v2/images_001.tar.gz"]),
    ]:
        report = folder.verify(source, status=3 if verdict == "unreachable" else 1, **variables)
        assert verdicts(report) == [verdict] * 3
        for word in words:
            assert word in report[0]["detail"], report[0]["detail"]
        assert "WRONG/SECRET" not in json.dumps(report)


def test_a_public_bucket_needs_no_credentials(folder):
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    s3 = boto3.client(
        "s3", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b"
    )
    requests.post(f"{endpoint}/moto-api/reset-auth", data=b"inf", timeout=10)
    s3.create_bucket(Bucket="private")
    s3.create_bucket(Bucket="public")
    for archive in folder.archives:
        s3.put_object(Bucket="public", Key=archive.name, Body=archive.content, ACL="public-read")
        s3.put_object(Bucket="private", Key=archive.name, Body=archive.content)
    try:
        assert verdicts(folder.fetch("s3://public", AWS_ENDPOINT_URL=endpoint)) == ["ok"] * 3
        report = folder.verify("s3://private", status=3, AWS_ENDPOINT_URL=endpoint)
        assert "asked without; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY" in report[0]["detail"]
    finally:
        server.stop()


def test_quick_uses_the_md5_of_a_single_part_and_is_not_misled_by_several(store, folder):
    store.put(folder, "one/")
    for archive in folder.archives:
        key = {"Bucket": "nih", "Key": f"many/{archive.name}"}
        upload = store.s3.create_multipart_upload(**key)["UploadId"]
        part = store.s3.upload_part(**key, UploadId=upload, PartNumber=1, Body=archive.content)
        parts = {"Parts": [{"ETag": part["ETag"], "PartNumber": 1}]}
        store.s3.complete_multipart_upload(**key, UploadId=upload, MultipartUpload=parts)
    one = folder.verify("s3://nih/one", "--quick", **store.variables)
    assert verdicts(one) == ["present"] * 3 and "matching digest in ETag" in one[0]["detail"]
    many = folder.verify("s3://nih/many", "--quick", **store.variables)
    assert verdicts(many) == ["present"] * 3 and "does not report a digest" in many[0]["detail"]


def test_checksums_writes_addresses_without_credentials(store, folder):
    done = folder.cxr("checksums", "--as", "aria2", "--from", "s3://nih/v1", **store.variables)
    assert f"{store.endpoint}/nih/v1/a%20b%2Bc.tar.gz" in done.stdout
    assert store.key["id"] not in done.stdout and "Signature" not in done.stdout
