"""The HTTP service: one module a noun, all of them over `service.Service`. Read `app.py` first."""
