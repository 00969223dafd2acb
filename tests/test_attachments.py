"""Attachments: what is sent comes back byte for byte, nothing that runs is taken, whose it is follows the feature."""

from __future__ import annotations

import hashlib
import io
import os
import signal
import socket
import struct
import subprocess
import sys
import time
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import httpx
import pytest
from people import bearing, signed_in
from PIL import Image
from serving import serving
from sqlalchemy.exc import InternalError

from gis_service.attachments import Sent, Store, attach, restore
from gis_service.attachments.check import FRESH, check
from gis_service.attachments.kinds import cleaned, judge
from gis_service.attachments.store import key_of, thumbnail_key
from gis_service.database import Database
from gis_service.errors import AlreadyThere, StoreError, TooLarge, UnknownName, WrongType
from gis_service.settings import Settings
from layers import registry

BRIDGES = registry()["bridges"]
HERE = "/api/layers/bridges/features/QL-001/attachments"


def _photo(kind: str = "JPEG", size: tuple[int, int] = (600, 300), *, orientation: int = 1, mark: int = 0) -> bytes:
    """A picture whose upper left quarter is red; `orientation` says how the camera was held."""
    image = Image.new("RGB", size, (mark, 90, 200))
    image.paste((255, 0, 0), (0, 0, size[0] // 2, size[1] // 2))
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = orientation, "SecretCamera"
    sink = io.BytesIO()
    image.save(sink, kind, exif=exif)
    return sink.getvalue()


def _pdf() -> bytes:
    sink = io.BytesIO()
    Image.new("RGB", (40, 40), "white").save(sink, "PDF")
    return sink.getvalue()


def _office(part: str = "word/document.xml", **others: bytes) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr(part, "<document>整改报告</document>")
        for name, content in others.items():
            archive.writestr(name.replace("__", "/").replace("_dot_", "."), content)
    return sink.getvalue()


def _bomb_png(edge: int = 30_000) -> bytes:
    """A picture of 900 million pixels in some kilobytes."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    rows = zlib.compress(b"\0" * (edge // 8 + 1) * 1000, 9)
    head = struct.pack(">IIBBBBB", edge, edge, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


TAKEN = {
    "桥面.jpg": (_photo(), "image/jpeg"),
    "桥面.png": (_photo("PNG"), "image/png"),
    "桥面.webp": (_photo("WEBP"), "image/webp"),
    "桥面.tif": (_photo("TIFF"), "image/tiff"),
    "报告.pdf": (_pdf(), "application/pdf"),
    "报告.docx": (_office(), "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    "台账.xlsx": (_office("xl/workbook.xml"), "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    "台账.csv": ("编号,名称\nQL-001,洪塘大桥\n".encode("gbk"), "text/csv; charset=gb18030"),
    "说明.txt": ("已整改，见照片。\n".encode(), "text/plain; charset=utf-8"),
}
REFUSED = {
    "a page called a photo": ("照片.jpg", b"<!DOCTYPE html><html><script>alert(1)</script></html>"),
    "a page called a text": ("说明.txt", b"<html><body onload=alert(1)>"),
    "a drawing with a script": ("图.svg", b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>'),
    "a drawing called a photo": ("图.png", b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>'),
    "a photo that is a page, too": ("照片.jpg", _photo() + b"<script>alert(1)</script>"),
    "a picture that is a script, too": ("图.gif", b"GIF89a/*" + b"\0" * 20 + b"*/=1;alert(1)"),
    "a script": ("run.sh", b"#!/bin/sh\nrm -rf /\n"),
    "a script called a text": ("run.txt", b"#!/bin/sh\nrm -rf /\n"),
    "a script in another language": ("run.js", b"alert(1)"),
    "a program": ("工具.exe", b"MZ\x90\x00" + bytes(200)),
    "a program called a table": ("表.csv", b"\x7fELF" + bytes(200)),
    "an archive": ("a.zip", _office("readme.md")),
    "a document with macros": ("a.docx", _office(word__vbaProject_dot_bin=b"x")),
    "a document that would fill the disk": ("a.docx", _office(word__media=b"\0" * 210_000_000)),
    "half a document": ("a.docx", _office()[:-40]),
    "half a photo": ("a.jpg", _photo()[:-900]),
    "half a report": ("a.pdf", _pdf()[:200]),
    "a picture that would fill the memory": ("a.png", _bomb_png()),
    "nothing": ("a.jpg", b""),
}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(Settings(home=tmp_path))


@pytest.fixture(scope="module")
def district(cluster: Any, sample_template: str) -> Iterator[Database]:
    """One sample district for the doors of this module."""
    from conftest import copied  # noqa: PLC0415 - a fixture's helper

    yield from copied(cluster, sample_template, "sample_attachments")


@pytest.fixture(scope="module")
def service(district: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    home = tmp_path_factory.mktemp("home")
    secret = signed_in(district, "编辑", "editor")
    with (
        serving(district, home=home, attachment_limit_mb=1) as root,
        httpx.Client(base_url=root, timeout=30, headers=bearing(secret)) as client,
    ):
        yield client


def _post(client: httpx.Client, content: bytes, name: str = "照片.jpg", at: str = HERE, **more: Any) -> httpx.Response:
    return client.post(at, files={"file": (name, content, "text/html")}, **more)


@pytest.mark.parametrize("name", TAKEN)
def test_what_is_sent_comes_back_byte_for_byte_with_its_own_type_and_name(name: str, service: httpx.Client) -> None:
    content, media_type = TAKEN[name]
    made = _post(service, content, name, data={"note": "整改后"})
    assert made.status_code == 201
    told = made.json()
    assert made.headers["location"] == told["url"]
    assert (told["name"], told["media_type"], told["size"]) == (name, media_type, len(content))
    assert (told["note"], told["by"]) == ("整改后", "编辑")
    assert told in service.get(HERE).json()["attachments"]
    got = service.get(told["url"])
    assert got.content == content
    assert got.headers["content-type"] == media_type
    assert got.headers["x-content-type-options"] == "nosniff"
    assert got.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert got.headers["etag"] == f'"{hashlib.sha256(content).hexdigest()}"'
    assert got.headers["cache-control"].startswith("private")
    shown = media_type in ("image/jpeg", "image/png", "image/webp")
    assert got.headers["content-disposition"].startswith("inline" if shown else "attachment")
    assert f"filename*=UTF-8''{httpx.QueryParams({'n': name})}".replace("n=", "") in got.headers["content-disposition"]
    assert (told["thumbnail"] is None) == (not media_type.startswith("image/"))


@pytest.mark.parametrize("why", REFUSED)
def test_what_runs_or_breaks_is_refused(why: str) -> None:
    name, content = REFUSED[why]
    with pytest.raises(WrongType):
        judge(io.BytesIO(content), name)


def test_a_refusal_says_what_is_taken(service: httpx.Client) -> None:
    before = service.get(HERE).json()
    refused = _post(service, REFUSED["a page called a photo"][1])
    assert refused.status_code == 415
    assert "JPEG" in refused.json()["allowed"]
    assert service.get(HERE).json() == before


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("../../etc/cron.d/照片.jpg", "照片.jpg"),
        ("C:\\Users\\王工\\桥.JPG", "桥.JPG"),
        ("照片.html", "照片.html.jpg"),
        ("a\x00b\r\nSet-Cookie: x=1.jpg", "abSet-Cookie_ x=1.jpg"),
        ("\u202egpj.exe", "gpj.exe.jpg"),
        ("", "附件.jpg"),
        ("...", "附件.jpg"),
        ("桥" * 300 + ".jpg", "桥" * 58 + ".jpg"),
    ],
)
def test_a_name_is_only_a_name(given: str, kept: str) -> None:
    name = cleaned(given, judge(io.BytesIO(_photo()), given).kind)
    assert name == kept
    assert not any(unicodedata.category(c).startswith("C") for c in name)


def test_too_much_is_refused_before_it_has_come(service: httpx.Client) -> None:
    announced = _post(service, _photo() + bytes(1_200_000))
    assert announced.status_code == 413
    assert announced.json()["limit_mb"] == 1


def test_too_much_is_refused_while_it_comes(service: httpx.Client) -> None:
    host = HTTPConnection(service.base_url.host, service.base_url.port or 0, timeout=20)
    host.putrequest("POST", HERE)
    headers = {"Transfer-Encoding": "chunked", "Content-Type": "multipart/form-data; boundary=x"}
    for name, value in (headers | {"Authorization": service.headers["authorization"]}).items():
        host.putheader(name, value)
    host.endheaders()
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n\r\n'
    for piece in (head, *[bytes(100_000)] * 13):
        host.send(b"%x\r\n%b\r\n" % (len(piece), piece))
    answer = host.getresponse()  # the body has not ended
    assert answer.status == 413
    host.close()


def test_the_limit_holds_for_the_file_itself(district: Database, tmp_path: Path) -> None:
    store = Store(Settings(home=tmp_path, attachment_limit_mb=1))
    with pytest.raises(TooLarge):
        attach(district, store, BRIDGES, "QL-001", Sent(io.BytesIO(bytes(1_000_001)), "a.txt"))


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_a_thumbnail_is_upright_small_and_tells_nothing_of_the_camera(orientation: int, service: httpx.Client) -> None:
    told = _post(service, _photo(size=(1200, 600), orientation=orientation)).json()
    answer = service.get(told["thumbnail"])
    with Image.open(io.BytesIO(answer.content)) as image:
        assert image.format == "WEBP"
        assert image.size == ((480, 240) if orientation in (1, 3) else (240, 480))
        red = {1: (60, 60), 3: (420, 180), 6: (180, 60), 8: (60, 420)}[orientation]
        pixel: Any = image.convert("RGB").getpixel(red)
        assert pixel[0] > 200
        assert pixel[2] < 60
        assert not image.getexif()
    assert b"SecretCamera" not in answer.content
    assert b"SecretCamera" in service.get(told["url"]).content


def test_who_has_the_bytes_is_not_sent_them_again_and_may_ask_for_a_part(service: httpx.Client) -> None:
    content = _photo(mark=7)
    url = _post(service, content).json()["url"]
    whole = service.get(url)
    again = service.get(url, headers={"If-None-Match": whole.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    for asked, part in (("10-19", content[10:20]), ("100-", content[100:]), ("-5", content[-5:])):
        found = service.get(url, headers={"Range": f"bytes={asked}"})
        assert (found.status_code, found.content) == (206, part)
    assert service.get(url, headers={"Range": f"bytes={len(content)}-"}).status_code == 416
    assert service.get(url, headers={"Range": "bytes=1-2", "If-Range": '"other"'}).content == content
    texts = _post(service, b"a" * 5000, "a.txt").json()["url"]
    assert service.get(texts).headers["content-length"] == "5000", "a strong tag is of bytes that nobody has packed"


def test_the_same_bytes_are_on_a_feature_once_and_in_the_store_once(service: httpx.Client) -> None:
    content = _photo(mark=9)
    first, twice = _post(service, content), _post(service, content, "另一名字.jpg")
    elsewhere = _post(service, content, at=HERE.replace("QL-001", "QL-002"))
    assert (first.status_code, twice.status_code, elsewhere.status_code) == (201, 200, 201)
    assert twice.json() == first.json()
    assert elsewhere.json()["id"] != first.json()["id"]


def test_a_code_may_hold_slashes(district: Database, service: httpx.Client) -> None:
    with district.transaction() as connection:
        connection.exec_driver_sql("UPDATE bridges SET code = 'QL/闽/3' WHERE code = 'QL-003'")
    at = "/api/layers/bridges/features/QL%2F闽%2F3/attachments"
    told = _post(service, _photo(mark=3), at=at).json()
    assert [one["id"] for one in service.get(at).json()["attachments"]] == [told["id"]]


def test_who_may_not_see_a_feature_finds_nothing_and_who_may_not_write_is_told(
    district: Database, service: httpx.Client
) -> None:
    with district.reading() as connection:
        here = connection.exec_driver_sql("SELECT area_code FROM bridges WHERE code = 'QL-005'").scalar_one()
        others = "SELECT code FROM areas WHERE leaf AND code <> %s ORDER BY code LIMIT 1"
        there = connection.exec_driver_sql(others, (here,)).scalar_one()
    at = HERE.replace("QL-001", "QL-005")
    told = _post(service, _photo(mark=5), at=at).json()
    stranger = bearing(signed_in(district, "邻街", "editor", areas=[there]))
    for address in (at, told["url"], told["thumbnail"]):
        assert service.get(address, headers=stranger).status_code == 404
    assert _post(service, _photo(), at=at, headers=stranger).status_code == 404
    assert service.delete(told["url"], headers=stranger).status_code == 404
    assert service.post(f"{told['url']}/restore", headers=stranger).status_code == 404
    neighbour = bearing(signed_in(district, "本街", "editor", areas=[here]))
    assert service.get(told["url"], headers=neighbour).status_code == 200
    viewer = bearing(signed_in(district, "看客", "viewer"))
    assert service.get(told["url"], headers=viewer).status_code == 200
    assert _post(service, _photo(), at=at, headers=viewer).status_code == 403
    assert service.delete(told["url"], headers=viewer).status_code == 403
    with httpx.Client(base_url=service.base_url) as anonymous:
        assert anonymous.get(told["url"]).status_code == 200
        assert _post(anonymous, _photo(), at=at).status_code == 401
        assert anonymous.delete(told["url"]).status_code == 401
    assert service.get(told["url"]).status_code == 200


def test_what_is_deleted_can_be_restored(district: Database, service: httpx.Client) -> None:
    content = _photo(mark=11)
    told = _post(service, content).json()
    assert service.delete(told["url"]).status_code == 204
    assert service.get(told["url"]).status_code == 404
    assert told["id"] not in [one["id"] for one in service.get(HERE).json()["attachments"]]
    viewer = bearing(signed_in(district, "看客", "viewer"))
    assert service.post(f"{told['url']}/restore", headers=viewer).status_code == 403
    assert service.post(f"{told['url']}/restore").json() == told
    assert service.get(told["url"]).content == content
    assert service.post(f"{told['url']}/restore").status_code == 409
    assert service.post("/api/attachments/99999/restore").status_code == 404


def test_a_lost_thumbnail_is_drawn_anew_and_lost_bytes_are_said_to_be(own_sample: Database, store: Store) -> None:
    row, _ = attach(own_sample, store, BRIDGES, "QL-001", Sent(io.BytesIO(_photo()), "a.jpg"))
    with serving(own_sample, home=store._folder.parents[1]) as root, httpx.Client(base_url=root) as client:  # noqa: SLF001
        small = client.get(f"/api/attachments/{row['id']}/thumbnail").content
        store.delete(thumbnail_key(row["sha256"]))
        assert client.get(f"/api/attachments/{row['id']}/thumbnail").content == small
        store.delete(key_of(row["sha256"]))
        lost = client.get(f"/api/attachments/{row['id']}", headers={"Accept-Language": "en"})
    assert lost.status_code == 503
    assert "gis attachments check" in lost.json()["detail"]


def test_a_check_finds_what_is_missing_damaged_or_orphaned(own_sample: Database, store: Store, tmp_path: Path) -> None:
    rows = [
        attach(own_sample, store, BRIDGES, "QL-001", Sent(io.BytesIO(_photo(mark=80 * mark)), "a.jpg"))[0]
        for mark in range(3)
    ]
    folder = tmp_path / "attachments" / "sample"
    keys = [key_of(row["sha256"]) for row in rows]
    with own_sample.transaction() as connection:
        connection.exec_driver_sql("DELETE FROM attachments WHERE id = %s", (rows[2]["id"],))
    assert (check(own_sample, store).sound, check(own_sample, store).orphans) == (3, [])
    (folder / keys[0]).unlink()
    (folder / keys[1]).write_bytes(b"x" * rows[1]["size"])
    store.put("bytes/00/nobody", b"x")
    half = folder / "bytes/00/nobody#1"
    half.write_bytes(b"x")
    assert check(own_sample, store).orphans == [], "what is fresh may be an upload under way"
    old = time.time() - FRESH.total_seconds() - 60
    for path in (folder / "bytes/00/nobody", half):
        os.utime(path, (old, old))
    found = check(own_sample, store, remove_orphans=True)
    assert (found.missing, found.damaged) == ([keys[0]], [keys[1]])
    assert found.orphans == ["bytes/00/nobody", "bytes/00/nobody#1"]
    assert check(own_sample, store).orphans == []
    assert not half.exists()
    with own_sample.transaction() as connection:
        assert restore(connection, rows[2]["id"])["sha256"] == rows[2]["sha256"]
        with pytest.raises(AlreadyThere):
            restore(connection, rows[2]["id"])
        with pytest.raises(UnknownName):
            restore(connection, 4711)


def test_a_row_is_never_there_without_its_bytes(own_sample: Database, tmp_path: Path) -> None:
    (tmp_path / "attachments").write_text("a file where the folder should be")
    with pytest.raises(StoreError):
        attach(own_sample, Store(Settings(home=tmp_path)), BRIDGES, "QL-001", Sent(io.BytesIO(_photo()), "a.jpg"))
    with own_sample.reading() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM attachments").scalar_one() == 0


def test_bytes_that_are_no_longer_wanted_by_a_failed_row_are_an_orphan_at_most(
    own_sample: Database, store: Store
) -> None:
    with own_sample.transaction() as connection:
        connection.exec_driver_sql(
            "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE 'no'; END$$; "
            "CREATE TRIGGER no BEFORE INSERT ON attachments FOR EACH ROW EXECUTE FUNCTION no()"
        )
    with pytest.raises(InternalError):
        attach(own_sample, store, BRIDGES, "QL-001", Sent(io.BytesIO(_photo()), "a.jpg"))
    assert check(own_sample, store).sound == 0
    assert {kept.key.split("/")[0] for kept in store.held()} == {"bytes", "thumbnails"}


def test_a_process_killed_while_it_writes_leaves_no_half_file(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from gis_service.attachments import Store\n"
        "from gis_service.settings import Settings\n"
        "store = Store(Settings(home=Path(sys.argv[1])))\n"
        "for n in range(10_000):\n    store.put(f'bytes/00/{n}', bytes(6_000_000)); print(n, flush=True)\n"
    )
    store = Store(Settings(home=tmp_path))
    with subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        for _ in range(4):
            writer.stdout.readline()
        time.sleep(0.013)
        writer.send_signal(signal.SIGKILL)
    whole = [kept.key for kept in store.held() if "#" not in kept.key]
    assert len(whole) >= 4
    assert {store.size(key) for key in whole} == {6_000_000}


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    """A bucket on an S3-compatible server, in a process of its own."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    endpoint = f"http://127.0.0.1:{port}"
    with subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-p", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as server:
        for _ in range(200):
            try:
                httpx.put(f"{endpoint}/district").raise_for_status()
                break
            except httpx.TransportError:
                time.sleep(0.1)
        yield f"s3://district/photos?endpoint={endpoint}"
        server.terminate()


def test_a_bucket_keeps_what_a_folder_keeps(
    bucket: str, own_sample: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "operator")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    settings = {"home": tmp_path, "attachments_url": bucket}
    secret = signed_in(own_sample, "编辑", "editor")
    content = os.urandom(6_000_000).hex().encode()  # more than one part of an upload
    with serving(own_sample, **settings) as root, httpx.Client(base_url=root, headers=bearing(secret)) as client:
        text, photo = _post(client, content, "数据.txt").json(), _post(client, _photo()).json()
        assert client.get(text["url"]).content == content
        assert client.get(text["url"], headers={"Range": "bytes=5-9"}).content == content[5:10]
        assert client.get(photo["url"]).content == _photo()
        assert Image.open(io.BytesIO(client.get(photo["thumbnail"]).content)).format == "WEBP"
    store = Store(Settings(**settings))
    assert not (tmp_path / "attachments").exists()
    assert check(own_sample, store).sound == 2
    store.delete(key_of(hashlib.sha256(content).hexdigest()))
    assert len(check(own_sample, store).missing) == 1


def test_an_unreachable_bucket_is_said_to_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "operator")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    store = Store(Settings(home=tmp_path, attachments_url=f"s3://district?endpoint=http://127.0.0.1:{port}"))
    with pytest.raises(StoreError):
        store.put("bytes/00/a", b"a")


@pytest.mark.parametrize("url", ["http://host/bucket", "s3://", "s3://bucket?password=x", "bucket"])
def test_an_address_that_is_no_bucket_is_refused_at_the_start(url: str) -> None:
    with pytest.raises(ValueError, match="s3://bucket/prefix"):
        Settings(attachments_url=url)
