class EmbeddedServerError(Exception):
    """Why a server cannot run: one sentence for the person at the terminal."""
