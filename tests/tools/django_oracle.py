# SPDX-License-Identifier: ISC
"""Django as po's templates take it: no localisation, UTC, ISO 8601 strings for
the date filters, a clock that stands still.

    render(templates, main, context, autoescape, now) -> text, or raises
"""

import datetime
import warnings

import django
from django.conf import settings

settings.configure(
    USE_TZ=False, USE_I18N=False, USE_L10N=False, TIME_ZONE="UTC",
    LANGUAGE_CODE="en-us", TEMPLATES=[], DEBUG=False)
django.setup()
warnings.simplefilter("ignore")

from django.template import Context, Engine  # noqa: E402
from django.template import defaultfilters, defaulttags  # noqa: E402
from django.utils import dateparse, timesince  # noqa: E402


def iso(value):
    """The date that a string is, else the string."""
    if not isinstance(value, str):
        return value
    for parse in (dateparse.parse_datetime, dateparse.parse_date):
        try:
            found = parse(value)
        except ValueError:
            found = None
        if found is not None:
            return found
    try:
        match = dateparse.time_re.fullmatch(value)
        return dateparse.parse_time(value) if match else value
    except ValueError:
        return value


def taking_iso(filter_function):
    """The filter, with strings made dates before it sees them."""
    def filter_with_iso(value, arg=None):
        return filter_function(iso(value), arg)
    return filter_with_iso


def taking_two_iso(filter_function):
    def filter_with_iso(value, arg=None):
        return filter_function(iso(value), iso(arg))
    return filter_with_iso


class Clock(datetime.datetime):
    """datetime.now() tells the time of the render."""

    time = None

    @classmethod
    def now(cls, tz=None):
        if tz is None:
            return cls.time.replace(tzinfo=None)
        return cls.time.astimezone(tz)


class FixedDatetime:
    """Stands in for the module datetime in timesince.py."""

    date = datetime.date
    timedelta = datetime.timedelta

    class _Type(type):
        def __instancecheck__(cls, other):
            return isinstance(other, datetime.datetime)

    class datetime(metaclass=_Type):
        def __new__(cls, *args):
            return datetime.datetime(*args)

        @staticmethod
        def now(tz=None):
            return Clock.now(tz)


defaulttags.datetime = Clock
timesince.datetime = FixedDatetime
FILTERS = defaultfilters.register.filters
for name, wrap in (("date", taking_iso), ("time", taking_iso),
                   ("timesince", taking_two_iso),
                   ("timeuntil", taking_two_iso)):
    old = FILTERS[name]
    new = wrap(old)
    new.is_safe = old.is_safe
    new._filter_name = name
    FILTERS[name] = new


def compile_all(templates, main):
    """The compiled main template, with the others within reach."""
    engine = Engine(loaders=[
        ("django.template.loaders.locmem.Loader", templates)])
    return engine.get_template(main)


def render(templates, main, context, autoescape=True, now=None):
    Clock.time = now or datetime.datetime(
        2026, 3, 14, 15, 9, 26, tzinfo=datetime.timezone.utc)
    template = compile_all(templates, main)
    return template.render(Context(context, autoescape=autoescape))
