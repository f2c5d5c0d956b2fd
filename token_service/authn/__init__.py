"""Who is asking: credentials become a principal, or are refused. What a principal may do is `policy/`'s matter."""
