"""What may be asked of a store about an order, and what is refused, with a reason and before there is a command."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from pydantic import ValidationError

from longshore.contracts import CommandStatus, FinancialStatus, FulfillmentState, OrderStatus, Platform, Tracking
from longshore.ids import uuid7
from longshore.money import Money
from longshore.platforms.declaration import Ability, find_platforms
from longshore.problems import Problem
from longshore_order_sync.actions.requests import (
    AddNote,
    CancelFulfillment,
    CancelOrder,
    ChangeTags,
    MarkPaid,
    RefundOrder,
    SetStatus,
    UpdateTracking,
)
from longshore_order_sync.actions.rules import Asked, plan
from longshore_order_sync.orders.canonical import canonical

ALL = frozenset(Ability)
SEEN = datetime(2026, 11, 20, 12, tzinfo=UTC)


def asked(action: str, status: CommandStatus = CommandStatus.PENDING, **more: Any) -> Asked:
    return Asked(uuid4(), action, status, **more)


def euros(cents: int, currency: str = "EUR", exponent: int = 2) -> Money:
    return Money(cents, currency, exponent)


class Ask:
    """Plans for one order of a shop."""

    def __init__(self, shop: Any) -> None:
        self.shop = shop

    def __call__(
        self, wanted: Any, before: Any = (), abilities: frozenset[Ability] = ALL, parcel: Any = None, **snapshot: Any
    ) -> Any:
        order = canonical(self.shop.snapshot(**snapshot))
        return plan(order, wanted, before, id=uuid7(), abilities=abilities, observed_at=SEEN, fulfillment_id=parcel)

    def refused(self, *args: Any, **more: Any) -> Problem:
        with pytest.raises(Problem) as refused:
            self(*args, **more)
        return refused.value


@pytest.fixture
def ask(shop: Any) -> Ask:
    return Ask(shop)


REQUESTS = [
    CancelOrder(),
    AddNote(text="Hello"),
    RefundOrder(full=True),
    ChangeTags(add=["gift"]),
    MarkPaid(),
    SetStatus(status="on-hold"),
]


@pytest.mark.parametrize("wanted", REQUESTS, ids=lambda each: type(each).__name__)
class TestAny:
    def test_a_platform_that_cannot(self, ask: Ask, wanted: Any) -> None:
        problem = ask.refused(wanted, abilities=frozenset({Ability.FULFIL}), financial_status=_paid(wanted))
        assert (problem.status, problem.type) == (409, "/problems/not-supported")
        assert problem.extra["platform"] == "woocommerce"

    def test_a_deleted_order(self, ask: Ask, wanted: Any) -> None:
        problem = ask.refused(wanted, status=OrderStatus.CANCELLED, platform_status="trash")
        assert (problem.status, problem.type) == (409, "/problems/order-deleted")

    def test_it_names_the_order(self, ask: Ask, wanted: Any) -> None:
        action = ask(wanted, financial_status=_paid(wanted))
        assert (action.order_id, action.order_external_id) == (ask.shop.order_id(), "1001")


def _paid(wanted: Any) -> FinancialStatus:
    return FinancialStatus.PENDING if isinstance(wanted, MarkPaid) else FinancialStatus.PAID


class TestCancel:
    def test_what_is_asked_for(self, ask: Ask) -> None:
        action = ask(CancelOrder(reason="fraud", note=" Stolen card ", refund=True, restock=False))
        assert (action.reason, action.note, action.refund, action.restock) == ("fraud", "Stolen card", True, False)

    def test_a_cancelled_order(self, ask: Ask) -> None:
        assert ask.refused(CancelOrder(), status=OrderStatus.CANCELLED).type == "/problems/order-cancelled"

    @pytest.mark.parametrize("status", [CommandStatus.PENDING, CommandStatus.RUNNING])
    def test_one_that_is_about_to_be(self, ask: Ask, status: CommandStatus) -> None:
        earlier = asked("order.cancel", status)
        problem = ask.refused(CancelOrder(), [earlier])
        assert (problem.status, problem.type) == (409, "/problems/already-requested")
        assert problem.extra["command_id"] == str(earlier.command_id)

    def test_one_that_was_refused_may_be_asked_for_again(self, ask: Ask) -> None:
        ask(CancelOrder(), [asked("order.cancel", CommandStatus.FAILED, settled_at=SEEN + timedelta(hours=1))])

    def test_its_money_is_not_paid_back_twice(self, ask: Ask) -> None:
        refund = asked("order.refund", amount=euros(100))
        assert ask.refused(CancelOrder(refund=True), [refund]).type == "/problems/already-requested"
        ask(CancelOrder(refund=False), [refund])
        cancel = asked("order.cancel")
        assert ask.refused(RefundOrder(amount=euros(1)), [cancel]).type == "/problems/already-requested"


class TestRefund:
    def test_lines(self, ask: Ask) -> None:
        line = ask.shop.line_id(0)
        action = ask(RefundOrder(lines=[{"line_id": line, "quantity": 2, "restock": False}], reason="Broken"))
        (piece,) = action.lines
        assert (piece.line_id, piece.external_id, piece.quantity, piece.restock) == (line, "line-0", 2, False)
        assert (action.full, action.shipping, action.amount, action.reason) == (False, False, None, "Broken")

    def test_all_that_is_left(self, ask: Ask) -> None:
        action = ask(RefundOrder(full=True), quantities=(2, 1), refunded=(1, 1))
        assert [(each.external_id, each.quantity) for each in action.lines] == [("line-0", 1)]
        assert (action.full, action.shipping) == (True, True)

    def test_more_than_is_left(self, ask: Ask) -> None:
        problem = ask.refused(RefundOrder(amount=euros(1501)), quantities=(2, 1))
        assert (problem.status, problem.type) == (409, "/problems/refund-above-rest")
        assert problem.extra["left"] == {"amount": 1500, "currency": "EUR", "exponent": 2}
        assert ask(RefundOrder(amount=euros(1500)), quantities=(2, 1)).amount == euros(1500)

    def test_what_is_under_way_counts(self, ask: Ask) -> None:
        line = ask.shop.line_id(0)
        before = [
            asked("order.refund", CommandStatus.RUNNING, amount=euros(1000)),
            asked("order.refund", lines={line: 1}),
            # Done, and not in the order as we have it: as good as under way.
            asked("order.refund", CommandStatus.SUCCEEDED, amount=euros(100), settled_at=SEEN + timedelta(seconds=1)),
            asked("order.refund", CommandStatus.SUCCEEDED, amount=euros(300), settled_at=SEEN - timedelta(seconds=1)),
            asked("order.refund", CommandStatus.FAILED, amount=euros(200), lines={line: 2}),
        ]
        assert ask.refused(RefundOrder(amount=euros(401)), before).extra["left"]["amount"] == 400
        assert ask(RefundOrder(amount=euros(400)), before).amount == euros(400)
        two = RefundOrder(lines=[{"line_id": line, "quantity": 2}])
        problem = ask.refused(two, before)
        assert (problem.type, problem.extra["left"]) == ("/problems/quantity-not-left", 1)
        assert ask.refused(RefundOrder(full=True), before).type == "/problems/already-requested"

    def test_after_a_full_one_nothing_is_asked(self, ask: Ask) -> None:
        before = [asked("order.refund", full=True)]
        assert ask.refused(RefundOrder(amount=euros(1)), before).type == "/problems/already-requested"

    def test_all_is_paid_back(self, ask: Ask) -> None:
        totals = ask.shop.snapshot().totals.model_copy(update={"refunded": euros(1500)})
        assert ask.refused(RefundOrder(full=True), totals=totals).type == "/problems/nothing-to-refund"

    @pytest.mark.parametrize("status", ["pending", "authorized", "voided"])
    def test_nothing_was_paid(self, ask: Ask, status: str) -> None:
        assert ask.refused(RefundOrder(full=True), financial_status=status).type == "/problems/not-paid"

    def test_another_currency_or_a_finer_amount(self, ask: Ask) -> None:
        problem = ask.refused(RefundOrder(amount=euros(100, "USD")))
        assert (problem.status, problem.type) == (422, "/problems/wrong-currency")
        assert ask.refused(RefundOrder(amount=euros(1001, exponent=3))).status == 422
        assert ask(RefundOrder(amount=euros(1000, exponent=3))).amount == euros(100)

    def test_unknown_and_repeated_lines(self, ask: Ask) -> None:
        unknown = RefundOrder(lines=[{"line_id": UUID(int=7), "quantity": 1}])
        assert (ask.refused(unknown).status, ask.refused(unknown).type) == (422, "/problems/unknown-line")
        piece = {"line_id": ask.shop.line_id(0), "quantity": 1}
        assert ask.refused(RefundOrder(lines=[piece, piece])).status == 422

    def test_more_pieces_than_are_left(self, ask: Ask) -> None:
        wanted = RefundOrder(lines=[{"line_id": ask.shop.line_id(0), "quantity": 2}])
        assert ask.refused(wanted, quantities=(2, 1), refunded=(1, 0)).extra["left"] == 1

    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"full": True, "amount": {"amount": 1, "currency": "EUR", "exponent": 2}},
            {"shipping": True, "shipping_amount": {"amount": 1, "currency": "EUR", "exponent": 2}},
            {"amount": {"amount": 0, "currency": "EUR", "exponent": 2}},
            {"amount": {"amount": -5, "currency": "EUR", "exponent": 2}},
            {"lines": [{"line_id": str(UUID(int=1)), "quantity": 0}]},
            {"full": True, "refund": True},
        ],
    )
    def test_what_makes_no_sense(self, body: Any) -> None:
        with pytest.raises(ValidationError):
            RefundOrder.model_validate(body)


class TestOthers:
    def test_a_note_to_the_buyer_only_where_it_reaches_him(self, ask: Ask) -> None:
        able = frozenset({Ability.ADD_NOTE})
        assert ask(AddNote(text=" Hi "), abilities=able).text == "Hi"
        assert ask.refused(AddNote(text="Hi", to_customer=True), abilities=able).type == "/problems/not-supported"

    def test_tags(self, ask: Ask) -> None:
        action = ask(ChangeTags(add=["gift", " gift ", "held"], remove=["old"]))
        assert (action.add, action.remove) == (["gift", "held"], ["old"])

    @pytest.mark.parametrize("body", [{}, {"add": ["a,b"]}, {"add": [" "]}, {"add": ["a"], "remove": ["a"]}])
    def test_tags_that_make_no_sense(self, body: Any) -> None:
        with pytest.raises(ValidationError):
            ChangeTags.model_validate(body)

    def test_paid_once(self, ask: Ask) -> None:
        assert ask.refused(MarkPaid()).type == "/problems/already-paid"
        pending = FinancialStatus.PENDING
        assert ask(MarkPaid(), financial_status=pending).type == "order.mark_paid"
        before = [asked("order.mark_paid")]
        assert ask.refused(MarkPaid(), before, financial_status=pending).type == "/problems/already-requested"
        cancelled = ask.refused(MarkPaid(), financial_status=pending, status=OrderStatus.CANCELLED)
        assert cancelled.type == "/problems/order-cancelled"

    def test_a_status_is_a_word(self, ask: Ask) -> None:
        assert ask(SetStatus(status="wc-on-hold")).status == "on-hold"
        with pytest.raises(ValidationError):
            SetStatus(status="On hold")


class TestParcel:
    def test_tracking_of_what_the_store_has(self, ask: Ask) -> None:
        parcel = ask.shop.fulfillment({0: 1}, "f-1", tracking="T1")
        action = ask(UpdateTracking(number="T2", carrier=" "), parcel=parcel.id, fulfillments=[parcel])
        assert (action.fulfillment_external_id, action.previous.number) == ("f-1", "T1")
        assert action.tracking == Tracking(number="T2")

    def test_taken_back(self, ask: Ask) -> None:
        parcel = ask.shop.fulfillment({0: 1}, "f-1", tracking="T1")
        action = ask(CancelFulfillment(), parcel=parcel.id, fulfillments=[parcel])
        assert (action.fulfillment_id, action.fulfillment_external_id) == (parcel.id, "f-1")
        before = [asked("fulfillment.cancel", fulfillment_id=parcel.id)]
        twice = ask.refused(CancelFulfillment(), before, parcel=parcel.id, fulfillments=[parcel])
        assert twice.type == "/problems/already-requested"

    @pytest.mark.parametrize(
        ("status", "type"),
        [
            (FulfillmentState.PENDING, "fulfillment-pending"),
            (FulfillmentState.CANCELLED, "fulfillment-not-standing"),
            (FulfillmentState.FAILED, "fulfillment-not-standing"),
        ],
    )
    def test_one_that_does_not_stand(self, ask: Ask, status: FulfillmentState, type: str) -> None:
        parcel = ask.shop.fulfillment({0: 1}, status=status)
        problem = ask.refused(CancelFulfillment(), parcel=parcel.id, fulfillments=[parcel])
        assert (problem.status, problem.type) == (409, f"/problems/{type}")

    def test_one_that_is_not_there(self, ask: Ask) -> None:
        assert ask.refused(CancelFulfillment(), parcel=uuid4()).status == 404

    def test_it_says_something(self) -> None:
        with pytest.raises(ValidationError):
            UpdateTracking(number=" ")


def test_platforms_declare_what_exists() -> None:
    platforms = find_platforms()
    assert {Platform.SHOPIFY.value, Platform.WOOCOMMERCE.value} <= platforms.keys()
    assert Ability.CANCEL_ORDER in platforms["shopify"].commands
    assert Ability.NOTE_TO_CUSTOMER not in platforms["shopify"].commands
