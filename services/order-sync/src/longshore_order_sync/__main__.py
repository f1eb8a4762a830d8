"""`python -m longshore_order_sync`: serve until SIGTERM."""

from longshore.runtime import serve
from longshore.settings import load_settings
from longshore_order_sync.app import create_app
from longshore_order_sync.settings import Settings

if __name__ == "__main__":
    settings = load_settings(Settings)
    serve(create_app(settings), settings)
