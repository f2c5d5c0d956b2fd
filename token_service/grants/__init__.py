"""The token request, free of HTTP: one pipeline for all grants, and a module for each way to prove who asks."""
