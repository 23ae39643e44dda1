"""Compare the contracts and exports of bulkops with the vendor's description of the API."""
