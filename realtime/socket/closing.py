"""Why a connection was closed, by its code: for those who are told of it."""

from realtime.socket import session

# Code, what it means, what to do.
MEANINGS = (
    (1000, "You closed it.", "Nothing."),
    (1003, "A binary frame.", "Send text."),
    (session.RESTARTING, "This process ends.", "Come back after `reconnectAfterMs`."),
    (session.TRY_AGAIN_LATER, "Something behind the socket is away.", "Come back with back-off."),
    (session.NOT_AUTHENTICATED, "No token, or one that ended.", "Get a token, then come back."),
    (session.FORBIDDEN, "The origin of the page is not allowed.", "Ask the operator."),
    (4404, "There is nothing at this path.", "The socket is at `/ws/`."),
    (session.IDLE, "Nothing was heard for too long.", "`ping` by `heartbeatMs`; come back."),
    (session.REPLACED, "A newer connection took its place.", "Leave it to that one."),
    (session.DISCONNECTED, "An operator's wish.", "Stay away."),
    (session.BEHIND, "More was said than was taken.", "Come back with `after`."),
    (session.TOO_BIG, "A frame of more than 64 KiB.", "Send less at once."),
    (session.FLOODING, "Too many frames.", "Wait some 15 s, then come back."),
)
