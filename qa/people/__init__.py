"""People who use the program: accounts, passwords, sessions, throttled login, and the log of what they did."""
