"""Keeping the list of unknown addresses useful: recent and bounded."""

from datetime import timedelta

from django.utils import timezone

from links.models import OrphanSlug

KEEP_DAYS = 30
KEEP_ROWS = 10_000


def forget_old_orphans() -> int:
    """Drop what was not asked for lately, and the rarest beyond the bound. Returns how many."""
    horizon = timezone.now() - timedelta(days=KEEP_DAYS)
    old, _ = OrphanSlug.objects.filter(last_seen__lt=horizon).delete()
    surplus = OrphanSlug.objects.order_by("-hits", "-last_seen").values("pk")[KEEP_ROWS:]
    rare, _ = OrphanSlug.objects.filter(pk__in=list(surplus.values_list("pk", flat=True))).delete()
    return old + rare
