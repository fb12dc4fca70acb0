"""The account of the service itself: the author of what it corrects without anybody asking."""

from uuid import UUID

from django.contrib.auth.hashers import make_password

from accounts.models import User

NAME = "rallypoint"
# It is known by this, which nobody can choose. Any random one would do.
PUBLIC_ID = UUID("7d0c1f7e-3f0b-4c86-9d55-6a1f0a3e6b11")


def house_account() -> User:
    """Nobody can sign in as it. Where somebody else has its name, it is called a little longer."""
    is_taken = User.objects.exclude(public_id=PUBLIC_ID).filter(username__iexact=NAME).exists()
    house, _ = User.objects.get_or_create(
        public_id=PUBLIC_ID,
        defaults={
            "username": f"{NAME}-{PUBLIC_ID.hex[:8]}" if is_taken else NAME,
            "is_active": False,
            "password": make_password(None),
        },
    )
    return house
