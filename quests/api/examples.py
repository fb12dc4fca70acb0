"""The examples of the OpenAPI document."""

from drf_spectacular.utils import OpenApiExample

STEP = [
    OpenApiExample(
        "A quiz", {"stepId": "quiz", "answer": {"0": [1], "1": [0, 2]}}, request_only=True
    ),
    OpenApiExample("A code", {"stepId": "code", "answer": "open sesame"}, request_only=True),
    OpenApiExample(
        "A proof", {"stepId": "proof", "proof": {"link": "https://example.com/my-post"}},
        request_only=True,
    ),
    OpenApiExample(
        "Wrong", {"stepId": "quiz", "state": "wrong", "evidenceId": None, "triesLeft": 2},
        response_only=True,
    ),
]  # fmt: skip

COMPLETION = [
    OpenApiExample(
        "Paid",
        {
            "message": "“Say hello” completed. +50 XP",
            "completionId": "5b1c6f0e-6e0f-4a57-9d9f-3f6a5f1f2c11",
            "status": "paid",
            "xpEarned": 50,
            "totalXP": 120,
            "achievements": ["first-steps"],
            "completedAt": "2031-05-01T09:30:00.000Z",
            "evidence": ["0d6ce7a4-3a8b-4f0c-8f0e-5f8b9f6f7a01"],
        },
        response_only=True,
        status_codes=["200"],
    )
]

EVIDENCE = [
    OpenApiExample(
        "A visit",
        {
            "questNumber": 7,
            "requirement": "visit",
            "walletAddress": "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
            "sourceId": "ticket-4711",
            "occurredAt": "2031-05-01T09:30:00Z",
            "payload": {"gate": "north"},
        },
        request_only=True,
    )
]
