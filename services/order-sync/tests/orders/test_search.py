from __future__ import annotations

from typing import Any

import pytest

from longshore.contracts import CustomerRef
from longshore_order_sync.orders.search import MAX_TERM, MAX_WORDS, terms_of, texts_of, ts_query, words_of


class TestTerms:
    def test_number_id_mail_names_and_skus(self, shop: Any) -> None:
        buyer = CustomerRef(email="Anna@Example.com", first_name="Anna Maria", last_name="O'Neil")
        snapshot = shop.snapshot("77", number="#1001", customer=buyer, skus=("Red-S", None))
        assert terms_of(texts_of(snapshot)) == [
            "#1001", "1001", "77", "anna", "anna@example.com", "maria", "o'neil", "red-s",
        ]  # fmt: skip

    def test_a_guest_without_anything(self, shop: Any) -> None:
        assert terms_of(texts_of(shop.snapshot("77", skus=(None, "")))) == ["#77", "77"]

    def test_long_and_broken_words_are_cut(self) -> None:
        assert terms_of(["a" * 500, "b\0c"]) == ["a" * MAX_TERM, "b", "c"]


class TestQuery:
    def test_each_word_is_a_prefix(self) -> None:
        assert ts_query(words_of("  Anna  RED-s ")) == "'anna':* & 'red-s':*"

    @pytest.mark.parametrize("word", ["o'neil", "back\\slash", "a&b|!c", ":*", "(x"])
    def test_no_word_is_syntax(self, word: str) -> None:
        quoted = ts_query([word])
        assert quoted.startswith("'")
        assert quoted.count("'") % 2 == 0

    def test_no_more_words_than_sensible(self) -> None:
        assert len(words_of("x " * 100)) == MAX_WORDS
