"""What operators ask of the whole service."""
