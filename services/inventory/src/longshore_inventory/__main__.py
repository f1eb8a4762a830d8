"""`python -m longshore_inventory`: serve until SIGTERM; `rebuild`: begin to rebuild the state from the log."""

import sys

from longshore.rebuild_command import asks_for_rebuild, rebuild_command
from longshore.runtime import serve
from longshore.settings import load_settings
from longshore_inventory.app import create_app
from longshore_inventory.rebuild import rebuild_plan
from longshore_inventory.settings import Settings

if __name__ == "__main__":
    settings = load_settings(Settings)
    if asks_for_rebuild(sys.argv[1:]):
        sys.exit(rebuild_command("inventory", settings, rebuild_plan(), sys.argv[2:]))
    serve(create_app(settings), settings)
