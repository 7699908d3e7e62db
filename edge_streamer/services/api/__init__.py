"""What `/api/v1`, `/healthz` and `/metrics` answer."""
