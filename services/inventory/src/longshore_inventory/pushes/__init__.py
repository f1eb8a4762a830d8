"""Stock pushes: commands to the stores and what became of them."""
