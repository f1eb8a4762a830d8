"""`python -m longshore_inventory`: serve until SIGTERM."""

from longshore.runtime import serve
from longshore.settings import load_settings
from longshore_inventory.app import create_app
from longshore_inventory.settings import Settings

if __name__ == "__main__":
    settings = load_settings(Settings)
    serve(create_app(settings), settings)
