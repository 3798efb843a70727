"""How the pages outside Streamlit look: one small page, its style within, nothing from outside and nothing that runs.

The public pages of `web` and the way in to the pages of `dashboards` share it.
"""

from __future__ import annotations

import base64
import hashlib
from html import escape

STYLE = """
:root{--page:#F6F1E7;--panel:#fff;--text:#0B2545;--quiet:#5B6B7F;--wake:#0B7A75;--on-wake:#fff;--edge:#E8F1F2}
@media (prefers-color-scheme:dark){:root{--page:#0A1A2F;--panel:#12263F;--text:#E8F1F2;--quiet:#A9B8C6;--wake:#3FC1B8;
--on-wake:#0A1A2F;--edge:#1D3655}}
*{box-sizing:border-box}
body{margin:0;min-height:100vh;display:flex;flex-direction:column;align-items:center;justify-content:center;
padding:1.5rem;background:var(--page);color:var(--text);
font:1.0625rem/1.55 "Source Sans 3","Segoe UI",system-ui,-apple-system,sans-serif}
main{width:100%;max-width:32rem;background:var(--panel);border-radius:14px;padding:2.5rem 2.25rem;
border-top:4px solid var(--wake);box-shadow:0 1px 2px rgba(11,37,69,.06),0 12px 32px rgba(11,37,69,.08)}
h1{margin:0 0 .75rem;font-size:1.5rem;line-height:1.25;font-weight:650;text-wrap:balance}
p{margin:0 0 1rem;overflow-wrap:anywhere}.quiet{color:var(--quiet);font-size:.9375rem}
button{width:100%;margin:.75rem 0 1rem;padding:.8rem 1.2rem;border:0;border-radius:9px;background:var(--wake);
color:var(--on-wake);font:inherit;font-weight:600;cursor:pointer}
button:hover{filter:brightness(1.08)}button:focus-visible{outline:3px solid var(--text);outline-offset:2px}
label{display:block;margin:0 0 .9rem;font-weight:600}
label.tick{display:flex;gap:.65rem;font-weight:400;font-size:.9375rem}
input{width:100%;margin-top:.3rem;padding:.7rem .8rem;border:1px solid var(--quiet);border-radius:9px;font:inherit;
background:var(--page);color:var(--text)}input[type=checkbox]{width:1.15rem;height:1.15rem;flex:none;margin:.2rem 0 0}
.away{position:absolute;left:-9999px}.wrong{border-left:3px solid #B3261E;padding-left:.75rem}
a{color:var(--wake)}label:has(+input){margin-bottom:.2rem}label+input{margin:0 0 .9rem}
.note{display:block;margin:-.5rem 0 .9rem;font-weight:400}
.wrong{background:var(--edge);padding:.6rem .75rem;border-radius:0 9px 9px 0}
form{margin:0}p:last-child{margin-bottom:0}
svg{display:block;width:2.75rem;height:auto;margin:0 0 1.25rem;color:var(--wake)}
footer{margin-top:1.25rem;color:var(--quiet);font-size:.875rem}
"""
# Three lines that run together: the wake of a ship.
_MARK = (
    '<svg viewBox="0 0 44 22" fill="none" stroke="currentColor" stroke-width="2.5" stroke-linecap="round" '
    'aria-hidden="true"><path d="M2 3C16 3 26 7 42 11M2 11h40M2 19c14 0 24-4 40-8"/></svg>'
)
_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()

PAGE_HEADERS = {
    "content-security-policy": (
        f"default-src 'none'; style-src 'sha256-{_HASH}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
    "x-robots-tag": "noindex, nofollow",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}


def document(language: str, title: str, body: str, *, foot: str = "Sillage") -> str:
    """A whole page as HTML; `body` and `foot` are HTML that was escaped by its maker."""
    return (
        f'<!doctype html><html lang="{language}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>"
        f"<body><main>{_MARK}<h1>{escape(title)}</h1>{body}</main><footer>{foot}</footer></body></html>"
    )
