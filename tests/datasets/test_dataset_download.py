"""Downloads from a server on this machine, through torchvision's own functions."""

import errno
import functools
import http.server
import socket
import threading

import numpy as np
import pytest
from dataset_files import checksum, cifar_batches, everything_below, small_set, write_archive, write_idx
from test_dataset_svhn import write_svhn
from torchvision import datasets

from prunesim.datasets import originals


@pytest.fixture
def server(tmp_path, monkeypatch):
    """Serve ``tmp_path/served`` and return its address."""
    monkeypatch.setenv("no_proxy", "*")
    (tmp_path / "served").mkdir()

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *arguments):
            pass

    handler = functools.partial(Quiet, directory=tmp_path / "served")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as httpd:
        thread = threading.Thread(target=httpd.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{httpd.server_port}/"
        httpd.shutdown()
        thread.join()


@pytest.fixture
def nowhere():
    """Return an address where nothing listens."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{one.getsockname()[1]}/"


def test_idx(run, tmp_path, server, nowhere, monkeypatch):
    made = small_set()
    known = write_idx(tmp_path / "served", made)
    monkeypatch.setattr(datasets.MNIST, "mirrors", [nowhere, server])
    arrays, description = run(known, name="mnist")
    assert np.array_equal(arrays["train", "images"][..., 0], made["train", "images"])
    origin = description["origin"]
    assert origin["from"] == "download"
    for entry in origin["files"]:
        assert entry["url"] == server + entry["file"]
        assert f"sha256:{entry['sha256']}" == known[entry["file"]]
    assert everything_below(tmp_path / "out")[0] == "set"
    assert len(everything_below(tmp_path / "out")) == 6
    assert f"downloading {nowhere}train-images-idx3-ubyte.gz" in run.lines
    assert f"downloading {server}train-images-idx3-ubyte.gz" in run.lines


def test_what_a_bad_address_left_is_not_taken(run, tmp_path, server, monkeypatch):
    made = small_set()
    known = write_idx(tmp_path / "served" / "good", made)
    write_idx(tmp_path / "served" / "bad", small_set(seed=5))
    with socket.create_server(("127.0.0.1", 0)) as broken:

        def serve():
            for _ in range(8):
                connection, _ = broken.accept()
                with connection:
                    connection.recv(4096)
                    connection.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: 900\r\n\r\nonly the start")

        threading.Thread(target=serve, daemon=True).start()
        mirrors = [f"http://127.0.0.1:{broken.getsockname()[1]}/", server + "bad/", server + "good/"]
        monkeypatch.setattr(datasets.MNIST, "mirrors", mirrors)
        arrays, description = run(known, name="mnist")
    assert np.array_equal(arrays["test", "images"][..., 0], made["test", "images"])
    assert [entry["url"].startswith(server + "good/") for entry in description["origin"]["files"]] == [True] * 4


def test_a_name_of_its_own_does_not_loosen_the_check_of_a_download(refused, tmp_path, server, monkeypatch):
    known = write_idx(tmp_path / "served", small_set())
    monkeypatch.setattr(datasets.MNIST, "mirrors", [server])
    known["t10k-images-idx3-ubyte.gz"] = checksum(b"other")
    sentence = refused(known, name="mine", source="mnist")
    for word in ("t10k-images-idx3-ubyte.gz could not be downloaded", server, checksum(b"other")[7:], "dataset.path"):
        assert word in sentence


def test_cifar(run, tmp_path, server, monkeypatch):
    batches, content = cifar_batches("cifar100")
    path = tmp_path / "served" / "cifar-100-python.tar.gz"
    write_archive(path, [(f"cifar-100-python/{name}", data) for name, data in batches.items()])
    known = {name: checksum(data, "md5") for name, data in batches.items()} | {path.name: checksum(path.read_bytes())}
    monkeypatch.setattr(datasets.CIFAR100, "url", server + path.name)
    arrays, description = run(known, name="cifar100")
    assert np.array_equal(arrays["test", "images"], content["test"][0])
    assert [entry["url"] for entry in description["origin"]["files"]] == [server + path.name]


def test_svhn(run, tmp_path, server, monkeypatch):
    known, content = write_svhn(tmp_path / "served")
    table = {split: [server + f"{split}_32x32.mat", f"{split}_32x32.mat", "md5"] for split in ("train", "test")}
    monkeypatch.setattr(datasets.SVHN, "split_list", table)
    arrays, _ = run(known, name="svhn")
    assert np.array_equal(arrays["test", "images"], content["test"][0])


def test_not_found(refused, tmp_path, server, monkeypatch):
    known = write_idx(tmp_path / "served", small_set())
    (tmp_path / "served" / "train-labels-idx1-ubyte.gz").unlink()
    monkeypatch.setattr(datasets.MNIST, "mirrors", [server])
    sentence = refused(known, name="mnist")
    for word in (f"{server}train-labels-idx1-ubyte.gz", "404", "dataset.path"):
        assert word in sentence


def test_no_network_names_every_address(refused, tmp_path, nowhere, monkeypatch):
    known = write_idx(tmp_path / "data", small_set())
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(datasets.MNIST, "mirrors", [nowhere, nowhere + "second/"])
    sentence = refused(known, name="mnist")
    for word in (f"{nowhere}train-images", f"{nowhere}second/train-images", "refused", "dataset.path"):
        assert word in sentence


def test_a_full_disk_is_not_called_a_network_fault(refused, tmp_path, monkeypatch):
    def full(*arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("torchvision.datasets.utils.download_url", full)
    sentence = refused(write_idx(tmp_path / "data", small_set()), name="mnist")
    assert sentence.startswith("The disk is full")


def test_a_connection_that_stalls_is_given_up(refused, tmp_path, monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(originals, "STALL_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        monkeypatch.setattr(datasets.MNIST, "mirrors", [address])
        sentence = refused(write_idx(tmp_path / "data", small_set()), name="mnist")
    assert address in sentence
    assert "timed out" in sentence
    assert socket.getdefaulttimeout() is None
