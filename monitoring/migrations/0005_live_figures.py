from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("monitoring", "0004_maintenance")]

    operations = [
        migrations.CreateModel(
            name="LiveFigures",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
            ],
            options={
                "verbose_name": "live figures",
                "verbose_name_plural": "live figures",
                "managed": False,
                "default_permissions": ("view",),
            },
        ),
    ]
