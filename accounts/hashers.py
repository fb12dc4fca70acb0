from django.contrib.auth.hashers import Argon2PasswordHasher


class ModestArgon2Hasher(Argon2PasswordHasher):
    """OWASP's parameters for argon2id instead of Django's 100 MiB and 8 lanes a password.

    Anybody may ask for a login: with Django's defaults, 8 threads hashing at once would take
    800 MiB and every core from the redirects.
    """

    time_cost = 2
    memory_cost = 19 * 1024  # KiB
    parallelism = 1
