"""What people type, say and read in the simulated shop."""

from __future__ import annotations

PAGES = (
    "Home",
    "Delivery & returns",
    "Size guide",
    "Journal",
    "Contact",
    "Category",
    "Product",
    "Cart",
    "Search",
)
HOME, DELIVERY_PAGE, SIZES, JOURNAL, CONTACT, CATEGORY_PAGE, PRODUCT_PAGE, CART_PAGE, SEARCH_PAGE = range(9)
LAST_PATHS = ("/checkout", "/thank-you", "/account", "/orders")
PAGE_PATHS = ("/", "/delivery", "/sizes", "/journal", "/contact", "/c", "/p", "/cart", "/search")

PROMOTIONS = ("New season", "Two for one on tees", "Free delivery over 60", "Gifts under 30", "Black Friday")

QUERIES = (
    ("white sneakers", "ankle boots", "loafers 42"),
    ("leather tote", "laptop backpack", "small bag"),
    ("rain jacket", "parka", "blazer navy"),
    ("midi dress", "wedding guest dress", "linen dress"),
    ("linen shirt", "white tee", "πουκάμισο"),
    ("wide trousers", "black jeans", "chino"),
    ("merino", "cardigan", "pulover"),
    ("scarf", "sunglasses", "belt"),
    ("candle", "vase", "birthday gift"),
    ("hand cream", "soap", "face oil"),
)

COUPONS = ("WELCOME10", "SPRING15", "BACK10", "FRIDAY20")
COUPON_SHARE = (10, 15, 10, 20)  # per cent off

SHIPPING = ("standard", "express", "locker")
SHIPPING_PRICE = (390, 890, 290)
FREE_FROM = 6000
PAYMENTS = ("card", "paypal", "cash on delivery", "apple pay")
METHODS = ("email", "google", "apple")
SHARED_BY = ("whatsapp", "email", "facebook", "copied link")

CANCEL_REASONS = ("changed my mind", "ordered twice", "found it cheaper", "delivery takes too long")
RETURN_REASONS = ("too small", "too large", "not as pictured", "arrived too late", "damaged")
LATE_RETURN = RETURN_REASONS.index("arrived too late")
TICKET_REASONS = (
    "where is my order",
    "damaged on arrival",
    "wrong item",
    "invoice",
    "cancellation",
    "payment failed",
)
WHERE_IS_IT, DAMAGED, WRONG_ITEM, INVOICE, CANCELLATION, PAYMENT_FAILED = range(6)
CHAT_TOPICS = ("sizes", "delivery time", "payment does not go through", "coupon")

REVIEWS = (
    (
        "Never arrived, and nobody answers.",
        "Fell apart after two days.",
        "Three weeks for a parcel. Never again.",
    ),
    ("Came far too late.", "Cheaper than it looks in the pictures.", "Runs two sizes small."),
    ("It is all right.", "Nice colour, thin fabric.", "Good, but the delivery took long."),
    ("Very nice, fits well.", "Good quality for the price.", "Lovely colour."),
    ("Perfect. Came early, lovely box.", "I wear it every day.", "Best I have bought this year."),
)
"""Three texts for each rating from 1 to 5."""

FIRST_NAMES = ("Eleni", "Nikos", "Maria", "Giorgos", "Katerina", "Andrei", "Ioana", "Radu", "Elena",
               "Mihai", "Anna", "Lukas", "Jana", "Felix", "Giulia", "Marco", "Chiara", "Luc", "Camille",
               "Hugo", "Despina", "Stefan", "Wei", "Mei", "Sofia", "Pavlos")  # fmt: skip
LAST_NAMES = ("Papadaki", "Georgiou", "Popescu", "Ionescu", "Schneider", "Weber", "Rossi", "Conti",
              "Martin", "Petit", "Dimitrov", "Ivanova", "Chen", "Lin", "Nikolaou", "Vasile", "Keller",
              "Moreau")  # fmt: skip
