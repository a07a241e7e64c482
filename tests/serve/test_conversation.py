"""Anthropic's messages in the words of a chat completion."""

from typing import Any

from tinderbox.serve.anthropic.conversation import chat_of, completion_of
from tinderbox.serve.anthropic.requests import MessagesRequest

HELLO = [{"role": "user", "content": "Hello."}]


def request(**fields: Any) -> MessagesRequest:
    return MessagesRequest.model_validate({"model": "m", "max_tokens": 9, "messages": HELLO} | fields)


def test_a_call_and_what_it_gave_become_messages_of_their_own() -> None:
    turns = [
        *HELLO,
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "Two tools.", "signature": "s"},
                {"type": "text", "text": "I look."},
                {"type": "tool_use", "id": "a", "name": "find", "input": {"what": "é"}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "And now?"},
                {
                    "type": "tool_result",
                    "tool_use_id": "a",
                    "content": [{"type": "text", "text": "No."}],
                    "is_error": True,
                },
            ],
        },
    ]

    _, assistant, tool, user = chat_of(request(messages=turns))["messages"]

    assert assistant["reasoning_content"] == "Two tools."
    assert assistant["tool_calls"] == [
        {"id": "a", "type": "function", "function": {"name": "find", "arguments": '{"what": "é"}'}}
    ]
    assert tool == {"role": "tool", "tool_call_id": "a", "content": "The tool failed:\nNo."}
    assert user == {"role": "user", "content": "And now?"}


def test_an_image_goes_on_in_the_request_itself() -> None:
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aaaa"}}

    (user,) = chat_of(request(messages=[{"role": "user", "content": [image]}]))["messages"]

    assert user["content"] == [{"type": "image_url", "image_url": {"url": "data:image/png;base64,aaaa"}}]


def test_turns_of_one_user_that_follow_each_other_are_one() -> None:
    reminder = {"role": "system", "content": "Be brief."}

    assert chat_of(request(messages=[*HELLO, *HELLO, reminder]))["messages"] == [
        {"role": "user", "content": "Hello.\nHello.\nBe brief."}
    ]


def test_the_ways_to_choose_a_tool_have_other_names() -> None:
    tools = [{"name": "find", "input_schema": {"type": "object"}}]

    named = chat_of(request(tools=tools, tool_choice={"type": "tool", "name": "find"}))
    one = chat_of(request(tools=tools, tool_choice={"type": "any", "disable_parallel_tool_use": True}))

    assert named["tool_choice"] == {"type": "function", "function": {"name": "find"}}
    assert (one["tool_choice"], one["parallel_tool_calls"]) == ("required", False)


def test_a_schema_for_the_answer_is_handed_on() -> None:
    schema = {"type": "object", "properties": {"age": {"type": "integer"}}}

    chat = chat_of(request(output_config={"format": {"type": "json_schema", "schema": schema}, "effort": "max"}))

    assert chat["response_format"]["json_schema"]["schema"] == schema
    assert chat["reasoning_effort"] == "high"


def test_a_model_thinks_only_where_it_was_asked_to() -> None:
    asked = completion_of(request(thinking={"type": "enabled", "budget_tokens": 2048}))

    assert completion_of(request())["chat_template_kwargs"] == {"enable_thinking": False}
    assert asked["chat_template_kwargs"] == {"enable_thinking": True}
    assert asked["thinking_budget_tokens"] == 2048
