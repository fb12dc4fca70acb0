from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("monitoring", "0002_status_days")]

    operations = [
        migrations.CreateModel(
            name="LimitedCaller",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
            ],
            options={
                "verbose_name": "limited caller",
                "managed": False,
                "default_permissions": ("view",),
            },
        ),
    ]
