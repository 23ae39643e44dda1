"""Compare what was sent with what the deployment holds, row by row, and say whether it is proved."""
