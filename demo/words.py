"""What the sample messages speak of."""

from __future__ import annotations

PEOPLE = (
    ("Ada Byron", "ada.byron@customer.example"),
    ("Björn Ångström", "bjorn@nordic.example"),
    ("Chidi Okafor", "chidi@lagos.example"),
    ("Dana Levi", "d.levi@customer.example"),
    ("Emma Weiß", "emma.weiss@kunde.example"),
    ("Farid Rahimi", "farid@customer.example"),
    ("Grace Kim", "grace.kim@seoul.example"),
    ('"Hart, Ian"', "ian.hart@customer.example"),
    ("Inés Ibáñez", "ines@cliente.example"),
    ("山田花子", "hanako@tokyo.example"),
)

PRODUCTS = ("a desk lamp", "the blue chair", "two shelves", "a coffee mill", "the garden table", "a reading light")

PROBLEMS = (
    "A part is missing",
    "The parcel has not come",
    "The invoice shows the wrong address",
    "I would like to send it back",
    "It arrived broken",
    "When will it be delivered",
    "The voucher is not accepted",
    "I cannot sign in to my account",
    "Please change the delivery address",
    "How do I put it together",
)

OPENINGS = ("Hello,", "Dear team,", "Good morning,", "Hi there,", "To whom it may concern,")

CLOSINGS = ("Kind regards", "Thank you", "Best wishes", "Many thanks in advance", "Yours sincerely")

GERMAN = (
    ("Rückfrage zur Lieferung", "Guten Tag,\n\nwo bleibt meine Bestellung? Straße und Hausnummer stimmen.\n\nGrüße"),
    ("Größe des Tisches", "Hallo,\n\nwie groß ist der Tisch? Passt er durch die Tür?\n\nMit freundlichen Grüßen"),
    ("Kündigung", "Hiermit kündige ich fristgemäß. Bitte bestätigen Sie das.\n\nVielen Dank für Ihre Mühe"),
)

JAPANESE = (
    ("ご注文について", "こんにちは。\n\n注文した商品がまだ届いていません。ご確認をお願いします。"),
    ("請求書の件", "お世話になっております。\n\n請求書の宛先を変更してください。よろしくお願いします。"),
)
