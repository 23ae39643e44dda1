"""What happens after the server refuses a chunk."""
