"""Names of columns in the exports of telephone systems and voice agents, and the words in their cells."""

NAMES: dict[str, tuple[str, ...]] = {
    "call_id": (
        *("callid", "callsid", "calluuid", "executionid", "sid", "uuid", "uniqueid", "monitorucid", "ucid"),
        *("interactionid", "conversationid", "sessionid", "requestuuid", "recordid", "id"),
        *("refno", "referenceno"),
    ),
    "start_time": (
        *("starttime", "startedat", "starttimestamp", "startstamp", "callstarttime", "callstart", "start"),
        *("initiationtime", "initiatedat", "startdatetime", "calldate", "begintime", "calltime", "datetime"),
        *("dialledon", "dialedon", "calldatetime", "callstartdatetime", "when"),
        *("timestamp", "createdat", "datecreated", "createdtime", "date"),
    ),
    "time_of_day": ("time", "calltime", "starttime", "timeofcall", "start"),
    "end_time": (
        *("endtime", "endedat", "endtimestamp", "endstamp", "callendtime", "callend", "hanguptime"),
        *("enddatetime", "completedat", "end"),
    ),
    "duration_seconds": (
        *("durationseconds", "durationsec", "durationsecs", "durations", "callduration", "callduration"),
        *("calldurationseconds", "totalduration", "durationms", "durationminutes", "conversationduration"),
        *("telephonydataduration", "duration", "talktime", "billsec", "billduration", "billedduration"),
        *("secs", "dur"),
    ),
    "answered_at": ("answertime", "answeredat", "answerstamp", "answer", "pickuptime"),
    "talk_seconds": ("talktime", "talkseconds", "billsec", "conversationduration", "billduration"),
    "ring_seconds": ("ringduration", "ringtime", "ringseconds", "timetoanswer"),
    "status": (
        *("status", "callstatus", "callstate", "disposition", "dialstatus", "customerstatus", "result"),
        *("callresult", "outcome", "calloutcome", "hangupcausename", "hangupcause"),
    ),
    "direction": ("direction", "calldirection", "telephonydatacalltype", "calltype", "type"),
    "language": ("language", "lang", "detectedlanguage", "calllanguage"),
    "lead_id": ("leadid", "customerid", "contactid", "prospectid", "crmid", "lead"),
    "campaign": ("campaign", "campaignname", "campaignid", "batchid"),
    "end_reason": (
        *("endedreason", "endreason", "disconnectionreason", "hangupreason", "telephonydatahangupreason"),
        *("terminationreason", "hangupcausename", "hangupcause"),
    ),
    "hangup_by": ("hangupby", "telephonydatahangupby", "hangupsource"),
    "provider_call_id": (
        *("providercallid", "telephonydataprovidercallid", "phonecallproviderid"),
        "telephonyidentifiertwiliocallsid",
    ),
    "agent": ("agent", "agentname", "assistantname", "agentid", "assistantid"),
    "agent_version": ("agentversion",),
    "attempt": ("attempt", "attemptnumber", "attemptno", "callattempt"),
    "total_turns": ("totalturns", "turns", "turncount"),
    "user_turns": ("userturns",),
    "interruptions": ("interruptions", "artifactperformancemetricsnumassistantinterrupted"),
    "qualification_completed": ("qualificationcompleted", "qualified", "isqualified", "converted"),
    "handoff_triggered": ("handofftriggered", "handoff", "transferred"),
    "handoff_answered_at": ("handoffansweredat",),
    "handoff_wait_seconds": ("handoffwaitseconds", "handoffwait"),
    "sentiment_score": ("sentimentscore", "sentiment"),
    "asr_latency_ms": ("asrlatencyms", "asrlatency", "artifactperformancemetricstranscriberlatencyaverage"),
    "llm_latency_ms": ("llmlatencyms", "llmlatency", "artifactperformancemetricsmodellatencyaverage"),
    "tts_latency_ms": ("ttslatencyms", "ttslatency", "artifactperformancemetricsvoicelatencyaverage"),
    "e2e_latency_ms": ("e2elatencyms", "e2elatency", "artifactperformancemetricsturnlatencyaverage"),
}
"""Names by the field they stand for, lower case without spaces and dots; best first."""
STATUSES: dict[str, str] = {
    **dict.fromkeys(
        (
            *("completed", "complete", "answered", "answer", "ended", "success", "successful", "connected"),
            *("normalclearing", "normalhangup", "calldisconnected"),
        ),
        "completed",
    ),
    **dict.fromkeys(
        (
            *("noanswer", "notanswered", "unanswered", "missed", "busy", "userbusy", "linebusy", "noreply"),
            *("noresponse", "nouserresponse", "canceled", "cancelled", "originatorcancel", "cancel"),
            *("callrejected", "rejected", "declined", "notconnected", "allottedtimeout", "voicemail"),
        ),
        "no_answer",
    ),
    **dict.fromkeys(
        (
            *(
                "failed",
                "fail",
                "failure",
                "error",
                "dropped",
                "congestion",
                "chanunavail",
                "unallocatednumber",
            ),
            *("normaltemporaryfailure", "networkoutoforder", "recoveryontimerexpire", "invalidnumber"),
            *("balancelow", "stopped"),
        ),
        "failed",
    ),
}
"""Words in status cells, normalised like the names above."""
DIRECTIONS: dict[str, str] = {
    **dict.fromkeys(("inbound", "incoming", "in", "inboundphonecall"), "inbound"),
    **dict.fromkeys(
        (
            *("outbound", "outgoing", "out", "outboundapi", "outbounddial", "outboundphonecall", "dialer"),
            *("clicktocall", "outbounddialer", "outgoingapi", "outgoingdial"),
        ),
        "outbound",
    ),
}
HANGUPS: dict[str, str] = {
    **dict.fromkeys(("customer", "user", "lead", "callee"), "customer"),
    **dict.fromkeys(("agent", "assistant", "bot", "apirequest", "api"), "agent"),
    **dict.fromkeys(("carrier", "network", "provider"), "carrier"),
    **dict.fromkeys(("system", "platform", "error"), "system"),
}
"""Words for who hung up."""
CURRENCIES = ("priceunit", "currency", "currencycode", "costcurrency")
CREATED = ("createdat", "datecreated", "createdtime", "created")
"""When a call was requested: its start, if it was never dialled."""
PRICES = ("price", "cost", "totalcost", "totalamount", "amount", "callcost", "charge", "billedamount")
PERSONAL = (
    "from",
    "to",
    "number",
    "phone",
    "mobile",
    "caller",
    "callee",
    "src",
    "dst",
    "name",
    "clid",
    "email",
    "transcript",
    "recording",
)
"""Parts of the names of columns that hold personal data, or lead to it."""
