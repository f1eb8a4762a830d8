"""Dead letters: records that no consumer could apply, kept to be looked at and replayed."""
