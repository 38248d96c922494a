"""The form of an outlet: events and queues are ticked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from postmaster.outlets.fields import EVENTS, QUEUES
from postmaster.web.pickers import PickerForm, picker_form


class OutletForm(PickerForm):
    """The form of an outlet."""

    apart = (EVENTS, QUEUES)
    lead = {
        EVENTS.name: "All that happens if none is selected.",
        QUEUES.name: "Only what happens in these queues; everything if none is selected, also what is in no queue.",
    }


def outlet_form(service: Any, helps: Mapping[str, str], record: Any = None) -> OutletForm:
    """The form for an outlet, or for a new one."""
    return picker_form(OutletForm, service, helps, record)
