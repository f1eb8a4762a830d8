"""The state of the whole: services, lag, outboxes, jobs, and whether all is settled."""
