"""The `token-service` command: reads arguments, calls a room, prints what came of it. No logic of its own."""
