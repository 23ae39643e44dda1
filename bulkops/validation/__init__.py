"""Check files: find, locate and count every defect in bounded memory."""
