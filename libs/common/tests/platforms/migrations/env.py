from longshore.db import run_env
from longshore.platforms.tables import connector_metadata

run_env(connector_metadata("connector_toy"), "connector_toy")
