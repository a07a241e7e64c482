"""Files over HTTP, judged by OpenAI's official client."""

import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest
from openai import OpenAI
from starlette.testclient import TestClient

from tests.serve.house import make_house
from tests.serve.test_keys import OWN, Door
from tinderbox.keys import Limits, add_key, make_key, revoke_key
from tinderbox.serve.guard import LARGEST_BODY, LARGEST_FORM

LINES = b'{"messages": []}\n' * 3
KIND = "multipart/form-data; boundary=x"


@pytest.fixture
def house(tmp_path: Path) -> TestClient:
    return TestClient(make_house(tmp_path), base_url="http://localhost")


@pytest.fixture
def client(house: TestClient) -> OpenAI:
    return OpenAI(base_url="http://localhost/v1", api_key="unused", max_retries=0, http_client=house)


def test_a_file_is_kept_and_read_back_as_it_came(client: OpenAI) -> None:
    sent = client.files.create(file=("data.jsonl", LINES), purpose="fine-tune")

    assert (sent.object, sent.filename, sent.bytes, sent.purpose) == ("file", "data.jsonl", len(LINES), "fine-tune")
    assert (sent.id.startswith("file-"), sent.status, sent.expires_at) == (True, "processed", None)
    assert client.files.retrieve(sent.id) == sent
    assert client.files.content(sent.id).content == LINES


def test_a_file_of_many_pieces_is_read_back_as_it_came(client: OpenAI, tmp_path: Path) -> None:
    large = tmp_path / "large.bin"
    large.write_bytes(bytes(range(256)) * 16_384 + b"\r\n--")

    sent = client.files.create(file=large, purpose="user_data")

    assert (sent.filename, sent.bytes) == ("large.bin", large.stat().st_size)
    assert client.files.content(sent.id).content == large.read_bytes()


def test_what_lies_on_the_disk_is_this_users_alone_and_nothing_in_part(client: OpenAI, tmp_path: Path) -> None:
    sent = client.files.create(file=LINES, purpose="user_data")

    folder = tmp_path / "files"
    assert [file.name for file in folder.iterdir()] == [sent.id]
    assert [stat.S_IMODE(path.stat().st_mode) for path in (folder, folder / sent.id)] == [0o700, 0o600]


def test_files_are_listed_by_purpose_and_page(client: OpenAI) -> None:
    one, two, three = (client.files.create(file=(name, b"x"), purpose="evals").id for name in ("a", "b", "c"))
    client.files.create(file=b"x", purpose="vision")

    page = client.files.list(purpose="evals", limit=2)

    assert ([file.id for file in page.data], page.has_more) == ([three, two], True)
    assert [file.id for file in page] == [three, two, one]
    assert [file.id for file in client.files.list(purpose="evals", order="asc", after=one)] == [two, three]


def test_a_deleted_file_is_gone(client: OpenAI, tmp_path: Path) -> None:
    sent = client.files.create(file=LINES, purpose="user_data")

    assert client.files.delete(sent.id).deleted
    with pytest.raises(openai.NotFoundError, match="no file"):
        client.files.content(sent.id)
    with pytest.raises(openai.NotFoundError):
        client.files.delete(sent.id)
    assert list((tmp_path / "files").iterdir()) == []


def test_an_end_is_taken_from_the_client_or_the_purpose(client: OpenAI) -> None:
    asked: Any = {"anchor": "created_at", "seconds": 3600}

    brief = client.files.create(file=b"x", purpose="user_data", expires_after=asked)
    batch = client.files.create(file=b"x", purpose="batch")

    assert brief.expires_at == brief.created_at + 3600
    assert batch.expires_at == batch.created_at + 30 * 86_400


def test_one_key_never_sees_anothers_files(house: TestClient, tmp_path: Path) -> None:
    alice, bob = (key_of(tmp_path, name) for name in ("alice", "bob"))
    sent = house.post("/v1/files", headers=alice, files={"file": LINES}, data={"purpose": "evals"}).json()["id"]

    paths = [f"/v1/files/{sent}", f"/v1/files/{sent}/content"]
    assert [house.get(path, headers=alice).status_code for path in paths] == [200, 200]
    assert [house.get(path, headers=bob).status_code for path in paths] == [404, 404]
    assert house.delete(f"/v1/files/{sent}", headers=bob).status_code == 404
    assert house.get("/v1/files", headers=bob).json()["data"] == []


def key_of(home: Path, name: str) -> dict[str, str]:
    key, text = make_key(name, ("jobs",), Limits())
    add_key(home, key)
    return {"Authorization": f"Bearer {text}"}


def test_a_content_is_never_shown_as_a_page(house: TestClient) -> None:
    page = ("../../evil.html", b"<script>alert(1)</script>", "text/html")
    sent = house.post("/v1/files", files={"file": page}, data={"purpose": "user_data"}).json()

    headers = house.get(f"/v1/files/{sent['id']}/content").headers

    assert sent["filename"] == "evil.html"
    assert headers["content-type"] == "application/octet-stream"
    assert headers["content-disposition"] == 'attachment; filename="evil.html"'
    assert headers["x-content-type-options"] == "nosniff"


def part(name: str, text: str, more: str = "") -> str:
    return f'--x\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n{text}\r\n'


FILE, PURPOSE, END = part("file", "abc", '; filename="a"'), part("purpose", "batch"), "--x--\r\n"
ANCHOR, SECONDS = part("expires_after[anchor]", "created_at"), part("expires_after[seconds]", "3600")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (FILE + END, "purpose"),
        (PURPOSE + END, "file"),
        (FILE + part("purpose", "fun") + END, "purpose"),
        (part("file", "", '; filename="a"') + PURPOSE + END, "file"),
        (part("file", "abc") + PURPOSE + END, "file"),
        (FILE + FILE + PURPOSE + END, "file"),
        (FILE + PURPOSE + PURPOSE + END, "purpose"),
        (FILE + PURPOSE + part("porpoise", "x") + END, "porpoise"),
        (FILE + PURPOSE + ANCHOR + END, "expires_after.seconds"),
        (FILE + PURPOSE + ANCHOR + SECONDS.replace("3600", "60") + END, "expires_after.seconds"),
        (FILE + part("purpose", "x" * 10_000) + END, "purpose"),
        (FILE + PURPOSE + "".join(part(f"f{number}", "x") for number in range(20)) + END, None),
        (FILE + PURPOSE, None),
        (FILE[:-20], None),
        ("no form at all", None),
        ("--x\r\n\r\nabc\r\n" + END, None),
        ("", None),
    ],
)
def test_a_form_that_is_wrong_is_refused_and_leaves_nothing(
    house: TestClient, tmp_path: Path, body: str, field: str | None
) -> None:
    answer = house.post("/v1/files", content=body, headers={"Content-Type": KIND})

    assert (answer.status_code, answer.json()["error"]["param"]) == (400, field)
    assert list((tmp_path / "files").iterdir()) == []


@pytest.mark.parametrize(
    "kind", ["application/json", "multipart/form-data", "multipart/form-data; boundary=" + "x" * 999]
)
def test_a_body_that_is_no_form_is_refused(house: TestClient, kind: str) -> None:
    answer = house.post("/v1/files", content=FILE + PURPOSE + END, headers={"Content-Type": kind})

    assert (answer.status_code, answer.json()["error"]["type"]) == (400, "invalid_request_error")


def test_the_bound_of_other_bodies_does_not_hold_for_a_file(house: TestClient) -> None:
    form = {"Content-Type": KIND, "Content-Length": str(LARGEST_BODY + 1)}

    assert house.post("/v1/files", headers=form).status_code == 400
    assert house.post("/v1/chat/completions", headers=form).status_code == 413


def test_a_form_beyond_the_bound_of_files_is_refused_before_it_is_read(house: TestClient) -> None:
    answer = house.post("/v1/files", headers={"Content-Type": KIND, "Content-Length": str(LARGEST_FORM + 1)})

    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_large")


def test_a_form_that_comes_byte_by_byte_is_read_as_well(house: TestClient) -> None:
    def bytes_of(text: str) -> Iterator[bytes]:
        return (bytes([byte]) for byte in text.encode())

    answer: httpx2.Response = house.post(
        "/v1/files", content=bytes_of(PURPOSE + FILE + END), headers={"Content-Type": KIND}
    )

    assert (answer.status_code, answer.json()["bytes"]) == (200, 3)


@pytest.mark.parametrize("forget", [False, True], ids=["revoked", "forgotten"])
def test_what_a_revoked_key_left_belongs_to_the_person_at_this_machine(forget: bool, tmp_path: Path) -> None:
    door = Door(tmp_path)
    headers = door.make("laptop", "jobs")
    sent = door.client.post("/v1/files", headers=headers, data={"purpose": "evals"}, files={"file": LINES}).json()
    own = {"Authorization": f"Bearer {OWN}"}
    before = door.client.get(f"/v1/files/{sent['id']}", headers=own).status_code

    revoke_key(tmp_path, "laptop", forget=forget)

    assert before == 404
    assert [file["id"] for file in door.client.get("/v1/files", headers=own).json()["data"]] == [sent["id"]]
    assert door.client.delete(f"/v1/files/{sent['id']}", headers=own).json()["deleted"] is True
