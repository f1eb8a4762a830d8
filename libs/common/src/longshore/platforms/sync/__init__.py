"""The sync engine: reads a store's entities into the raw log, page by page, and goes on where it was after a crash."""
