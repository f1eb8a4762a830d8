"""Longshore's development kit: what a developer's machine needs beside the services. Never imported by one."""
