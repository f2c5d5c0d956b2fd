"""Tokens: their claims (pure), the keys that sign them, an issuer, and a verifier that stands alone.

What is exported here is public: a registry, or any other program, may verify tokens with it and nothing else of this
package (`docs/registry.md` shows how).
"""

from token_service.token.claims import VerifiedToken
from token_service.token.trusted import load_trusted_keys
from token_service.token.verifier import InvalidToken, TrustedKey, TrustedKeys, Verifier

__all__ = ["InvalidToken", "TrustedKey", "TrustedKeys", "VerifiedToken", "Verifier", "load_trusted_keys"]
