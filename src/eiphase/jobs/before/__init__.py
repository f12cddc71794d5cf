"""What runs before a sweep's simulations, or beside them."""
