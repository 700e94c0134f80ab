"""Client order ids: design section 4."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mappers.ids import MAX_LENGTH, MAX_PREFIX_LENGTH, CompositeIds, IdError, SequenceIds

LEGAL = string.ascii_letters + string.digits + "_-"
SOURCE = LEGAL.replace("-", "")


@given(prefix=st.text(LEGAL, max_size=MAX_PREFIX_LENGTH), number=st.integers(0, 10**12 - 1))
def test_a_sequence_id_reads_back_as_its_number_and_fits_the_venue(prefix: str, number: int) -> None:
    """Twelve digits fit behind the longest prefix that the settings allow."""
    ids = SequenceIds(prefix)

    name = ids.order_id(number, "DESK1", "any ClOrdID at all")

    assert ids.read(name) == number
    assert 1 <= len(name) <= MAX_LENGTH
    assert set(name) <= set(LEGAL)


@given(source=st.text(SOURCE, min_size=1, max_size=17), cl_ord_id=st.text(LEGAL, min_size=1, max_size=18))
def test_a_composite_id_splits_at_the_first_dash(source: str, cl_ord_id: str) -> None:
    """A ClOrdID may contain dashes, begin with one, or be nothing else; a source may not."""
    ids = CompositeIds()

    name = ids.order_id(1, source, cl_ord_id)

    assert name == f"{source}-{cl_ord_id}"
    assert ids.read(name) == (source, cl_ord_id)


@given(source=st.text(max_size=40), cl_ord_id=st.text(max_size=40))
def test_a_composite_id_is_legal_or_refused(source: str, cl_ord_id: str) -> None:
    """Nothing in between: what is not refused is taken by the venue and reads back."""
    ids = CompositeIds()
    try:
        name = ids.order_id(1, source, cl_ord_id)
    except IdError:
        assert ids.cancel_id(1, source, cl_ord_id) is None
        return
    assert 1 <= len(name) <= MAX_LENGTH
    assert set(name) <= set(LEGAL)
    assert ids.read(name) == (source, cl_ord_id)
    assert ids.cancel_id(1, source, cl_ord_id) == name


@given(number=st.integers(0, 10**12 - 1), other=st.integers(0, 10**12 - 1))
def test_two_numbers_never_share_a_name(number: int, other: int) -> None:
    """Unique in our journal for ever."""
    ids = SequenceIds("fx1-")
    assert (ids.order_id(number, "", "") == ids.order_id(other, "", "")) == (number == other)


@given(name=st.text(max_size=40))
def test_a_strangers_name_never_breaks_reading(name: str) -> None:
    """The stream brings orders of the web UI and of other programs; what does read, writes back the same."""
    for prefix in ("", "fx-"):
        number = SequenceIds(prefix).read(name)
        assert number is None or SequenceIds(prefix).order_id(number, "", "") == name
    parts = CompositeIds().read(name)
    assert parts is None or "-".join(parts) == name


@pytest.mark.parametrize(
    "name", ["fx-007", "fx-", "fx--1", "fx-1a", "FX-1", "1", "fx-²", "web_1", "fx-" + "9" * 40]
)
def test_only_our_own_spelling_of_a_number_reads(name: str) -> None:
    """Leading zeros and other digits are never written by us, so they are somebody else's."""
    assert SequenceIds("fx-").read(name) is None


@pytest.mark.parametrize(
    ("source", "cl_ord_id", "rule"),
    [
        ("DESK1", "a b", "ClOrdID(11)=a b: character ' ' in a COMPOSITE client order id; the venue allows"),
        ("DESK1", "ünder", "ClOrdID(11)=ünder: character '\\xfc' in a COMPOSITE client order id"),
        (
            "DESK1",
            "x" * 35,
            f"ClOrdID(11)={'x' * 35}: COMPOSITE client order id would be 41 characters; the venue allows 36",
        ),
        ("DESK1", "", "ClOrdID(11)=: the order part of a COMPOSITE client order id is empty"),
        (
            "DESK-1",
            "a",
            "(115)=DESK-1: '-' ends the source of a COMPOSITE client order id and must not be in it",
        ),
        ("DESK 1", "a", "SenderCompID(49) or OnBehalfOfCompID(115)=DESK 1: character ' '"),
        ("", "a", "the source of a COMPOSITE client order id is empty"),
    ],
)
def test_a_refused_composite_id_says_which_rule_broke(source: str, cl_ord_id: str, rule: str) -> None:
    """Design section 4: refused before it is journalled as a request, naming the tag."""
    with pytest.raises(IdError) as refused:
        CompositeIds().order_id(1, source, cl_ord_id)
    assert rule in str(refused.value)


def test_the_longest_composite_id_is_36_characters() -> None:
    """The venue takes 36 and refuses 37 (reference, section 2.2)."""
    assert CompositeIds().order_id(1, "DESK1", "x" * 30) == "DESK1-" + "x" * 30
    with pytest.raises(IdError):
        CompositeIds().order_id(1, "DESK1", "x" * 31)


@pytest.mark.parametrize(
    ("prefix", "rule"),
    [
        ("a b", "character ' '"),
        ("fx.", "character '.'"),
        ("x" * 25, "25 characters; at most 24"),
        ("é", "'\\xe9'"),
    ],
)
def test_a_bad_prefix_is_refused_at_start(prefix: str, rule: str) -> None:
    """clientOrderIdPrefix goes into every order: a bad one must not wait for the first."""
    with pytest.raises(IdError) as refused:
        SequenceIds(prefix)
    assert rule in str(refused.value)
    assert str(refused.value).startswith("clientOrderIdPrefix=")


def test_a_sequence_that_outgrew_its_prefix_is_refused_by_name() -> None:
    """36 characters are all there are; a cancel then goes without a name of its own rather than not at all (P8)."""
    ids = SequenceIds("x" * 24)

    with pytest.raises(IdError, match="shorten clientOrderIdPrefix"):
        ids.order_id(10**12, "DESK1", "o-1")
    assert ids.cancel_id(10**12, "DESK1", "c-1") is None
    assert ids.cancel_id(10**12 - 1, "DESK1", "c-1") == "x" * 24 + "9" * 12
