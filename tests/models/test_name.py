from __future__ import annotations

from pathlib import Path

import pytest

from tinderbox.errors import WrongUsage
from tinderbox.models.name import AdapterName, CatalogueName, FileName, HubName, Name, UrlName, parse


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("smollm2:135m", CatalogueName("smollm2", "135m")),
        ("smollm2", CatalogueName("smollm2")),
        ("Qwen2.5-Coder:0.5B", CatalogueName("qwen2.5-coder", "0.5b")),
        ("hf:Qwen/Qwen3-8B-GGUF", HubName("Qwen/Qwen3-8B-GGUF")),
        ("hf:Qwen/Qwen3-8B-GGUF:Q4_K_M", HubName("Qwen/Qwen3-8B-GGUF", "Q4_K_M")),
        ("hf:a/b:sub/x.gguf", HubName("a/b", "sub/x.gguf")),
        ("smollm2:135m+facts", AdapterName(CatalogueName("smollm2", "135m"), "facts")),
        ("smollm2+Facts", AdapterName(CatalogueName("smollm2"), "facts")),
        ("hf:a/b:Q4_K_M+facts", AdapterName(HubName("a/b", "Q4_K_M"), "facts")),
        ("https://example.org/x.gguf?a=b+c", UrlName("https://example.org/x.gguf?a=b+c")),
        ("a+b.gguf", FileName(Path("a+b.gguf"))),
        ("/models/x.gguf", FileName(Path("/models/x.gguf"))),
        ("x.gguf", FileName(Path("x.gguf"))),
        ("https://example.org/a/x.gguf?download=true", UrlName("https://example.org/a/x.gguf?download=true")),
    ],
)
def test_a_name_is_what_it_looks_like(text: str, name: Name) -> None:
    assert parse(text) == name


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":",
        "a:b:c",
        "smollm2:",
        "-x",
        "two words",
        "smollm2+",
        "+facts",
        "smollm2+a+b",
        "x.gguf+facts",
        "hf:",
        "hf:nobody",
        "hf:a/../b:x",
        "https://example.org/x.zip",
        "ftp://x/y.gguf",
    ],
)
def test_a_wrong_name_gets_one_clear_line(text: str) -> None:
    with pytest.raises(WrongUsage) as refused:
        parse(text)

    assert "\n" not in str(refused.value)
    assert refused.value.remedy


def test_a_name_reads_as_it_was_written() -> None:
    assert str(parse("hf:a/b:Q4_K_M")) == "hf:a/b:Q4_K_M"
    assert str(parse("smollm2")) == "smollm2"


def test_an_address_knows_its_file() -> None:
    assert UrlName("https://example.org/a/x.gguf?download=true").file == "x.gguf"
