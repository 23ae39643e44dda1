"""What a contract is made of: columns, cells, routes, read-backs, rules; and what is derived from it."""
