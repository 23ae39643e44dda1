"""Value maps of a campaign: their export."""

from starlette.responses import Response

from bulkops.sandbox.endpoint import Call
from bulkops.sandbox.resource import CAMPAIGN, Operation, Resource
from bulkops.sandbox.responses import cell, csv_response


def export_value_map(call: Call) -> Response:
    """Respond to `exportCampaignValueMap`."""
    path = call.path
    found = call.state.value_map(path["applicationId"], path["campaignId"], path["valueMapId"])
    lines = [f"{cell(name)},{value:g}\n" for name, value in found.values.items()]
    return csv_response(iter(["identifier,value\n", *lines]), name="value_map")


RESOURCE = Resource(
    exports=(
        Operation(
            "exportCampaignValueMap",
            CAMPAIGN + "/value_maps/{valueMapId}/export",
            export_value_map,
            json_errors=(404,),
        ),
    ),
)
