"""What every connector must do, whatever its platform: see suite.py, and docs/guides/write-a-connector.md.

A connector's tests inherit `ConnectorConformance` and give it stores to work on (store.py).
"""

import pytest

pytest.register_assert_rewrite("longshore_devkit.conformance.suite", "longshore_devkit.conformance.harness")
