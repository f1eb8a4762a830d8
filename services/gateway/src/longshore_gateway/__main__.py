"""`python -m longshore_gateway`: run the gateway with settings from the environment.

`rebuild` begins a rebuild; `keys check|rotate|forget-unreadable` see to the encryption keys; `admin create` makes an
owner.
"""

import sys

from longshore.rebuild_command import asks_for_rebuild, rebuild_command
from longshore.runtime import serve
from longshore.settings import load_settings
from longshore_gateway.app import build, front, rebuild_plan
from longshore_gateway.encryption import keys_command
from longshore_gateway.people.admin import admin_command
from longshore_gateway.settings import GatewaySettings
from longshore_gateway.webhooks.protocol import DeliveryProtocol

if __name__ == "__main__":
    if sys.argv[1:2] == ["admin"]:
        sys.exit(admin_command(sys.argv[2:]))
    settings = load_settings(GatewaySettings)
    if asks_for_rebuild(sys.argv[1:]):
        sys.exit(rebuild_command("gateway", settings, rebuild_plan(), sys.argv[2:]))
    if sys.argv[1:2] == ["keys"]:
        sys.exit(keys_command(sys.argv[2:], settings))
    serve(build(settings), settings, front, DeliveryProtocol.of)
