"""Invented exports of other tools, with the headers that these tools document, for the shipped recipes."""

import csv
import io
import json
from collections.abc import Iterable, Sequence

ROWS = 40
TITLES = ("Spring sale", "Summer sale", "Welcome, new customer", "Birthday")
TIERS = ("Bronze", "Silver", "Gold")
CITIES = ("Köln", "Łódź", "São Paulo", "Aix-en-Provence")


def legacy_files() -> dict[str, str]:
    """Return the text of every legacy file, by its path under sample_data."""
    made = {
        "shopify-discounts.csv": _shopify(),
        "woocommerce-coupons.csv": _woocommerce(),
        "adobe-commerce-coupons.csv": _adobe_commerce(),
        "stripe-promotion-codes.jsonl": _stripe(),
        "voucherify-vouchers.csv": _voucherify(),
        "salesforce-loyalty-members.csv": _salesforce(),
        "open-loyalty-members.csv": _open_loyalty(),
        "open-loyalty-points.csv": _open_loyalty_points(),
        "gift-cards.csv": _gift_cards(),
        "customers.csv": _customers(),
        "products.csv": _products(),
        "stores.csv": _stores(),
        "referral-codes.csv": _referrals(),
    }
    return {f"legacy/{name}": text for name, text in made.items()}


def _text(columns: str, rows: Iterable[Sequence[object]], *, separator: str = ",") -> str:
    """Return CSV; a comma separates the names in `columns`."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter=separator, lineterminator="\n")
    writer.writerow(columns.split(","))
    writer.writerows(rows)
    return out.getvalue()


def _email(number: int) -> str:
    return f"customer-{number:04}"


def _shopify() -> str:
    """Return the sheet Discounts of Matrixify: a row for each code; `Limit Total Times` is blank without a limit."""
    columns = (
        "ID,Title,Command,Code,Code Used Count,Total Used Count,Type,Value,Value Type,Minimum Requirement,"
        "Minimum Value,Limit Total Times,Limit Once Per Customer,Status,Starts At,Ends At"
    )
    rows = [
        (
            11920047600 + i // 4,
            TITLES[i // 4 % 4],
            "MERGE",
            f" shop-{i:04}-{'abc'[i % 3]} ",
            i % 3,
            4,
            "Basic",
            f"-{5 + i % 4 * 5}.0",
            "Percentage" if i % 2 else "Fixed Amount",
            "Amount" if i % 5 == 0 else "",
            "50.00" if i % 5 == 0 else "",
            "" if i % 4 == 0 else 3 + i % 2,
            "TRUE" if i % 2 else "FALSE",
            "Expired" if i % 10 == 9 else "Active",
            f"2026-0{1 + i % 9}-01 00:00:00 +0200",
            "" if i % 3 == 0 else f"2031-0{1 + i % 9}-28 23:59:59 +0200",
        )
        for i in range(ROWS)
    ]
    return _text(columns, rows)


def _woocommerce() -> str:
    """Return the coupon columns of WooCommerce; `expiry_date` is a day, and `usage_limit` is blank without a limit."""
    columns = (
        "post_title,post_excerpt,post_status,post_date,discount_type,coupon_amount,individual_use,product_ids,"
        "exclude_product_ids,usage_limit,usage_limit_per_user,usage_count,expiry_date,free_shipping,"
        "exclude_sale_items,product_categories,exclude_product_categories,minimum_amount,maximum_amount,customer_email"
    )
    rows = [
        (
            f"woo{i:05}",
            TITLES[i % 4],
            "draft" if i % 8 == 7 else "publish",
            f"2026-03-{1 + i % 28:02} 08:15:00",
            ("percent", "fixed_cart", "fixed_product")[i % 3],
            f"{5 + i % 20}.00",
            "yes",
            "101|102" if i % 6 == 0 else "",
            "",
            "" if i % 4 == 0 else 10,
            1,
            i % 4,
            "" if i % 5 == 0 else f"2031-{1 + i % 12:02}-15",
            "no",
            "yes",
            "",
            "",
            "25" if i % 2 else "",
            "",
            f"{_email(i + 1)}" if i % 3 == 0 else "",
        )
        for i in range(ROWS)
    ]
    return _text(columns, rows)


def _adobe_commerce() -> str:
    """Return the list of generated codes of one cart price rule."""
    rows = [
        (
            f"MAG{i * 7919 % 100000:05}XY",
            f"Mar {1 + i % 28}, 2026, 9:{i % 60:02}:00 AM",
            "Yes" if i % 5 == 4 else "No",
            i % 5 // 4,
        )
        for i in range(ROWS)
    ]
    return _text("Coupon Code,Created,Used,Times Used", rows)


def _stripe() -> str:
    """Return the objects of the list of promotion codes, one a line."""
    lines = []
    for i in range(ROWS):
        coupon = {"id": f"co_{i % 4}", "amount_off": 500 if i % 2 else None, "percent_off": None if i % 2 else 12.5}
        code = {
            "id": f"promo_{i:08}",
            "object": "promotion_code",
            "active": i % 9 != 8,
            "code": f"STRIPE{i:04}",
            "coupon": {**coupon, "currency": "eur" if i % 2 else None, "name": TITLES[i % 4]},
            "created": 1767225600 + i,
            "customer": _email(i + 1) if i % 7 == 0 else None,
            "expires_at": None if i % 3 == 0 else 1924991999 + i,
            "livemode": True,
            "max_redemptions": None if i % 4 == 0 else 5,
            "metadata": {"channel": "mail"},
            "restrictions": {"first_time_transaction": False, "minimum_amount": None},
            "times_redeemed": i % 3,
        }
        lines.append(json.dumps(code))
    return "\n".join(lines) + "\n"


def _voucherify() -> str:
    """Return vouchers with discounts, and gift cards with a balance in the smallest unit."""
    columns = (
        "code,voucher_type,value,discount_type,campaign,category,start_date,expiration_date,gift_balance,"
        "redemption_quantity,redemption_count,active"
    )
    rows = [
        (
            f"VFY-{i:05}",
            "GIFT_VOUCHER" if i % 4 == 3 else "DISCOUNT_VOUCHER",
            5000 if i % 4 == 3 else 10 + i,
            "" if i % 4 == 3 else "PERCENT",
            "Autumn",
            "mail",
            "2026-01-01T00:00:00Z",
            "" if i % 3 == 0 else "2031-06-30T21:59:59Z",
            5000 - 125 * i if i % 4 == 3 else "",
            "" if i % 5 == 0 else 2,
            i % 2,
            "false" if i % 10 == 8 else "true",
        )
        for i in range(ROWS)
    ]
    return _text(columns, rows)


def _salesforce() -> str:
    """Return a report on members of a loyalty program, with API names; amounts in two currencies of points."""
    columns = (
        "MembershipNumber,MemberStatus,MemberType,EnrollmentDate,Contact.Email,LoyaltyTier.Name,TierExpirationDate,"
        "PointsBalance,BonusBalance"
    )
    rows = [
        (
            f"{_email(i + 1)}",
            "Inactive" if i % 10 == 9 else "Active",
            "Individual",
            f"{2018 + i % 7}-0{1 + i % 9}-15",
            f"member{i}@example.com",
            TIERS[i % 3],
            f"2031-{1 + i % 12:02}-01",
            f"{125 * i + 10}.50",
            "0.00" if i % 2 else "20.00",
        )
        for i in range(ROWS)
    ]
    return _text(columns, rows)


def _open_loyalty() -> str:
    """Return the file Members of a data export; `active` is 1 or blank."""
    columns = "memberId,active,firstName,lastName,email,loyaltyCardNumber,createdAt,levelId"
    rows = [
        (
            f"00000000-0000-4000-8000-{i:012}",
            "" if i % 6 == 5 else 1,
            "Zoë" if i % 2 else "Łukasz",
            "Müller",
            f"{_email(i + 1)}",
            f"OL-{i:06}",
            f"2024-0{1 + i % 9}-10T10:00:00+02:00",
            f"level-{i % 3}",
        )
        for i in range(ROWS)
    ]
    return _text(columns, rows)


def _open_loyalty_points() -> str:
    """Return the open points transfers of members."""
    rows = [
        (
            f"t-{i}",
            f"00000000-0000-4000-8000-{i % ROWS:012}",
            f"{10 + i}.00",
            "adding",
            f"2031-{1 + i % 12:02}-01T00:00:00+01:00",
        )
        for i in range(2 * ROWS)
    ]
    return _text("pointsTransferId,memberId,remainingValue,type,expiresAt", rows)


def _gift_cards() -> str:
    """Return a list of gift cards from a spreadsheet: title lines, semicolons and decimal commas."""
    head = "Gift cards of all shops;;;\n;;;\n"
    rows = [
        (
            f"GC {1000 + i} {i:04}",
            f"{1000 + i * 12.5:,.2f}".translate(str.maketrans(",.", ".,")),
            f"{1 + i % 28:02}.12.2031",
            "gesperrt" if i % 11 == 10 else "aktiv",
        )
        for i in range(ROWS)
    ]
    return head + _text("Kartennummer,Restguthaben,Gültig bis,Status", rows, separator=";")


def _customers() -> str:
    rows = [(_email(i + 1), f"Name {i}", "subscribed" if i % 4 else "unsubscribed") for i in range(ROWS)]
    return _text("Email Address,Full Name,Marketing Status", rows)


def _products() -> str:
    """Return products with variants: only the first row of a product has its title."""
    rows = [
        (
            f"shirt-{i // 3}",
            f"Shirt {i // 3}" if i % 3 == 0 else "",
            f"SKU-{i:05}" if i % 8 else "",
            f"{20 + i}.00",
            "active",
        )
        for i in range(ROWS)
    ]
    return _text("Handle,Title,Variant SKU,Variant Price,Status", rows)


def _stores() -> str:
    rows = [(f"{i + 1}", CITIES[i % 4], f"{1000 + 50 * i},00", "ja" if i % 7 != 6 else "nein") for i in range(ROWS)]
    return _text("Filiale,Ort,Budget,geöffnet", rows, separator=";")


def _referrals() -> str:
    rows = [
        (
            f"FRIEND-{i:05}",
            _email(i + 1),
            f"{1 + i % 28:02}/11/2026",
            "" if i % 3 else 10,
            "active" if i % 9 else "blocked",
        )
        for i in range(ROWS)
    ]
    return _text("Referral code,Advocate,Created,Maximum uses,State", rows)
