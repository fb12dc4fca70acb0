"""Which links still want their target's metadata. Pulled and not pushed: a thousand links made at
once are a queue in the table, and a lost message loses nothing."""

from django.db import transaction
from django.utils import timezone

from links.models import Link


@transaction.atomic
def claim_unchecked() -> int | None:
    """Mark the oldest link that was never asked about, and give its id; None when there is none.

    Marked before it is asked: a target that kills its reader must not be asked for ever.
    """
    unchecked = Link.objects.filter(metadata_checked_at=None, deleted_at=None).order_by("id")
    link = unchecked.select_for_update(skip_locked=True).only("pk").first()
    if link is None:
        return None
    Link.objects.filter(pk=link.pk).update(metadata_checked_at=timezone.now())
    return link.pk
