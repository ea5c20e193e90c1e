"""Services whose keys are masked by the name of the field: ``deepgram_key``."""

_SPEECH = """
deepgram assemblyai elevenlabs cartesia sarvam playht rime lmnt speechmatics gladia soniox smallest
smallestai murf resemble hume neuphonic inworld revai gnani reverie bhashini krisp picovoice
speechify fishaudio whisper polly
"""
_LANGUAGE_MODELS = """
openai anthropic claude gemini google vertex azure groq mistral cohere together togetherai fireworks
fireworksai perplexity pplx openrouter xai grok deepseek cerebras sambanova nvidia nim replicate
huggingface hf bedrock anyscale baseten modal voyage jina llama krutrim langsmith langchain langfuse
helicone portkey pinecone qdrant weaviate litellm llm asr stt tts
"""
_TELEPHONY_AND_AGENTS = """
twilio exotel plivo telnyx vonage nexmo bandwidth signalwire knowlarity ozonetel myoperator servetel
tatatele airtel jio livekit daily agora vapi retell bland ultravox pipecat dograh bolna tavus zoom
sinch infobip ringcentral
"""
_OTHERS = """
msg91 msg gupshup kaleyra textlocal karix valuefirst wati aisensy interakt twofactor sendgrid
mailgun mailchimp mandrill postmark resend brevo sendinblue sparkpost slack telegram whatsapp
firebase fcm onesignal pusher ably razorpay stripe cashfree payu paytm phonepe setu signzy karza
digio leegality cibil experian equifax crif perfios hubspot salesforce zoho leadsquared freshworks
zendesk intercom segment mixpanel amplitude posthog sentry datadog newrelic grafana pagerduty splunk
elastic aws gcp cloudflare digitalocean supabase mongodb github gitlab notion airtable linear jira
maps recaptcha hmac ssh aes rsa server service admin vendor partner merchant sandbox prod production
live
"""
VENDORS = frozenset(f"{_SPEECH}{_LANGUAGE_MODELS}{_TELEPHONY_AND_AGENTS}{_OTHERS}".split())
"""Their names in one word of lower case, and general ones such as ``server``."""
