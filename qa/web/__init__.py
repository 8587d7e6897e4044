"""The web app: server-rendered pages on the store; see ``docs/web.md``."""
