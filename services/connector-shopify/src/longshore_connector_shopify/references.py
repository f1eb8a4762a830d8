"""How the translator names to the client what it wants read, where a plain number does not do."""

from __future__ import annotations

OF_RETURN = "return/"
"""Before the number of a return, in place of an order's: the order that the return is of."""
