"""Derive the export of a contract from its read-backs."""

from collections.abc import Iterator, Mapping

from bulkops.errors import UsageError
from bulkops.exporting.definition import Export, ExportDetails, Filter, Kind, Window
from bulkops.exporting.filters import BY_CREATION, DATES
from bulkops_validators.model.contract import Contract, Form, QueryOption, Readback

FORMATTED_DATES = "dateFormat"


def export_of(contract: Contract, details: Mapping[str, ExportDetails]) -> Export | None:
    """Return the export that shows the rows of a contract; None if no route has a read-back.

    `details` are by operation. The read-backs of several routes are the paths of one export, so they have the same
    form, columns and parameters; the first one decides.
    """
    readbacks = [route.readback for route in contract.routes if route.readback is not None]
    if not readbacks:
        return None
    first, more = readbacks[0], details.get(readbacks[0].operation, ExportDetails())
    return Export(
        name=contract.name,
        title=more.title or contract.title,
        paths=tuple(dict.fromkeys(each.path for each in readbacks)),
        form=first.form,
        columns=",".join(first.documented_columns) if first.form is Form.CSV else "",
        id_filters=_id_filters(contract, first),
        windows=(*_windows(first), *more.windows),
        filters=(*_created(first), *more.filters, *_options(contract, first), *_dates(first)),
        all_rows=more.all_rows,
        notes=more.notes,
    )


def _id_filters(contract: Contract, readback: Readback) -> dict[str, str]:
    """Return the query parameters that the read-back fills with an id of the target."""
    names = {name for route in contract.routes for name in route.ids}
    return {parameter: value[1:-1] for parameter, value in readback.query.items() if value[1:-1] in names}


def _windows(readback: Readback) -> tuple[Window, ...]:
    return (BY_CREATION,) if any(_created(readback)) else ()


def _created(readback: Readback) -> Iterator[Filter]:
    """Yield the filters by creation of a CSV export; a list by pages has meanings of its own for them."""
    if readback.form is Form.CSV and readback.after and readback.before:
        for bound, parameter in (("after", readback.after), ("before", readback.before)):
            about = f"Only rows created {bound} this instant."
            yield Filter(name=f"created-{bound}", parameter=parameter, kind=Kind.INSTANT, about=about)


def _options(contract: Contract, readback: Readback) -> Iterator[Filter]:
    """Yield the filters that the read-back fills from options of the import."""
    for parameter, value in readback.query.items():
        option = next((each for each in contract.options if value == f"{{{each.name}}}"), None)
        if option is not None:
            yield _filter(option, parameter)


def _filter(option: QueryOption, parameter: str) -> Filter:
    kind = Kind.CHOICE if option.choices else Kind.SWITCH
    return Filter(name=option.name, parameter=parameter, kind=kind, choices=option.choices or (), about=option.about)


def _dates(readback: Readback) -> tuple[Filter, ...]:
    return (DATES,) if FORMATTED_DATES in readback.query else ()


def unreadable(contract: Contract) -> UsageError:
    """Return the error for a contract with rows that the API does not return."""
    return UsageError(
        f"The API cannot return {contract.title.lower()}: it has no export and no list of them, so they can be neither "
        "exported nor copied.",
        hint="Keep the file of each import; it is the only complete copy.",
    )
