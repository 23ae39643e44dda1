"""The parts of a contract (columns, cells, routes, read-backs, rules), and the texts and checks derived from it."""
