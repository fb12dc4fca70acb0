"""Why a connection was closed, by its code: for those who are told of it."""

from realtime.socket import session

# Code, what it means, what to do.
MEANINGS = (
    (1000, "You closed it.", "Nothing."),
    (1003, "A binary frame.", "Send text."),
    (session.RESTARTING, "This process ends.", "Come back after `reconnectAfterMs`."),
    (
        session.TRY_AGAIN_LATER,
        "It could not be looked up who this is.",
        "Come back a little later.",
    ),
    (
        session.NOT_AUTHENTICATED,
        "No token in time, or one that is wrong, revoked or has expired; the reason says which.",
        "Get a new one, then come back.",
    ),
    (session.FORBIDDEN, "The page is of an origin that is not allowed.", "Ask the operator."),
    (4404, "There is no socket at this address.", "The socket is at `/ws/`."),
    (session.IDLE, "Nothing was heard for too long.", "Come back; `ping` every `heartbeatMs`."),
    (
        session.REPLACED,
        "She has too many connections: the oldest goes.",
        "Leave it to the newer ones.",
    ),
    (session.DISCONNECTED, "An operator, or a program of the server, ended it.", "Stay away."),
    (session.BEHIND, "What was said was not read.", "Come back with `after`, and read."),
    (session.TOO_BIG, "A frame of more than 64 KiB.", "Send less at once."),
    (1009, "A frame of more than 128 KiB.", "Send less at once."),
    (
        session.FLOODING,
        "Too many frames, or too many failed to come in from this network (`rate_limited`).",
        "Wait some 15 s, then come back.",
    ),
)
