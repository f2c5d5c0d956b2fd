"""HTTP of the token service: requests become values, values become answers. Nothing is decided here."""
