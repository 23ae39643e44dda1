"""Send HTTP requests to a deployment. Only this package imports httpx."""
