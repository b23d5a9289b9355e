"""The wire: what goes out comes back, and no bytes whatever do harm."""

import contextlib
from typing import Any

from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent as SdkEvent
from hypothesis import given, strategies as st

from eventkit import Event, InvalidEvent, decode, encode

# JSON numbers travel as doubles in general: beyond 2**53 no reader need agree with another.
json_data = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)


@given(json_data | st.binary(), st.none() | st.text(min_size=1))
def test_any_data_comes_back_and_the_sdk_agrees(data: Any, key: str | None) -> None:
    raw = encode(Event("a.b", data, key=key), "/here")
    event = decode(raw).to_event()
    assert (event.data, event.key) == (data, key)
    assert JSONFormat().read(SdkEvent, raw).get_data() == data


@given(st.binary() | st.text())
def test_arbitrary_input_is_an_event_or_invalid_event(raw: bytes | str) -> None:
    with contextlib.suppress(InvalidEvent):
        decode(raw)


@given(
    st.dictionaries(
        st.sampled_from(["specversion", "id", "source", "type", "time", "data"]), json_data
    )
)
def test_arbitrary_objects_are_events_or_invalid_events(fields: dict[str, Any]) -> None:
    import json

    with contextlib.suppress(InvalidEvent):
        decode(json.dumps({"specversion": "1.0", "id": "1", "source": "/", "type": "a"} | fields))
