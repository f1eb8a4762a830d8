"""What people ask of a store about an order, besides a shipment: request, command to the store, outcome."""
