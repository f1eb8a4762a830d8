"""What orders do to stock: reservations, shipments, restocks."""
