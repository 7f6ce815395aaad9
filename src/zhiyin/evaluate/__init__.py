"""Offline evaluation: data, protocols, metrics, reports."""
