"""What deploy/check.py checks: the compose file, the Dockerfile, Prometheus's rules, Grafana's dashboards."""
