"""docker-compose.yml: against the published schema, the services' settings, and what we promise of it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator

from longshore.settings import ENV_PREFIX, ServiceSettings
from longshore_connector_shopify.settings import Settings as ShopifySettings
from longshore_connector_woo.settings import Settings as WooSettings
from longshore_gateway.settings import GatewaySettings
from longshore_inventory.settings import Settings as InventorySettings
from longshore_order_sync.settings import Settings as OrderSyncSettings

SERVICES: Mapping[str, type[ServiceSettings]] = {
    "gateway": GatewaySettings,
    "order-sync": OrderSyncSettings,
    "inventory": InventorySettings,
    "connector-shopify": ShopifySettings,
    "connector-woo": WooSettings,
}
PUBLISHED = {"gateway", "grafana"}
LOOPBACK = "${PUBLISH_ADDRESS:-127.0.0.1}:"
# Of longshore.db.migrations_path: not a setting, since migrations run before there are any.
OTHER_VARIABLES = {"LONGSHORE_MIGRATIONS_DIR"}
# Of the compose file alone: which tag our image gets.
OWN_VARIABLES = {"LONGSHORE_VERSION"}

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)")


def check_compose(path: Path) -> list[str]:
    """What is wrong with the compose file, as sentences."""
    text = path.read_text()
    compose: dict[str, Any] = yaml.safe_load(text)
    problems = [f"{path.name}: {each}" for each in _against_schema(compose)]
    if problems:
        return problems
    services: dict[str, dict[str, Any]] = compose["services"]
    problems += [f"the service {name} is missing" for name in SERVICES if name not in services]
    for name, service in services.items():
        problems += [f"{name}: {each}" for each in _service_problems(name, service)]
        if name in SERVICES:
            problems += [f"{name}: {each}" for each in _environment_problems(service, SERVICES[name])]
    known = OWN_VARIABLES.union(*(variables(settings) for settings in SERVICES.values()))
    for variable in sorted(set(_VARIABLE.findall(text))):
        if variable.startswith(ENV_PREFIX) and variable not in known:
            problems.append(f"no service knows ${variable}")
    return problems


def variables(settings: type[ServiceSettings]) -> set[str]:
    """The environment variables that a service reads."""
    return {ENV_PREFIX + name.upper() for name in settings.model_fields}


def check_with_plugin(path: Path) -> list[str]:
    """The same by Docker's own word, where its compose plugin is installed; no engine is needed."""
    docker = shutil.which("docker")
    if docker is None or subprocess.run([docker, "compose", "version"], capture_output=True, check=False).returncode:
        return []
    values = dict.fromkeys(_VARIABLE.findall(path.read_text()), "x")
    values |= {"LONGSHORE_HTTP_PORT": "8000", "GRAFANA_PORT": "3000", "PUBLISH_ADDRESS": "127.0.0.1"}
    command = [docker, "compose", "-f", str(path), "--env-file", "/dev/null", "config", "--quiet"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **values})
    return [] if done.returncode == 0 else [f"docker compose config: {done.stderr.strip()}"]


def _against_schema(compose: dict[str, Any]) -> Iterator[str]:
    """The schema is the Compose specification's own, as check-jsonschema carries it."""
    schema_file = files("check_jsonschema.builtin_schemas.vendor").joinpath("compose-spec.json")
    schema = json.loads(schema_file.read_bytes())
    for error in Draft202012Validator(schema).iter_errors(compose):
        yield f"{'/'.join(map(str, error.absolute_path)) or 'the whole'}: {error.message[:300]}"


def _service_problems(name: str, service: dict[str, Any]) -> Iterator[str]:
    image = str(service.get("image", ""))
    if ":" not in image or image.endswith(":latest"):
        yield f"the image {image!r} names no version"
    if service.get("restart") != "unless-stopped":
        yield "it would not be started again"
    if "test" not in service.get("healthcheck", {}):
        yield "it has no health check"
    for port in service.get("ports", []):
        if name not in PUBLISHED:
            yield f"publishes the port {port}; only {' and '.join(sorted(PUBLISHED))} may"
        if not str(port).startswith(LOOPBACK):
            yield f"the port {port} is not on loopback by default"


def _environment_problems(service: dict[str, Any], settings: type[ServiceSettings]) -> Iterator[str]:
    environment: dict[str, Any] = service.get("environment", {})
    known = variables(settings) | OTHER_VARIABLES
    for variable in environment:
        if variable.startswith(ENV_PREFIX) and variable not in known:
            yield f"it does not know {variable}"
    for field, info in settings.model_fields.items():
        if info.is_required() and ENV_PREFIX + field.upper() not in environment:
            yield f"{ENV_PREFIX}{field.upper()} is missing"
    module = service.get("command", ["", "", ""])[-1]
    if find_spec(module) is None:
        yield f"there is no module {module}"
