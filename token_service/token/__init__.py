"""Tokens: their claims (pure), the keys that sign them, an issuer, and a verifier that stands alone.

`Verifier` is public: a registry, or any other program, may use it without the rest of this package.
"""
