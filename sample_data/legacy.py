"""Invented exports of other tools, with the headers that these tools document, for the shipped recipes."""

import csv
import io
import json
from collections.abc import Iterable, Sequence

ROWS = 40
TITLES = ("Spring sale", "Summer sale", "Welcome, new customer", "Birthday")
TIERS = ("Bronze", "Silver", "Gold")
_TENANT = "11111111-0000-4000-8000-000000000000"
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
        "salesforce-loyalty-currencies.csv": _salesforce_currencies(),
        "salesforce-loyalty-tiers.csv": _salesforce_tiers(),
        "open-loyalty-members.csv": _open_loyalty(),
        "open-loyalty-balances.csv": _open_loyalty_balances(),
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
    """Return the sheet Discounts of an export app: a row for each code; `Limit Total Times` may be blank."""
    columns = (
        "ID,Title,Command,Code,Code Command,Code Used Count,Total Used Count,Type,Method,Value Type,Value,"
        "Minimum Requirement,Minimum Value,Limit Total Times,Limit One Use Per Customer,Limit Uses Per Order,Status,"
        "Starts At,Ends At,Created At,Updated At,Summary"
    )
    rows = [
        (
            11920047600 + i // 4,
            TITLES[i // 4 % 4],
            "MERGE",
            f" shop-{i:04}-{'abc'[i % 3]} ",
            "MERGE",
            i % 3,
            4,
            "Amount off Order",
            "Code",
            "Percentage" if i % 2 else "Fixed Amount",
            5 + i % 4 * 5,
            "Amount" if i % 5 == 0 else "",
            "50.00" if i % 5 == 0 else "",
            "" if i % 4 == 0 else 3 + i % 2,
            "true" if i % 2 else "false",
            "",
            "Expired" if i % 10 == 9 else "Scheduled" if i % 10 == 4 else "Active",
            f"2026-0{1 + i % 9}-01T00:00:00Z",
            "" if i % 3 == 0 else f"2031-0{1 + i % 9}-28 23:59:59 +0200",
            "2025-12-01T08:15:00Z",
            "2025-12-02T08:15:00Z",
            "",
        )
        for i in range(ROWS)
    ]
    return _text(columns, rows)


def _woocommerce() -> str:
    """Return the columns of a coupon exporter; `date_expires` is a day, and `usage_limit` is blank without a limit."""
    columns = (
        "post_title,ID,post_excerpt,post_status,post_date,post_author,discount_type,coupon_amount,individual_use,"
        "product_ids,exclude_product_ids,usage_limit,usage_limit_per_user,usage_count,limit_usage_to_x_items,"
        "date_expires,free_shipping,exclude_sale_items,product_categories,exclude_product_categories,minimum_amount,"
        "maximum_amount,customer_email"
    )
    rows = [
        (
            f"woo{i:05}",
            500 + i,
            TITLES[i % 4],
            "draft" if i % 8 == 7 else "publish",
            f"2026-03-{1 + i % 28:02} 08:15:00",
            1,
            ("percent", "fixed_cart", "fixed_product")[i % 3],
            f"{5 + i % 20}.00",
            "yes",
            "101,102" if i % 6 == 0 else "",
            "",
            "" if i % 4 == 0 else 10,
            1,
            i % 4,
            "",
            "" if i % 5 == 0 else f"2031-{1 + i % 12:02}-15",
            "no",
            "yes",
            "",
            "",
            "25" if i % 2 else "",
            "",
            f"{_email(1)},{_email(2)}" if i % 10 == 1 else _email(i + 1) if i % 3 == 0 else "",
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
        code = {
            "id": f"promo_{i:08}",
            "object": "promotion_code",
            "active": i % 9 != 8,
            "code": f"STRIPE{i:04}",
            "created": 1767225600 + i,
            "customer": _email(i + 1) if i % 7 == 0 else None,
            "customer_account": None,
            "expires_at": None if i % 3 == 0 else 1924991999 + i,
            "livemode": True,
            "max_redemptions": None if i % 4 == 0 else 5,
            "metadata": {"channel": "mail"},
            "promotion": {"type": "coupon", "coupon": f"co_{i % 4}"},
            "restrictions": {
                "first_time_transaction": False,
                "minimum_amount": None,
                "minimum_amount_currency": None,
            },
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
    """Return the object LoyaltyProgramMember, with the names of its fields."""
    columns = "Id,MembershipNumber,MemberStatus,MemberType,EnrollmentDate,EnrollmentChannel,Contact.Email"
    rows = [
        (
            f"0lM{i:012}AAA",
            _email(i + 1),
            "Inactive" if i % 10 == 9 else "Active",
            "Individual",
            f"{2018 + i % 7}-0{1 + i % 9}-15",
            "Web",
            f"member{i}@example.com",
        )
        for i in range(ROWS)
    ]
    return _text(columns, rows)


def _salesforce_currencies() -> str:
    """Return the object LoyaltyMemberCurrency: the balance of each member in each currency of points."""
    columns = (
        "LoyaltyMember.MembershipNumber,LoyaltyMember.MemberStatus,LoyaltyProgramCurrency.Name,PointsBalance,"
        "EscrowPointsBalance,ExpirablePoints,TotalPointsAccrued,TotalPointsExpired,TotalPointsRedeemed"
    )
    rows = []
    for i in range(ROWS):
        status = "Inactive" if i % 10 == 9 else "Active"
        for name, balance in (("Reward Points", f"{125 * i + 10}.5"), ("travel", "0.0" if i % 2 else "20.0")):
            rows.append((_email(i + 1), status, name, balance, "0.0", "0.0", balance, "0.0", "0.0"))
    return _text(columns, rows)


def _salesforce_tiers() -> str:
    """Return the object LoyaltyMemberTier: the current tier of each member."""
    columns = (
        "LoyaltyMember.MembershipNumber,LoyaltyMember.MemberStatus,LoyaltyTier.Name,EffectiveDate,TierExpirationDate"
    )
    rows = [
        (
            _email(i + 1),
            "Inactive" if i % 10 == 9 else "Active",
            TIERS[i % 3],
            "2026-01-01",
            "" if i % 7 == 6 else f"2031-{1 + i % 12:02}-01",
        )
        for i in range(ROWS)
    ]
    return _text(columns, rows)


def _open_loyalty() -> str:
    """Return the file Members of a data export; `active` is 1 or blank."""
    columns = (
        "memberId,tenantId,active,channelId,channelIdentifier,firstName,lastName,gender,email,phone,birthDate,"
        "lastLevelRecalculation,address,loyaltyCardNumber,createdAt,updatedAt,levelId,manuallyAssignedLevelId,"
        "agreement1,agreement2,agreement3,company,transactionsCount,transactionsAmount"
    )
    rows = [
        (
            _member_id(i),
            _TENANT,
            "" if i % 6 == 5 else 1,
            "",
            "",
            "Zoë" if i % 2 else "Łukasz",
            "Müller",
            "not_disclosed",
            _email(i + 1),
            "",
            "",
            "",
            "",
            f"OL-{i:06}",
            f"2024-0{1 + i % 9}-10T10:00:00+02:00",
            f"2026-0{1 + i % 9}-10T10:00:00+02:00",
            f"level-{i % 3}",
            "",
            1,
            "",
            "",
            "",
            i % 5,
            f"{i % 5 * 20}.00",
        )
        for i in range(ROWS)
    ]
    return _text(columns, rows)


def _member_id(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012}"


def _open_loyalty_balances() -> str:
    """Return the file Wallet Balance of a data export: the units of each wallet of a member."""
    columns = (
        "tenantId,memberId,walletId,walletTypeCode,earnedUnits,transferredUnits,spentUnits,activeUnits,lockedUnits,"
        "blockedUnits,expiredUnits"
    )
    rows = [
        (
            _TENANT,
            _member_id(i),
            f"22222222-{n}000-4000-8000-{i:012}",
            code,
            30 + i,
            0,
            5,
            active,
            0,
            0,
            25 + i - active,
        )
        for i in range(ROWS)
        for n, (code, active) in enumerate((("default", 10 + i), ("coins", 5 if i % 3 else 0)))
    ]
    return _text(columns, rows)


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
    """Return products with variants: only the first row of a product has the columns that describe the product."""
    columns = (
        "URL handle,Title,Description,Vendor,Product category,Type,Tags,Published on online store,Status,SKU,"
        "Option1 name,Option1 value,Price"
    )
    rows = [
        (
            f"shirt-{i // 3}",
            *((f"Shirt {i // 3}", "", "Acme", "", "Shirts", "cotton", "TRUE") if i % 3 == 0 else [""] * 7),
            ("archived" if i // 3 % 5 == 4 else "active") if i % 3 == 0 else "",
            f"SKU-{i:05}" if i % 8 else "",
            "Size" if i % 3 == 0 else "",
            "SML"[i % 3],
            f"{20 + i}.00",
        )
        for i in range(ROWS)
    ]
    return _text(columns, rows)


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
