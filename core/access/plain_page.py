"""A page that loads no resources and cannot be framed: for signing in, and behind links to acknowledge."""

from html import escape

_STYLE = """
:root { color-scheme: light dark; --page: #f6f7f9; --card: #fff; --line: #e4e7eb; --text: #16191c;
  --muted: #565e68; --accent: #00588a; --on-accent: #fff; --bad: #a8210f; }
@media (prefers-color-scheme: dark) {
  :root { --page: #0e1114; --card: #14181c; --line: #2c333b; --text: #e8eaed;
    --muted: #a6aeb8; --accent: #7cc6f0; --on-accent: #0e1114; --bad: #ff8a7a; }
}
body { font: 1rem/1.5 system-ui, sans-serif; margin: 0; padding: 2rem 1.25rem;
  background: var(--page); color: var(--text); }
main { max-width: 32rem; margin: 0 auto; padding: 1.5rem; overflow-wrap: anywhere;
  background: var(--card); border: 1px solid var(--line); border-radius: 0.5rem; }
main.narrow { max-width: 22rem; margin-top: 8vh; }
h1 { font-size: 1.25rem; line-height: 1.35; margin: 0 0 0.75rem; }
p { margin: 0 0 0.75rem; }
p.bad { color: var(--bad); font-weight: 600; }
label { display: block; margin: 1rem 0 0.25rem; font-weight: 600; }
input, button { font: inherit; box-sizing: border-box; width: 100%; padding: 0.6rem 0.75rem;
  border-radius: 0.375rem; }
input { border: 1px solid var(--muted); background: transparent; color: inherit; }
button { margin-top: 1.25rem; border: 0; background: var(--accent); color: var(--on-accent);
  font-weight: 600; cursor: pointer; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
a { color: var(--accent); }
small { display: block; margin-top: 1rem; color: var(--muted); }
"""


def headers(referrer: str = "no-referrer") -> dict[str, str]:
    """Return the headers of such a page.

    Args:
        referrer: the referrer policy; with ``no-referrer`` a browser sends no Origin with the page's own
            form.
    """
    return {
        "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; "
        "frame-ancestors 'none'; base-uri 'none'",
        "Referrer-Policy": referrer,
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-store",
        "X-Robots-Tag": "noindex",
    }


def page(title: str, content: str, *, head: str = "", narrow: bool = False) -> str:
    """Return the page as HTML.

    Args:
        title: plain text.
        content: HTML below the title.
        head: more HTML for the head.
        narrow: whether it is only as wide as a short form.
    """
    kind = ' class="narrow"' if narrow else ""
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">{head}'
        f"<style>{_STYLE}</style></head>"
        f"<body><main{kind}><h1>{escape(title)}</h1>{content}</main></body></html>"
    )
