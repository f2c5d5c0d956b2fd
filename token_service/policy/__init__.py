"""Policies: the language, and the decision. All of it is pure except `file.py`, which reads folders and watches them.

The language is described in `docs/reference/policy-language.md`. The way through: `parse` makes rules of text,
`index` compiles them, `decide` answers. Everything that can fail fails in `parse`.
"""
