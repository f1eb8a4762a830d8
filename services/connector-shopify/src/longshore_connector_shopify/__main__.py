"""`python -m longshore_connector_shopify`: serve until SIGTERM."""

from longshore.runtime import serve
from longshore.settings import load_settings
from longshore_connector_shopify.app import create_app
from longshore_connector_shopify.settings import Settings

if __name__ == "__main__":
    settings = load_settings(Settings)
    serve(create_app(settings), settings)
