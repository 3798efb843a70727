// What can be put into a mail. A block is a row, or a cell that finds its place in a column (or gets one of its own).

const svg = (inner) => `<svg viewBox="0 0 24 24" width="22" height="22" fill="none" stroke="currentColor" stroke-width="1.7" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">${inner}</svg>`;
const ICONS = {
  text: svg('<path d="M5 6h14M12 6v13M9 19h6"/>'),
  title: svg('<path d="M6 5v14M18 5v14M6 12h12"/>'),
  image: svg('<rect x="4" y="5" width="16" height="14" rx="2"/><circle cx="9" cy="10" r="1.5"/><path d="m5 18 5-5 3 3 2-2 4 4"/>'),
  button: svg('<rect x="3" y="8" width="18" height="8" rx="4"/><path d="M8 12h8"/>'),
  columns1: svg('<rect x="4" y="5" width="16" height="14" rx="1"/>'),
  columns2: svg('<rect x="4" y="5" width="7" height="14" rx="1"/><rect x="13" y="5" width="7" height="14" rx="1"/>'),
  columns3: svg('<rect x="3" y="5" width="5" height="14" rx="1"/><rect x="9.5" y="5" width="5" height="14" rx="1"/><rect x="16" y="5" width="5" height="14" rx="1"/>'),
  social: svg('<circle cx="7" cy="12" r="2.5"/><circle cx="17" cy="6" r="2.5"/><circle cx="17" cy="18" r="2.5"/><path d="m9.3 11 5.4-3.6M9.3 13l5.4 3.6"/>'),
  share: svg('<path d="M12 4v11M8 8l4-4 4 4"/><path d="M6 12v7h12v-7"/>'),
  product: svg('<path d="M6 8h12l-1 12H7L6 8Z"/><path d="M9 8V6a3 3 0 0 1 6 0v2"/>'),
  header: svg('<rect x="4" y="4" width="16" height="16" rx="2"/><path d="M7 8h6M4 11h16"/>'),
  divider: svg('<path d="M4 12h16"/>'),
  spacer: svg('<path d="M12 4v16M8 7l4-3 4 3M8 17l4 3 4-3"/>'),
  video: svg('<rect x="3" y="6" width="18" height="12" rx="2"/><path d="m10.5 9.5 4 2.5-4 2.5v-5Z"/>'),
  footer: svg('<rect x="4" y="4" width="16" height="16" rx="2"/><path d="M7 15h10M9 18h6"/>'),
};

/** The palette: id, label, icon and what is put in, with the brand's own colours and words of the account's language. */
export function blocks(t, brand, mail) {
  const ink = brand.text;
  const text = (content, attributes = {}) => ({ tag: "mj-text", attributes: { "font-size": "16px", "line-height": "1.6", color: ink, ...(brand.font ? { "font-family": brand.font } : {}), ...attributes }, content });
  const button = (words, attributes = {}) => ({ tag: "mj-button", attributes: { href: "https://www.example.com/", "background-color": brand.button, color: brand.on_button, "border-radius": "8px", "font-size": "16px", ...(brand.font ? { "font-family": brand.font } : {}), ...attributes }, content: words });
  const image = (attributes = {}) => ({ tag: "mj-image", attributes: { src: mail.placeholder, alt: "", ...attributes }, children: [] });
  const column = (children, attributes = {}) => ({ tag: "mj-column", attributes, children });
  const row = (columns, attributes = {}) => ({ tag: "mj-section", attributes: { "background-color": "#ffffff", padding: "20px 0", ...attributes }, children: columns });
  const made = [
    ["text", text(mail.text)],
    ["title", text(`<h2 style="margin:0">${mail.title}</h2>`, { "font-size": "26px", "line-height": "1.3" })],
    ["image", image()],
    ["button", button(mail.button)],
    ["header", row([column([brand.logo ? image({ src: brand.logo.url, alt: brand.logo.alt, width: `${brand.logo.width}px`, align: "left", padding: "0 25px" }) : text(`<strong>${mail.brand}</strong>`, { "font-size": "19px" })])])],
    ["columns1", row([column([text(mail.text)])])],
    ["columns2", row([column([text(mail.text)]), column([text(mail.text)])])],
    ["columns3", row([column([text(mail.text)]), column([text(mail.text)]), column([text(mail.text)])])],
    ["product", row([column([image(), text(`<strong>${mail.product}</strong>`, { align: "center" }), text(mail.price, { align: "center", "padding-top": "0" }), button(mail.buy)])])],
    ["video", image({ href: "https://www.example.com/", src: mail.video, alt: mail.video_alt })],
    ["social", text(["Facebook", "Instagram", "LinkedIn", "YouTube"].map((name) => `<a href="https://www.example.com/" style="color:${brand.link}">${name}</a>`).join(" · "), { align: "center" })],
    ["share", text(`${mail.share} ${[["facebook", "Facebook"], ["linkedin", "LinkedIn"], ["x", "X"], ["whatsapp", "WhatsApp"], ["email", mail.by_email]].map(([id, name]) => `<a href="{{ share_${id}_url }}" style="color:${brand.link}">${name}</a>`).join(" · ")}`, { align: "center" })],
    ["divider", { tag: "mj-divider", attributes: { "border-width": "1px", "border-color": "#D5E2E5" }, children: [] }],
    ["spacer", { tag: "mj-spacer", attributes: { height: "24px" }, children: [] }],
    ["footer", row([column([text(
      `{{ legal_identity }}<br />{{ reason }}<br /><a href="{{ unsubscribe_url }}" style="color:${brand.link}">${mail.unsubscribe}</a> · <a href="{{ withdraw_tracking_url }}" style="color:${brand.link}">${mail.withdraw}</a> · <a href="{{ web_version_url }}" style="color:${brand.link}">${mail.view_online}</a>`,
      { "font-size": "12px", align: "center", color: "#4B5A6E" },
    )])])],
  ];
  return made.map(([id, node]) => ({ id, node, label: t(`block_${id}`), icon: ICONS[id] }));
}

export { svg };
