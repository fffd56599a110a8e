"""The official OpenAI client for Python against our gateway with fixtures/scripts/clients.toml: over HTTP, streamed
and whole, and over its WebSocket. Needs `pip install "openai[realtime]"` and, in the environment, AGENT_GATEWAY_URL
(such as http://127.0.0.1:8123/v1) and AGENT_GATEWAY_TOKEN. Ends with 1 and a message when something is off."""

import json
import os
import sys

import openai

BASE_URL = os.environ["AGENT_GATEWAY_URL"]
TOKEN = os.environ["AGENT_GATEWAY_TOKEN"]
MODEL = "scripted"
TOOLS = [
    {
        "type": "function",
        "name": "get_weather",
        "description": "The temperature in a city.",
        "strict": True,
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
            "additionalProperties": False,
        },
    },
    {"type": "custom", "name": "take_note", "description": "Writes a note.", "format": {"type": "text"}},
]
ANSWER = "Paris has 18 °C, Rome has 25 °C. “Noted” — 👍🏽."


def expect(what, found, expected):
    if found != expected:
        raise SystemExit(f"{what}: expected {expected!r}, found {found!r}")


def outputs(response):
    """Does what the model calls for."""
    items = []
    for item in response.output:
        if item.type == "function_call":
            city = json.loads(item.arguments)["city"]
            output = {"Paris": "18", "Rome": "25"}[city]
            items.append({"type": "function_call_output", "call_id": item.call_id, "output": output})
        elif item.type == "custom_tool_call":
            expect("the note", item.input, "Paris: 18 °C\nRome: 25 °C\n")
            items.append({"type": "custom_tool_call_output", "call_id": item.call_id, "output": "noted"})
    return items


def check_events(events):
    """Each item is opened before its deltas, which add up to what is final."""
    opened, texts = {}, {}
    numbers = [event.sequence_number for event in events]
    expect("sequence numbers", numbers, list(range(len(events))))
    for event in events:
        if event.type == "response.output_item.added":
            opened[event.item.id] = event.item.type
        elif event.type.endswith(".delta"):
            if event.item_id not in opened:
                raise SystemExit(f"a delta for an item that was not opened: {event}")
            part = getattr(event, "summary_index", getattr(event, "content_index", 0))
            texts[event.item_id, part] = texts.get((event.item_id, part), "") + event.delta
        elif event.type in ("response.output_text.done", "response.reasoning_summary_text.done"):
            part = getattr(event, "summary_index", getattr(event, "content_index", 0))
            expect("the text", event.text, texts[event.item_id, part])
        elif event.type == "response.function_call_arguments.done":
            expect("the arguments", event.arguments, texts[event.item_id, 0])
        elif event.type == "response.custom_tool_call_input.done":
            expect("the input", event.input, texts[event.item_id, 0])
    last = events[-1]
    expect("the last event", last.type, "response.completed")
    expect("the items", [item.id for item in last.response.output], list(opened))
    return last.response


def converse(ask):
    """The whole conversation. `ask` is given the new items and returns the response to the window so far."""
    first = ask([{"role": "user", "content": "What is the weather in Paris and Rome?"}])
    expect("the items", [item.type for item in first.output],
           ["reasoning", "message", "function_call", "function_call"])
    expect("the reasoning", [part.text for part in first.output[0].summary],
           ["Two cities are asked for.", "Both can be asked at once."])
    second = ask(outputs(first))
    third = ask(outputs(second))
    expect("the answer", third.output_text, ANSWER)
    if third.usage.total_tokens != third.usage.input_tokens + third.usage.output_tokens:
        raise SystemExit(f"the usage does not add up: {third.usage}")
    fourth = ask([{"role": "user", "content": "thanks"}])
    expect("the reply", fourth.output_text, "You are welcome.")


def plain(item):
    return item if isinstance(item, dict) else item.model_dump(exclude_none=True)


def http_whole(client):
    window = []

    def ask(items):
        window.extend(items)
        response = client.responses.create(model=MODEL, input=window, tools=TOOLS, store=False)
        window.extend(plain(item) for item in response.output)
        return response

    converse(ask)


def http_streamed(client):
    window = []

    def ask(items):
        window.extend(items)
        stream = client.responses.create(model=MODEL, input=window, tools=TOOLS, store=False, stream=True)
        response = check_events(list(stream))
        window.extend(plain(item) for item in response.output)
        return response

    converse(ask)


def http_helper(client):
    """The accumulating helper of the client is stricter about the order of events."""
    window = []

    def ask(items):
        window.extend(items)
        with client.responses.stream(model=MODEL, input=window, tools=TOOLS, store=False) as stream:
            for _ in stream:
                pass
            response = stream.get_final_response()
        window.extend(plain(item) for item in response.output)
        return response

    converse(ask)


def until_end(connection):
    events = []
    for event in connection:
        if event.type == "keepalive":
            continue
        events.append(event)
        if event.type in ("response.completed", "response.failed", "response.incomplete", "error"):
            return events
    raise SystemExit(f"the connection ended after {events[-1:]}")


def websocket(client):
    with client.responses.connect() as connection:
        def create(**fields):
            connection.response.create(model=MODEL, tools=TOOLS, store=False, **fields)
            return until_end(connection)

        warm = check_events(create(input=[], generate=False))
        expect("the output of a warm-up", warm.output, [])
        last = [warm.id]

        def ask(items):
            response = check_events(create(input=items, previous_response_id=last[0]))
            expect("the parent", response.previous_response_id, last[0])
            last[0] = response.id
            return response

        converse(ask)

        # A miss is an error with its status, and the connection goes on.
        event = create(input="thanks", previous_response_id="resp_unknown")[-1]
        expect("a miss", event.type, "error")
        error = event.to_dict()
        expect("the status of a miss", error["status"], 400)
        expect("the code of a miss", error["error"]["code"], "previous_response_not_found")

        # The same connection takes a whole conversation instead.
        first = check_events(create(input="What is the weather in Paris and Rome?"))
        expect("a full send", len(first.output), 4)


def refusals(client):
    stranger = openai.OpenAI(base_url=BASE_URL, api_key="wrong", max_retries=0)
    for what, call, kind, status in [
        ("a wrong key", lambda: stranger.models.list(), openai.AuthenticationError, 401),
        ("a background response", lambda: client.responses.create(model=MODEL, input="x", background=True),
         openai.BadRequestError, 400),
        ("a request beside the script", lambda: client.responses.create(model=MODEL, input="x"),
         openai.BadRequestError, 400),
        ("a chain over HTTP",
         lambda: client.responses.create(model=MODEL, input="x", previous_response_id="resp_1"),
         openai.BadRequestError, 400),
    ]:
        try:
            call()
        except kind as error:
            expect(what, error.status_code, status)
        else:
            raise SystemExit(f"{what} was not refused")


def main():
    client = openai.OpenAI(base_url=BASE_URL, api_key=TOKEN, max_retries=0, timeout=20)
    expect("a list of models", bool(list(client.models.list())), True)
    for test in (http_whole, http_streamed, http_helper, websocket, refusals):
        test(client)
        print(f"openai {openai.__version__}: {test.__name__} ok")


if __name__ == "__main__":
    sys.exit(main())
