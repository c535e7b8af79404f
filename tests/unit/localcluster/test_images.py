"""Archives, names and build settings of images."""

import hashlib
import io
import json
import tarfile

import yaml

from localcluster.driver.buildah import log_name, render_pip_conf
from localcluster.driver.oci import build_archive
from localcluster.driver.pki import render_kubeconfig
from localcluster.driver.release import build_image_values


def test_every_blob_of_an_archive_is_what_its_digest_says() -> None:
    with tarfile.open(fileobj=io.BytesIO(build_archive("a/b:1", b"layer", {"Entrypoint": ["/x"]}))) as archive:
        files = {member.name: archive.extractfile(member).read() for member in archive}  # type: ignore[union-attr]
    blobs = {name.removeprefix("blobs/sha256/"): data for name, data in files.items() if name.startswith("blobs/")}
    assert all(hashlib.sha256(data).hexdigest() == digest for digest, data in blobs.items())

    def follow(reference: dict[str, str]) -> bytes:
        data = blobs[reference["digest"].removeprefix("sha256:")]
        assert len(data) == reference["size"]
        return data

    entry = json.loads(files["index.json"])["manifests"][0]
    assert entry["annotations"]["io.containerd.image.name"] == "a/b:1"
    manifest = json.loads(follow(entry))
    assert follow(manifest["layers"][0]) == b"layer"
    config = json.loads(follow(manifest["config"]))
    assert config["config"] == {"Entrypoint": ["/x"]}
    assert config["rootfs"]["diff_ids"] == [f"sha256:{hashlib.sha256(b'layer').hexdigest()}"]


def test_pip_in_a_build_gets_this_machines_settings_and_authorities() -> None:
    text = render_pip_conf(
        {"PIP_INDEX_URL": "https://mirror/%20simple", "PIP_NO_COLOR": "1"}, "[global]\ntimeout = 9\n"
    )
    assert text.split() == [
        "[global]",
        *("timeout", "=", "9"),
        *("index-url", "=", "https://mirror/%20simple"),
        *("cert", "=", "/etc/ssl/certs/ca-certificates.crt"),
    ]


def test_pips_default_timeout_is_called_timeout_in_its_file() -> None:
    assert "\ntimeout = 180\n" in render_pip_conf({"PIP_DEFAULT_TIMEOUT": "180"}, "")


def test_chart_values_split_names_at_the_tag_and_not_at_a_port() -> None:
    values = build_image_values({"operator": "registry:5000/operator:1.0", "runner": "scriptrun.dev/runner:0.1.0-ab"})
    assert values[1::2] == [
        *("image.repository=registry:5000/operator", "image.tag=1.0"),
        *("runner.image.repository=scriptrun.dev/runner", "runner.image.tag=0.1.0-ab"),
    ]


def test_a_log_is_named_after_its_image() -> None:
    assert log_name("registry:5000/a/operator:1.0-ab") == "operator-1.0-ab"


def test_a_kubeconfig_carries_its_certificates() -> None:
    config = yaml.safe_load(render_kubeconfig(b"authority", b"certificate", b"key"))
    assert config["users"][0]["user"]["client-key-data"] == "a2V5"
    assert config["current-context"] == config["contexts"][0]["name"]
    assert config["clusters"][0]["cluster"]["server"].startswith("https://")
