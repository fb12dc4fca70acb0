"""The WebSocket of rooms: frames, sessions, and the hub that joins them in one process."""
