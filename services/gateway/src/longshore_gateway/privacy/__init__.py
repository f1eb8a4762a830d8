"""Requests of buyers and stores about their data: handed out, erased, and the record that it was done."""
