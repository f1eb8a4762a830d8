"""order-sync: canonical orders and customers, and the fulfilments that go back out to the stores."""

__version__ = "0.1.0"
