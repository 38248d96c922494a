"""The proof of the demo: it must notice what is lost, doubled or left behind."""

from __future__ import annotations

import hashlib
from collections import Counter

import pytest
from flask import Flask

from demo.proof import Proof, Stored, missing, prove, stored
from demo.report import verdict
from demo.samples import Sample
from postmaster.database import transaction
from postmaster.desk.models import Article, RawMail
from tests.results import Run
from tests.support import mail

ONE, TWO = Sample("support", "plain", b"1"), Sample("support", "german", b"2")
TWIN = Sample("support", "twin", b"3")
PUT_IN = [ONE, TWO, TWIN, TWIN]


def counted(*samples: Sample) -> Counter[str]:
    return Counter(sample.sha256 for sample in samples)


def proof_of(*recorded: Sample, quarantined: tuple[Sample, ...] = (), waiting: int = 0) -> Proof:
    return prove(PUT_IN, Stored(counted(*recorded), counted(*quarantined)), waiting)


def test_it_holds_when_each_is_recorded_once() -> None:
    proof = proof_of(ONE, TWO, TWIN, TWIN)
    assert proof.holds
    assert proof.recorded == 4


def test_a_message_in_quarantine_is_not_lost() -> None:
    proof = proof_of(TWO, TWIN, TWIN, quarantined=(ONE,))
    assert proof.holds
    assert proof.quarantined == 1


def test_other_mail_does_not_disturb_it() -> None:
    assert proof_of(ONE, TWO, TWIN, TWIN, Sample("support", "plain", b"of another version")).holds


@pytest.mark.parametrize(
    ("recorded", "lost", "doubled"),
    [
        ((), ("german", "plain", "twin", "twin"), ()),
        ((ONE, TWIN, TWIN), ("german",), ()),
        ((ONE, TWO, TWIN), ("twin",), ()),
        ((ONE, ONE, TWO, TWIN, TWIN), (), ("plain",)),
        ((ONE, TWO, TWIN, TWIN, TWIN), (), ("twin",)),
        ((ONE, ONE, TWIN, TWIN), ("german",), ("plain",)),
    ],
)
def test_it_names_what_is_lost_or_doubled(
    recorded: tuple[Sample, ...], lost: tuple[str, ...], doubled: tuple[str, ...]
) -> None:
    proof = proof_of(*recorded)
    assert not proof.holds
    assert (proof.lost, proof.doubled) == (lost, doubled)


def test_a_message_both_in_a_ticket_and_in_quarantine_is_doubled() -> None:
    assert proof_of(ONE, TWO, TWIN, TWIN, quarantined=(TWO,)).doubled == ("german",)


def test_mail_still_on_the_server_breaks_it() -> None:
    proof = proof_of(ONE, TWO, TWIN, TWIN, waiting=1)
    assert not proof.holds
    assert any("still on the server" in line for line in verdict(proof))


def test_only_what_is_not_recorded_is_put_in_again() -> None:
    assert missing(PUT_IN, counted()) == PUT_IN
    assert missing(PUT_IN, counted(ONE, TWIN)) == [TWO, TWIN]
    assert missing(PUT_IN, counted(*PUT_IN)) == []


def test_it_reads_back_what_is_really_stored(app: Flask, run: Run) -> None:
    raw = mail("stored", size=3000)
    assert run("read", input=raw).exit_code == 0
    with app.app_context():
        before = stored()
        assert before == Stored(Counter([hashlib.sha256(raw).hexdigest()]), Counter())
        with transaction() as session:
            session.query(RawMail).update({"encoding": "raw", "data": raw[:-1]})
        assert stored() != before


def test_an_article_without_its_raw_mail_counts_as_lost(app: Flask, run: Run) -> None:
    raw = mail("gone")
    run("read", input=raw)
    with app.app_context(), transaction() as session:
        session.query(Article).update({"raw_id": None})
    with app.app_context():
        assert prove([Sample("support", "plain", raw)], stored(), waiting=0).lost == ("plain",)
