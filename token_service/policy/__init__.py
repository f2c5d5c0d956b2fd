"""Policies: the language, and the decision. All of it is pure except `file.py`, which reads folders and watches them.

The language is described in `docs/reference/policy-language.md`. The way through: `parse` makes rules of text,
`index` compiles them, `decide` answers. Everything that can fail fails in `parse`.

Around it stand questions about policies. `explain` and `coverage` look at rules one by one (`match`). `can`,
`who_can`, `lint` and `diff` speak about all names and principals there are: by automata (`automaton`, `reach`), and
by looking for somebody whom a rule concerns (`witness`).
"""
