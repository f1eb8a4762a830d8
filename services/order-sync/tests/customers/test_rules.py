from __future__ import annotations

from typing import Any

from longshore_order_sync.customers.rules import newest_of_each


class TestNewest:
    def test_one_for_each_the_newest(self, shop: Any) -> None:
        old, new, other = shop.customer("7", at=1), shop.customer("7", at=2), shop.customer("8", at=0)
        for order in ([old, new, other], [other, new, old], [new, old, new, other]):
            found = {each.external_id: each for each, _ in newest_of_each([(each, b"") for each in order])}
            assert found == {"7": new, "8": other}
