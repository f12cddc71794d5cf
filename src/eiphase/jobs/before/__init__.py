"""What runs before a sweep does."""
