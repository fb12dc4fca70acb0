"""Counts of clicks by time and dimension; charts read these and never the clicks."""

from django.db import models


class Dimension(models.IntegerChoices):
    """What a count is broken down by. TOTAL has the one value ""."""

    TOTAL = 0
    COUNTRY = 1
    BROWSER = 2
    OS = 3
    DEVICE = 4
    REFERRER = 5
    LANGUAGE = 6
    VARIANT = 7
    RULE = 8


class Rollup(models.Model):
    """`clicks` counts everybody, `bots` the part of it that were bots; `visitors` are people,
    each counted once a day: with their first click of that day."""

    pk = models.CompositePrimaryKey("link_id", "dimension", "start", "value")
    link_id = models.BigIntegerField()
    dimension = models.PositiveSmallIntegerField(choices=Dimension)
    value = models.CharField(max_length=253)
    clicks = models.BigIntegerField()
    bots = models.BigIntegerField()
    visitors = models.BigIntegerField()

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.link_id} {Dimension(self.dimension).name} {self.value}: {self.clicks}"


class ClicksByQuarter(Rollup):
    """Quarters of an hour, in UTC: the finest step. Every time zone's offset is a multiple of a
    quarter, so a day of any zone is a whole number of these."""

    start = models.DateTimeField()


class ClicksByDay(Rollup):
    """Whole days, in UTC: what makes a year cost no more than a week."""

    start = models.DateField()

    class Meta:
        # What all links had in a span of days, without walking through all their years.
        indexes = [
            models.Index(
                "start", name="clicks_of_day", condition=models.Q(dimension=Dimension.TOTAL)
            )
        ]
