"""Token authorization service for container registries, and a thin registry that trusts its tokens.

The rooms and the direction of imports are described in `docs/architecture.md` and checked by import-linter.
"""

__version__ = "0.1.0"
