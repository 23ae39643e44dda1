"""The contracts and exports of bulkops against the vendor's description of the API."""
