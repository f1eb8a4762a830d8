"""`python -m longshore_order_sync`: serve until SIGTERM; `rebuild`: begin to rebuild the state from the log."""

import sys

from longshore.rebuild_command import asks_for_rebuild, rebuild_command
from longshore.runtime import serve
from longshore.settings import load_settings
from longshore_order_sync.app import create_app
from longshore_order_sync.rebuild import PLAN
from longshore_order_sync.settings import Settings

if __name__ == "__main__":
    settings = load_settings(Settings)
    if asks_for_rebuild(sys.argv[1:]):
        sys.exit(rebuild_command("order-sync", settings, PLAN, sys.argv[2:]))
    serve(create_app(settings), settings)
