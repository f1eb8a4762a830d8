"""What one caller may take: requests per second, size, time."""
