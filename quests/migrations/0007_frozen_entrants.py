"""A raffle's list of entrants is closed before it is drawn; of those drawn already, with the draw."""

from django.db import migrations, models
from django.db.models import F, Q


def freeze_drawn(apps, schema_editor):
    raffles = apps.get_model("quests", "Raffle").objects.filter(drawn_at__isnull=False)
    raffles.update(frozen_at=F("drawn_at"))


class Migration(migrations.Migration):

    dependencies = [
        ("quests", "0006_raffles_and_appeals"),
    ]

    operations = [
        migrations.AddField(
            model_name="raffle",
            name="frozen_at",
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.RemoveConstraint(model_name="raffle", name="raffle_drawn"),
        migrations.RunPython(freeze_drawn, migrations.RunPython.noop),
        migrations.AddConstraint(
            model_name="raffle",
            constraint=models.CheckConstraint(
                condition=Q(drawn_at__isnull=True, beacon="")
                | Q(drawn_at__isnull=False, frozen_at__isnull=False),
                name="raffle_drawn",
            ),
        ),
        migrations.AddConstraint(
            model_name="raffle",
            constraint=models.CheckConstraint(
                condition=Q(frozen_at__isnull=True, entrants_digest="")
                | (Q(frozen_at__isnull=False) & ~Q(entrants_digest="")),
                name="raffle_frozen",
            ),
        ),
    ]
