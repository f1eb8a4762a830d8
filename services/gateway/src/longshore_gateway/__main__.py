"""`python -m longshore_gateway`: run the gateway with settings from the environment."""

from longshore.runtime import serve
from longshore.settings import load_settings
from longshore_gateway.app import build, front
from longshore_gateway.settings import GatewaySettings

if __name__ == "__main__":
    settings = load_settings(GatewaySettings)
    serve(build(settings), settings, front)
