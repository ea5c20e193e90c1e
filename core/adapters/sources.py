"""Who may post to ``/hooks/{name}``: every platform and carrier that has an adapter."""

from types import MappingProxyType

from core.adapters import signatures
from core.adapters.carriers import exotel, knowlarity, ozonetel, plivo, tata, telnyx, twilio
from core.adapters.delivery import Source
from core.adapters.platforms import bolna, dograh, elevenlabs, retell, sarvam, vapi
from core.models.calls.reports import Role

_ALL = (
    Source(vapi.NAME, "Vapi", Role.PLATFORM, vapi.read, signatures.vapi),
    Source(retell.NAME, "Retell", Role.PLATFORM, retell.read, signatures.retell, frozenset({"access_token"})),
    Source(bolna.NAME, "Bolna", Role.PLATFORM, bolna.read),
    Source(elevenlabs.NAME, "ElevenLabs", Role.PLATFORM, elevenlabs.read, signatures.elevenlabs),
    Source(sarvam.NAME, "Sarvam", Role.PLATFORM, sarvam.read),
    Source(dograh.NAME, "Dograh", Role.PLATFORM, dograh.read),
    Source(exotel.NAME, "Exotel", Role.CARRIER, exotel.read),
    Source(plivo.NAME, "Plivo", Role.CARRIER, plivo.read, signatures.plivo),
    Source(twilio.NAME, "Twilio", Role.CARRIER, twilio.read, signatures.twilio, frozenset({"CallToken"})),
    Source(telnyx.NAME, "Telnyx", Role.CARRIER, telnyx.read, signatures.telnyx),
    Source(ozonetel.NAME, "Ozonetel", Role.CARRIER, ozonetel.read, secrets=ozonetel.SECRETS),
    Source(knowlarity.NAME, "Knowlarity", Role.CARRIER, knowlarity.read),
    Source(tata.NAME, "Tata Smartflo", Role.CARRIER, tata.read),
)
SOURCES = MappingProxyType({source.name: source for source in _ALL})
