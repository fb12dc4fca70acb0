from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('monitoring', "0003_limited_caller"),
    ]

    operations = [
        migrations.CreateModel(
            name='Maintenance',
            fields=[
                ('id', models.PositiveSmallIntegerField(default=1, editable=False, primary_key=True, serialize=False)),
                ('is_on', models.BooleanField(default=False, help_text='Nothing new is taken; redirects and reading go on.', verbose_name='on')),
                ('message', models.CharField(blank=True, help_text='What people are told.', max_length=300)),
                ('by', models.CharField(blank=True, editable=False, max_length=150)),
                ('since', models.DateTimeField(auto_now_add=True)),
                ('version', models.PositiveBigIntegerField(default=1, editable=False)),
            ],
            options={
                'verbose_name': 'maintenance',
                'verbose_name_plural': 'maintenance',
                'constraints': [models.CheckConstraint(condition=models.Q(('id', 1)), name='maintenance_is_one')],
            },
        ),
        migrations.RunSQL(
            "INSERT INTO monitoring_maintenance (id, is_on, message, by, since, version) VALUES (1, false, '', '', now(), 1)",
            migrations.RunSQL.noop,
        ),
    ]
