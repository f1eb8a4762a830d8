"""The connector kit: what every platform's connector is made of."""
