"""What the editor says, by the names that its script calls it by."""

from __future__ import annotations

LABELS = {
    "tools": "Tools", "text_tools": "Tools for text", "blocks": "Blocks", "outline": "What the mail holds",
    "blocks_help": "Drag one into the mail, or press it to put it behind what is chosen.",
    "undo": "Undo", "redo": "Redo", "seen_on": "Seen on", "desktop": "desktop", "tablet": "tablet", "phone": "phone",
    "unsaved": "Not saved yet", "sent": "Saved", "close": "Close", "images": "Images",
    "upload": "Take in a picture", "alt_asked": "What it shows, for those who don't see it",
    "no_images": "There is no picture yet. Take one in above.", "choose_image": "Choose a picture",
    "alt_help": "Say what the picture shows: some don't see it, and filters count pictures without words.",
    "nothing_chosen": "Nothing is chosen",
    "nothing_chosen_help": "Press something in the mail to change it. A text is written in place: press it twice.",
    "kept_help": "The editor shows this part and keeps it as it was written. Change it in the source.",
    "edit_text": "Write in it", "up": "Move up", "down": "Move down", "double": "Duplicate", "remove": "Take out",
    "around": "Around it", "everybody": "everybody", "as_usual": "as usual", "own_colour": "another colour",
    "bold": "Bold", "italic": "Italic", "underline": "Underlined", "list": "List", "plain": "Without format",
    "link": "Link", "set_link": "Set the link", "address": "Address", "colour": "Colour", "field": "Merge field",
    "default": "if empty", "default_word": "friend", "insert": "Put in",
    "align_left": "to the left", "align_center": "centred", "align_right": "to the right", "align_justify": "justified",
    "vertical_top": "top", "vertical_middle": "middle", "vertical_bottom": "bottom",
    "block_text": "Text", "block_title": "Title", "block_image": "Picture", "block_button": "Button",
    "block_columns1": "1 column", "block_columns2": "2 columns", "block_columns3": "3 columns",
    "block_product": "Product", "block_video": "Video", "block_social": "Social links", "block_share": "Share buttons",
    "block_header": "Header with your logo",
    "block_divider": "Line",
    "block_spacer": "Space", "block_footer": "Footer",
    "type_mj-body": "The whole mail", "type_mj-wrapper": "Frame of rows", "type_mj-section": "Row",
    "type_mj-group": "Group of columns", "type_mj-column": "Column", "type_mj-hero": "Picture with text on it",
    "type_mj-text": "Text", "type_mj-table": "Table", "type_mj-button": "Button", "type_mj-image": "Picture",
    "type_mj-divider": "Line", "type_mj-spacer": "Space", "type_kept-row": "Part kept as it is",
    "type_kept-cell": "Part kept as it is",
    "field_background-color": "Background", "field_width": "Width", "field_height": "Height",
    "field_padding": "Space around", "field_border-radius": "Round corners", "field_segment": "Who sees it",
    "field_background-url": "Address of the background", "field_vertical-align": "Placed vertically",
    "field_font-size": "Size of the letters", "field_color": "Colour of the letters", "field_align": "Placed",
    "field_font-family": "Font", "field_line-height": "Height of a line", "field_href": "Leads to",
    "field_container-background-color": "Background", "field_src": "Address of the picture",
    "field_alt": "What it shows", "field_border-color": "Colour of the line", "field_border-width": "Width of the line",
}  # fmt: skip

MAIL = {
    "text": "Write what matters first.", "title": "A title", "button": "See more", "product": "Name of the product",
    "price": "49.00", "buy": "Buy it", "video_alt": "Watch the film", "unsubscribe": "Unsubscribe",
    "withdraw": "Don't measure my opens and clicks", "view_online": "View online",
    "share": "Share it:", "by_email": "E-mail",
}  # fmt: skip
"""Words that a block brings into a mail, in the language of the account's mails."""

FAULTS = {
    "no_mjml": "This is no MJML: there is no <mjml> in it.",
    "no_body": "The MJML has no <mj-body>.",
    "unclosed": "A tag is not closed: <%(tag)s>.",
    "unclosed_tag": "A tag is not closed in line %(line)s.",
    "unclosed_comment": "A comment is not closed in line %(line)s.",
    "crossed": "In line %(line)s </%(tag)s> closes what <%(parent)s> opened.",
    "bad_tag": "Line %(line)s has a < that begins no tag.",
    "bad_attribute": "Line %(line)s has an attribute that can't be read.",
    "include": "mj-include takes in files that are not here. Put their content in its place.",
    "not_kept": "The editor would change more of it than you do.",
}
"""Why a source can't be edited by drag and drop."""
