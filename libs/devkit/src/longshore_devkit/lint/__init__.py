"""Rules of this code base that no general linter knows."""
