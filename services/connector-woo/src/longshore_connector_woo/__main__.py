"""`python -m longshore_connector_woo`: serve until SIGTERM; `rebuild`: read the raw log again."""

from longshore.platforms.connector import serve_connector
from longshore.settings import load_settings
from longshore_connector_woo.app import connector
from longshore_connector_woo.settings import Settings

if __name__ == "__main__":
    settings = load_settings(Settings)
    serve_connector(settings, connector(settings))
