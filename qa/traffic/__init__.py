"""Traffic of a call centre: calls and seats by slot, the forecast of the days to come, and the five traffic tables (五表)."""
