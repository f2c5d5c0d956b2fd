"""The reference registry: stores what it is given on Distribution's layout, and asks a token for everything.

It verifies tokens and never issues them; it imports nothing of the issuing side (checked by import-linter).
"""

from token_service.registry.app import build_registry, log_audit_line
from token_service.registry.auth import CachingVerifier, Gate
from token_service.registry.call import RegistryOptions
from token_service.registry.errors import RegistryError, render
from token_service.registry.layout import Layout
from token_service.registry.metrics import RequestMetrics
from token_service.registry.sessions import sweep_uploads

__all__ = [
    "build_registry",
    "RegistryOptions",
    "CachingVerifier",
    "Gate",
    "RegistryError",
    "render",
    "Layout",
    "sweep_uploads",
    "RequestMetrics",
    "log_audit_line",
]
