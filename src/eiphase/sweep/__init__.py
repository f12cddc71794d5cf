"""What one config file asks for: its schema, its tiles, and where numbers come from."""
