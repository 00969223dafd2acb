"""The service over HTTP: one small router a resource; `app` wires them."""
