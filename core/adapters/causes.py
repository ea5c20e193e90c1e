"""Why a call was disconnected, in codes that many carriers share: SIP responses and Q.850 causes.

SIP codes: RFC 3261, 8197 (607) and 8688 (608). Names of causes: ITU-T Q.850 as FreeSWITCH writes them, which
Plivo, Vobiz, Knowlarity, Tata and Telnyx run or follow.
"""

from types import MappingProxyType

from core.models.calls.endings import ending_of

_BY_SIP = {
    404: "invalid_number",
    408: "no_answer",
    410: "invalid_number",
    416: "invalid_number",
    480: "no_answer",
    484: "invalid_number",
    486: "busy",
    487: "cancelled",
    600: "busy",
    603: "declined",
    604: "invalid_number",
    607: "spam_blocked",
    608: "spam_blocked",
}
_FIRST_ERROR, _LAST_ERROR = 400, 699
_BY_NUMBER = MappingProxyType(
    {
        1: "invalid_number",
        17: "busy",
        18: "no_answer",
        19: "no_answer",
        20: "no_answer",
        21: "declined",
        22: "invalid_number",
        28: "invalid_number",
        102: "no_answer",
    }
)
"""For Q.850: 16 is a normal end, and any other number below 128 a failure of the line."""
_NORMAL, _UNSPECIFIED, _LAST_NUMBER = 16, 31, 127
_WORDS: dict[str, tuple[str, ...]] = {
    "busy": ("user_busy", "busy_line", "subscriber_busy", "busy_everywhere"),
    "no_answer": (
        *("no_user_response", "subscriber_absent", "subcriberabsent", "allotted_timeout", "progress_timeout"),
        *("ring_timeout_reached", "ring_timeout", "timeout", "noresponse", "no_response", "missed", "ring"),
        *("switched_off", "not_reachable", "unreachable", "alerting_timeout", "user_not_responding"),
    ),
    "declined": ("call_rejected", "reject", "reject_all", "decline", "decline_all"),
    "invalid_number": (
        *("unallocated_number", "invalid_number_format", "invalidnumberformat", "invalidnumber", "not_found"),
        *("number_changed", "invalid_destination_address", "does_not_exist_anywhere"),
    ),
    "cancelled": ("originator_cancel", "lose_race", "cancel", "picked_off", "manager_request"),
    "transferred": ("attended_transfer", "blind_transfer", "redirection_to_new_destination"),
    "no_audio": ("media_timeout",),
    "spam_blocked": ("dnd", "ndnc", "blocked", "blacklisted", "call_blocked", "unwanted"),
    "configuration": (
        *("outgoing_call_barred", "incoming_call_barred", "isddisabled", "user_not_registered"),
        *("bearercapability_notauth", "bearercapability_notavail", "facility_not_subscribed"),
    ),
    "carrier_failed": (
        *("no_route_destination", "noroutedestination", "no_route_transit_net", "channel_unacceptable"),
        *(
            "destination_out_of_order",
            "network_out_of_order",
            "normal_temporary_failure",
            "temporary_failure",
        ),
        *("switch_congestion", "normal_circuit_congestion", "congestion", "access_info_discarded"),
        *("requested_chan_unavail", "pre_empted", "service_unavailable", "service_not_implemented"),
        *(
            "bearercapability_notimpl",
            "chan_not_implemented",
            "facility_not_implemented",
            "facility_rejected",
        ),
        *(
            "incompatible_destination",
            "invalid_call_reference",
            "invalid_msg_unspecified",
            "mandatory_ie_missing",
        ),
        *("message_type_nonexist", "wrong_message", "ie_nonexist", "invalid_ie_contents", "wrong_call_state"),
        *("recovery_on_timer_expire", "mandatory_ie_length_error", "protocol_error", "interworking"),
        *(
            "exchange_routing_error",
            "response_to_status_enquiry",
            "gateway_down",
            "invalid_gateway",
            "invalid_url",
        ),
        *(
            "invalid_profile",
            "system_shutdown",
            "crash",
            "server_error",
            "swap",
            "error",
            "exception",
            "failed",
        ),
        *("network_error", "internal_error", "routing_error", "request_timeout", "unauthorized"),
        *("no_pickup", "no_identity", "bad_identity_info", "unsupported_certificate", "invalid_identity"),
        "stale_date",
    ),
}
_BY_WORD = MappingProxyType({word: name for name, words in _WORDS.items() for word in words})


def by_sip(code: int | None) -> str | None:
    """Return the ending that a SIP response means; None for a success, or if it is not a SIP code."""
    if code is None or not _FIRST_ERROR <= code <= _LAST_ERROR:
        return None
    return _BY_SIP.get(code, "carrier_failed")


def by_number(cause: int | None) -> str | None:
    """Return the ending that a Q.850 cause means; None for a normal end, or if it is not a cause."""
    if cause is None or cause in {_NORMAL, _UNSPECIFIED} or not 0 < cause <= _LAST_NUMBER:
        return None
    return _BY_NUMBER.get(cause, "carrier_failed")


def by_word(cause: str | None) -> str | None:
    """Return the ending that the name of a cause means; None for a normal end, or an unknown word."""
    word = "_".join((cause or "").lower().replace("-", " ").replace("_", " ").split())
    known = _BY_WORD.get(word) or ending_of(word)
    return None if known == "unknown" else known
