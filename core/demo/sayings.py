"""What is said in a simulated call: the lead, then the agent, in the turn's language."""

from collections.abc import Mapping

Exchange = tuple[str, str]
"""What the lead says, and the agent's answer."""

ENGLISH: tuple[Exchange, ...] = (
    (
        "Hello, who is this?",
        "This is Asha from Sunrise Home Finance, on a recorded line. You asked about a loan: is now good?",
    ),
    ("Yes, but make it quick, please.", "Of course. Are you salaried, or do you run a business of your own?"),
    ("Salaried. I work in a bank in Pune.", "Thank you. What is your monthly take-home pay, roughly?"),
    ("About seventy thousand.", "And do you pay any instalments just now, for a car or another loan?"),
    ("A car loan, eleven thousand a month.", "Noted. How much would you like to borrow?"),
    ("Around forty lakh, for a flat.", "Have you chosen the flat already, or are you still looking?"),
    (
        "We have paid the token. What is the rate?",
        "Rates begin at 8.6 percent; an expert confirms yours. May I take a number to reach you on?",
    ),
    (
        "Yes, nine eight seven six five four three two one zero.",
        "Thank you. You qualify for our next step.",
    ),
    ("What happens now?", "I can put you through to a loan expert right away. Shall I?"),
    ("Yes, go ahead.", "Please stay on the line."),
)
HINDI: tuple[Exchange, ...] = (
    (
        "हैलो, कौन बोल रहा है?",
        "नमस्ते, सनराइज़ होम फ़ाइनेंस से आशा। यह कॉल रिकॉर्ड हो रही है। आपने लोन के बारे में पूछा था, अभी बात हो सकती है?",
    ),
    ("हाँ, बताइए।", "धन्यवाद। आप नौकरी करते हैं या अपना कारोबार है?"),
    ("मेरी कपड़े की दुकान है।", "अच्छा। दुकान कितने साल से चल रही है?"),
    ("क़रीब बारह साल से।", "और महीने की आमदनी लगभग कितनी है?"),
    ("पचास-साठ हज़ार हो जाती है।", "क्या अभी कोई किस्त चल रही है?"),
    ("नहीं, कोई किस्त नहीं है।", "ठीक है। आपको कितने का लोन चाहिए?"),
    ("पंद्रह लाख, घर बनवाना है।", "ज़मीन आपके नाम पर है?"),
    ("हाँ, पिताजी के और मेरे नाम पर।", "बहुत अच्छा। आप अगले चरण के लिए योग्य हैं।"),
    ("ब्याज कितना लगेगा?", "दर 8.6 प्रतिशत से शुरू होती है। हमारे विशेषज्ञ पक्की दर बताएँगे। क्या अभी बात कराऊँ?"),
    ("हाँ, करा दीजिए।", "कृपया लाइन पर बने रहें।"),
)
HINGLISH: tuple[Exchange, ...] = (
    (
        "Hello, kaun bol raha hai?",
        "Namaste, Sunrise Home Finance se Asha. Call record ho rahi hai. Home loan par baat kar lein?",
    ),
    ("Haan, boliye, do minute hain.", "Thank you. Aap salaried hain ya apna business hai?"),
    ("Salaried hoon, IT company mein.", "Great. Monthly in-hand salary lagbhag kitni hai?"),
    ("Pachasi hazaar ke aas paas.", "Aur abhi koi EMI chal rahi hai?"),
    ("Ek bike ki EMI hai, chaar hazaar.", "Theek hai. Kitne amount ka loan chahiye aapko?"),
    ("Pachaas lakh, flat lena hai Noida mein.", "Property final ho gayi hai, ya abhi dekh rahe hain?"),
    (
        "Final hai, booking ho gayi. Rate kya chal raha hai?",
        "Rate 8.6 percent se start hota hai, exact rate expert batayenge. Number confirm kar dun?",
    ),
    (
        "Haan likhiye, nau aath saat chhe paanch chaar teen do ek shunya.",
        "Thank you. Aap next step ke liye qualify karte hain.",
    ),
    ("Achha, ab kya karna hoga?", "Main aapko abhi loan expert se connect kar deti hoon, theek hai?"),
    ("Haan, kar dijiye.", "Line par bane rahiye."),
)
OTHER_LANGUAGE: Mapping[str, str] = {"hinglish": "hindi", "hindi": "hinglish", "english": "hinglish"}
"""The language that leads switch to, by their main language."""
_SAYINGS: Mapping[str, tuple[Exchange, ...]] = {"english": ENGLISH, "hindi": HINDI, "hinglish": HINGLISH}


def said_in(turn: int, language: str, *, cut_short: bool = False) -> str:
    """Return what is said in a turn, numbered from 1; only half of the answer if it is ``cut_short``."""
    lines = _SAYINGS[language]
    lead, agent = lines[(turn - 1) % len(lines)]
    if cut_short:
        words = agent.split()
        agent = f"{' '.join(words[: max(1, len(words) // 2)])} \N{EM DASH}"
    return f"Lead: {lead}\nAgent: {agent}"
