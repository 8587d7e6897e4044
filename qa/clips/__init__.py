"""Clips for training: calls found, personal data taken out of words and sound, clips released by QA, playlists, the morning brief."""
