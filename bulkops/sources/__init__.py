"""Read legacy data of any form as rows of text, each with its origin."""
