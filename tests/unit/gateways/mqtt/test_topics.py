"""Topic templates: what a broker is asked for, who speaks on a topic, and which templates overlap."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt.client import topic_matches_sub

from gateways.mqtt.topics import TopicTemplate

LEVELS = st.sampled_from(["fleet", "up", "a", "", "$aws", "gw-7", "lät"])
TOPICS = st.lists(LEVELS, min_size=1, max_size=5).map("/".join)


@st.composite
def templates(draw: st.DrawFn) -> TopicTemplate:
    levels = draw(st.lists(st.sampled_from(["fleet", "up", "a", "$aws", "+", "{product}"]), max_size=4))
    levels = [level for place, level in enumerate(levels) if level != "{product}" or level not in levels[:place]]
    levels.insert(draw(st.integers(0, len(levels))), "{device}")
    return TopicTemplate("/".join([*levels, *(["#"] if draw(st.booleans()) else [])]))


@pytest.mark.parametrize(
    ("template", "filter_", "topic", "names"),
    [
        (
            "fleet/{product}/{device}/up",
            "fleet/+/+/up",
            "fleet/concox-gt06/357152040915004/up",
            {"product": "concox-gt06", "device": "357152040915004"},
        ),
        ("v3/+/devices/{device}/up", "v3/+/devices/+/up", "v3/app@ttn/devices/eui-70b3/up", {"device": "eui-70b3"}),
        ("{device}", "+", "24e124136d123456", {"device": "24e124136d123456"}),
        ("tele/{device}/#", "tele/+/#", "tele/plug-1/SENSOR/energy", {"device": "plug-1"}),
        ("tele/{device}/#", "tele/+/#", "tele/plug-1", {"device": "plug-1"}),
        ("{device}/{firmware}/x", "+/+/x", "m1/1.2.0/x", {"device": "m1", "firmware": "1.2.0"}),
    ],
)
def test_placeholders_are_wildcards_to_the_broker_and_names_to_us(
    template: str, filter_: str, topic: str, names: dict[str, str]
) -> None:
    compiled = TopicTemplate(template)
    assert compiled.filter == filter_
    assert compiled.match(topic) == names


@pytest.mark.parametrize("topic", ["fleet/a/b", "fleet/a/b/up/x", "fleet//b/up", "other/a/b/up", "fleet/a/b/UP", ""])
def test_a_topic_of_another_form_names_nobody(topic: str) -> None:
    assert TopicTemplate("fleet/{product}/{device}/up").match(topic) is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("fleet/up", "has no level `{device}`"),
        ("{device}/{device}", "stands twice"),
        ("{serial}/{device}", "unknown placeholder `{serial}` .*product, device, firmware"),
        ("#/{device}", "the last level only"),
        ("dev-{device}", "has no level"),
        ("{device}/a+", "a level is a name, a placeholder"),
        ("{device}/{product", "a level is a name, a placeholder"),
        ("$share/group/{device}", "in the broker's key `share`"),
    ],
)
def test_what_is_no_template_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TopicTemplate(text)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("fleet/{product}/{device}/up", "fleet/{device}/+/up", True),
        ("fleet/{product}/{device}/up", "fleet/{product}/{device}/down", False),
        ("fleet/{device}", "fleet/{device}/#", True),
        ("fleet/{device}/a/b", "fleet/{device}/#", True),
        ("{device}/#", "$aws/{device}", False),
        ("fleet/{device}", "fleet/{device}/up", False),
    ],
)
def test_templates_overlap_where_one_topic_fits_both(one: str, other: str, expected: bool) -> None:
    assert TopicTemplate(one).overlaps(TopicTemplate(other)) is expected
    assert TopicTemplate(other).overlaps(TopicTemplate(one)) is expected


@given(templates(), TOPICS)
def test_what_matches_is_what_the_broker_sends_but_for_empty_names(template: TopicTemplate, topic: str) -> None:
    names = template.match(topic)
    if names is not None:
        assert all(names.values())
        assert topic_matches_sub(template.filter, topic) or topic.startswith("$")
    elif topic_matches_sub(template.filter, topic):
        assert "" in topic.split("/")


@given(templates(), templates(), TOPICS)
def test_no_topic_fits_two_templates_that_do_not_overlap(one: TopicTemplate, other: TopicTemplate, topic: str) -> None:
    if topic_matches_sub(one.filter, topic) and topic_matches_sub(other.filter, topic):
        assert one.overlaps(other)
