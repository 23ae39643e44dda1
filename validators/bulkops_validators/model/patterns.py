r"""The regular expressions of the checks, in the syntax that polars (Rust) and Python share.

Character classes are explicit, because `\d` and `\w` would also match digits and letters of other scripts.
"""

_TIME = r"T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]+)?(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
_LEAP_YEAR = r"(?:[0-9][0-9](?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)"
_DAY = (
    r"(?:[0-9]{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)"
    rf"|02-(?:0[1-9]|1[0-9]|2[0-8]))|{_LEAP_YEAR}-02-29)"
)
TIMESTAMP = rf"^{_DAY}{_TIME}$"
"""RFC 3339 with an offset and an existing day."""

DAY_THAT_EXISTS = rf"^{_DAY}(?:$|[Tt ])"

TIMESTAMP_SHAPE = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?(?:Z|[+-][0-9]{2}:[0-9]{2})$"
NO_OFFSET = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?$"
DATE_ONLY = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
_LOCAL_TIME = r"(?:,?[ T]+[0-9]{1,2}:[0-9]{2}.*)?"
LOCAL_DATE = rf"^([0-9]{{1,2}})[/.-]([0-9]{{1,2}})[/.-]([0-9]{{4}}|[0-9]{{2}}){_LOCAL_TIME}$"
_TO_28, _TO_30, _TO_31 = (rf"(?:0?[1-9]|1[0-9]|2[0-{last})" for last in ("8]", "9]|30", "9]|3[01]"))
_IN_31, _IN_30, _IN_28 = r"(?:0?[13578]|1[02])", r"(?:0?[469]|11)", r"0?2"
_LOCAL_DAY = "|".join(
    rf"{first}[/.-]{second}"
    for day, month in ((_TO_31, _IN_31), (_TO_30, _IN_30), (_TO_28, _IN_28))
    for first, second in ((day, month), (month, day))
)
_LOCAL_LEAP_DAY = rf"(?:29[/.-]0?2|0?2[/.-]29)[/.-](?:{_LEAP_YEAR}|[02468][048]|[13579][26])"
LOCAL_DATE_THAT_EXISTS = rf"^(?:(?:{_LOCAL_DAY})[/.-](?:[0-9]{{4}}|[0-9]{{2}})|{_LOCAL_LEAP_DAY}){_LOCAL_TIME}$"
"""An existing date in a local format, with the day or the month first."""

EPOCH = r"^[0-9]{9,10}(?:\.[0-9]+)?$|^[0-9]{12,13}$"
SERIAL_DATE = r"^[2-9][0-9]{4}(?:\.[0-9]+)?$"
TIMESTAMP_WORD = r"(?i)^(?:immediate|immediately|unlimited|on_action|on action|never|always|now|none|today|infinite)$"
UNLIKELY_YEAR = r"^(?:0|1[0-8]|2[1-9]|[3-8]|9[0-8]|99[0-8]|999[0-8])"

INTEGER = r"^-?[0-9]+$"
INTEGER_WITH_DECIMALS = r"^-?[0-9]+[.,]0{0,2}$"
NUMBER = r"^-?[0-9]+(?:\.[0-9]+)?$"
THOUSANDS = r"^-?[1-9][0-9]{0,2}(?:(?:,[0-9]{3})+(?:\.[0-9]+)?|(?:['\u2019 \u00a0\u202f][0-9]{3})+(?:[.,][0-9]+)?)$"
INTEGER_THOUSANDS = r"^-?[1-9][0-9]{0,2}(?:[.,'\u2019 \u00a0\u202f][0-9]{3})+$"
DECIMAL_COMMA = r"^-?(?:[0-9]+|[0-9]{1,3}(?:\.[0-9]{3})+),[0-9]+$"
_PADDING = r"[ \t\u00a0]*"
DECIMAL = rf"^{_PADDING}-?[0-9]+\.[0-9]+{_PADDING}$"
THREE_DECIMALS = rf"^{_PADDING}-?[0-9]+\.[0-9]{{3}}{_PADDING}$"
GROUPED_BY_POINT = rf"^{_PADDING}-?[1-9][0-9]{{0,2}}\.[0-9]{{3}}{_PADDING}$"
"""A number with three decimals that may also be a whole number with a point as thousands separator."""
UNCLEAR_COMMA = r"^-?[1-9][0-9]{0,2},[0-9]{3}$"
"""A number with a comma that may be a decimal comma or a thousands separator."""
COMMAS_BETWEEN_THOUSANDS = r"^-?[1-9][0-9]{0,2}(?:,[0-9]{3}){2,}$|^-?[1-9][0-9]{0,2}(?:,[0-9]{3})+\.[0-9]+$"
ID_WITH_DECIMALS = r"^[0-9]+[.,]0{1,2}(?:;[0-9]+[.,]0{1,2})*$"
"""An id, or ids with semicolons between, that a spreadsheet or pandas made numbers."""
NO_DURATION = r"^0+(?:s|m|h|[DWMY])(?:_[DU])?$"
LIKELY_MONTHS = r"^0*(?:[1-9]|1[0-2]|18|24|36|48|60)m$"
"""A few minutes, or a usual number of months."""
OTHER_LIST = r"^[^;]*[^; ,|][ ]*(?:[,|][ ]*|[ ]+)[^; ,|][^;]*$"
"""Text without a semicolon in which another sign may separate ids."""
LOGIN_ID = (
    r"^(?:auth0|ad|adfs|apple|email|facebook|github|google-apps|google-oauth2|linkedin|oauth2|oidc|okta|samlp|sms"
    r"|twitter|waad|windowslive)\|[^|, ]+$"
)
"""An id of a login service, with a bar in it."""
_LISTED = r"(?:'[^']*'|\"[^\"]*\"|[^'\", ;]+)"
LIST_OF_PROGRAM = rf"^[\[{{(][ ]*(?:{_LISTED}(?:[ ]*,[ ]*{_LISTED})*[ ]*)?[\]}})]$"
"""A list of ids in the format of programming languages, JSON or databases."""
GUID = r"^\{[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\}$"
ADDRESSES = r"(?i)^mailto:|^[^@\s;,]+@[^@\s;,]+[;, ]+[^@\s;,]+@[^@\s;,]+"
DURATION = r"^[0-9]+(?:s|m|h|D(?:_[DU])?|W(?:_U)?|M(?:_U)?|Y(?:_U)?)$"

SPREADSHEET_ERROR = (
    r"^#(?:N/A|NAME\?|REF!|VALUE!|DIV/0!|NULL!|NUM!|SPILL!|CALC!|BUSY!|GETTING_DATA|FIELD!|BLOCKED!|CONNECT!|UNKNOWN!"
    r"|EXTERNAL!|PYTHON!|ERROR!"
    # German, French, Spanish, Italian; other values have the English spelling above.
    r"|NV|WERT!|BEZUG!|ZAHL!|\u00dcBERLAUF!|KALK!|FELD!|DATEN_ABRUFEN"
    r"|NOM\?|VALEUR!|NUL!|NOMBRE!|PROPAGATION!|EPARS!|CALCUL!|CHAMP!|CHARGEMENT_DONNEES|OBTENTION_DONNEES"
    r"|N/D|\u00bf?NOMBRE\?|\u00a1?(?:REF|VALOR|DIV/0|NULO|NUM|DESBORDAMIENTO|CALC|CAMPO)!|OBTENIENDO_DATOS"
    r"|NOME\?|RIF!|VALORE!|NULLO!|ESPANSIONE!|ESTRAZIONE_DATI_IN_CORSO)"
)
HASH_SIGNS = r"^#{2,}$"
SCIENTIFIC = r"^[+-]?[0-9]+(?:[.,][0-9]+)?[eE][+-]?[0-9]{1,3}$"
LONG_NUMBER = r"^[0-9]{16,}$"
_ENGLISH_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
# In the case that spreadsheets use: MAY-2024, SET-24 and MARS-24 in capitals are probably codes.
_WRITTEN_MONTH = (
    rf"(?:{'|'.join(f'[{name[0].upper()}{name[0]}]{name[1:]}' for name in _ENGLISH_MONTHS)}"
    r"|[Mm]\u00e4r|[Mm]rz|[Mm]ai|[Oo]kt|[Dd]ez"
    r"|[Jj]anv|[Ff]\u00e9vr|[Mm]ars|[Aa]vr|[Jj]uin|[Jj]uil|[Aa]o\u00fbt|[Ss]ept|[Dd]\u00e9c"
    r"|[Ee]ne|[Aa]br|[Aa]go|[Dd]ic|[Gg]en|[Mm]ag|[Gg]iu|[Ll]ug|[Ss]et|[Oo]tt)"
)
_MONTH = rf"(?:(?i:{'|'.join(_ENGLISH_MONTHS)})|{_WRITTEN_MONTH})"
BECAME_DATE = (
    rf"^(?:[0-9]{{1,2}}-{_MONTH}\.?(?:-[0-9]{{2,4}})?|[0-9]{{1,2}}\. {_MONTH}\.?"
    rf"|{_MONTH}\.?-[0-9]{{2}}|{_WRITTEN_MONTH}-[0-9]{{4}}"
    r"|[0-9]{1,2}[/.][0-9]{1,2}[/.](?:[0-9]{4}|[0-9]{2})"
    r"|(?:19|20)[0-9]{2}/(?:0?[1-9]|1[0-2])/(?:0?[1-9]|[12][0-9]|3[01])"
    r"|[0-9]{4}-[0-9]{2}-[0-9]{2}(?: [0-9]{2}:[0-9]{2}(?::[0-9]{2})?)?)$"
)
_DAYS_OF_MONTHS = (
    (r"(?:0[1-9]|[12][0-9])", r"(?:0[1-9]|1[0-2])"),
    ("30", r"(?:0[13-9]|1[0-2])"),
    ("31", r"(?:0[13578]|1[02])"),
)
_DAY_AND_MONTH = "|".join(f"{day}/{month}|{month}/{day}" for day, month in _DAYS_OF_MONTHS)
DAY_AND_MONTH = rf"^(?:{_DAY_AND_MONTH})$"
"""A day and a month: a spreadsheet changed a code into a date. In other texts 10/12 may be a size or a till."""

FORMULA_WRAPPER = r'^="[^"]*"$'
TRUTH_VALUE = r"^(?:TRUE|FALSE|True|False|WAHR|FALSCH)$"
WORD_FOR_NOTHING = r"^(?:NULL|null|Null|nan|NaN|NAN|N/A|n/a|NA|None|none|NONE|nil|undefined|<NA>|\\N)$"
NO_VALUE = r"(?i)^(?:null|nan|nat|n/a|na|none|nil|undefined|<na>|\\n|[-+]?inf(?:inity)?)$"
"""A word that databases and programs write for a missing or infinite value, for cells that are not text."""
INFINITE = r"(?i)^[-+]?inf(?:inity)?$"
DIGITS = r"^[0-9]+$"
PHONE_NUMBER = r"^\+[0-9][0-9 ()/.-]{5,18}[0-9]$"
FORMULA_LEADER = r"^[=+@\t\r]|^-[^0-9]|^-[0-9][0-9.,]*(?:[eE][+-]?[0-9]+)? *[-+*/^&=<>]"

_INVISIBLE = (
    r"\x7f\u0080-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u2028-\u202e"
    r"\u2060-\u2064\u2066-\u206f\u2800\u3164\ufeff\uffa0\ufff9-\ufffc\U000e0001"
)
_SELECTOR = r"\ufe00-\ufe0f\U000e0100-\U000e01ef"
_TAG = r"\U000e0020-\U000e007f"
_SELECTED = (
    r"\u00a9\u00ae\u203c\u2049\u2122\u2139\u2190-\u2bff\u3030\u303d\u3297\u3299\U0001f000-\U0001faff"
    r"\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"
)
INVISIBLE_CHARACTER = rf"[{_INVISIBLE}{_SELECTOR}{_TAG}]"
"""An invisible character, alone or after another character. A code cannot contain one."""
INVISIBLE = (
    rf"[{_INVISIBLE}]|(?:^|[^#*0-9{_SELECTED}])[{_SELECTOR}]+|[{_SELECTOR}]{{2,}}"
    rf"|[#*0-9][{_SELECTOR}](?:[^\u20e3]|$)|(?:^|[^\U0001f3f4{_TAG}])[{_TAG}]+"
)
"""The same for free text, but selectors are valid after an emoji or a Chinese character, and tags after a flag.

The match can include the character before or after it.
"""
UNUSUAL_BLANK = r"[\t\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]"
_LIKE_LATIN = (
    r"\u0410\u0412\u0415\u041a\u041c\u041d\u041e\u0420\u0421\u0422\u0423\u0425\u0405\u0406\u0408"
    r"\u0430\u0435\u043e\u0440\u0441\u0443\u0445\u0455\u0456\u0458"
    r"\u0474\u0475\u04ae\u04bb\u04c0\u04cf\u0501\u050c\u051a-\u051d"
    r"\u0391\u0392\u0395\u0396\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a5\u03a7\u03bf"
    r"\u037f\u03f2\u03f3\u03f9"
)
_LATIN = r"A-Za-z\u00c0-\u024f\u1e00-\u1eff"
_MIXED = (_LATIN, r"\u0370-\u03ff", r"\u0400-\u052f\ua640-\ua69f", r"\u13a0-\u13fd\uab70-\uabbf")
# Languages with these scripts add endings to Latin names with a hyphen, so only adjacent letters are odd.
_HYPHENED = (r"\u0531-\u0556\u0561-\u0587", r"\u05d0-\u05ea", r"\u10a0-\u10ff", r"\ua4d0-\ua4f7")
_BESIDE = [
    f"[{one}]{between}[{''.join(other for other in scripts if other != one)}]"
    for scripts, between in ((_MIXED, "[0-9_-]*"), ((*_MIXED, *_HYPHENED), ""))
    for one in scripts
]
TWO_ALPHABETS = "|".join((*_BESIDE, rf"^[0-9._-]*[{_LIKE_LATIN}][{_LIKE_LATIN}0-9._-]*$"))
"""A word that mixes Latin, Greek, Cyrillic and Cherokee, or has one of them next to Armenian, Hebrew, Georgian or Lisu;
or text of only Greek or Cyrillic letters that look like Latin letters."""
REPLACEMENT = r"\ufffd"
LINE_END = r"[\r\n]"
COMPATIBILITY = (
    r"[\uff01-\uff5e\u2460-\u24ff\u2160-\u217f\ufb00-\ufb06\U0001d400-\U0001d7ff"
    # Signs that look like Latin letters: Kelvin, Angstrom and mathematical letters.
    r"\u2102\u210a-\u2112\u2115\u2119-\u211d\u2124\u2128\u212a-\u212d\u212f-\u2131\u2133\u2134\u2145-\u2149]"
)
TYPOGRAPHIC = r"[\u2010-\u2015\u2212\ufe58\ufe63\u2018-\u201f\u2032-\u2037\u00b4\u02b9-\u02bc\u2044\u2215\u2217\u2236]"
"""Dashes, quotes and other signs that look like plain ones."""

_BLANKS = r"[ \t\r\n]*"
_JSON_TEXT = r"\"(?:[^\"\\\x00-\x1f]|\\(?:[\"\\/bfnrt]|u[0-9a-fA-F]{4}))*\""
_JSON_SCALAR = rf"(?:{_JSON_TEXT}|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null)"
_JSON_ITEM = rf"{_BLANKS}{_JSON_SCALAR}{_BLANKS}"
_JSON_LIST = rf"\[(?:{_JSON_ITEM}(?:,{_JSON_ITEM})*|{_BLANKS})\]"
JSON_NAME = r"\"[A-Za-z][A-Za-z0-9_]*\":"
_JSON_PAIR = rf"{_BLANKS}{JSON_NAME}{_BLANKS}(?:{_JSON_SCALAR}|{_JSON_LIST}){_BLANKS}"
PLAIN_JSON = rf"^{_BLANKS}\{{(?:{_JSON_PAIR}(?:,{_JSON_PAIR})*|{_BLANKS})\}}{_BLANKS}$"
"""An object of texts, numbers, truth values and lists of them, with valid names directly before the colon."""

UNNESTED_OBJECT = rf"^{_BLANKS}\{{[^\[{{\u201c\u201d\u201e\u201f\u2033]*$"
"""Text that begins like an object and has no other opening brace or bracket and no typographic quote."""

_MEMBER = rf"{_BLANKS}{_JSON_TEXT}{_BLANKS}:{_JSON_ITEM}"
FLAT_OBJECT = rf"^{_BLANKS}\{{(?:{_MEMBER}(?:,{_MEMBER})*|{_BLANKS})\}}{_BLANKS}$"
"""An object of texts, numbers and truth values with any names; an unnested object that does not match is not JSON."""

PLAIN_TEXT = (
    r"^(?:[A-Za-z](?:[A-Za-z0-9]*[0-9][A-Za-z0-9]*|[A-Za-z0-9._%@ -]{8,}[A-Za-z0-9]"
    r"|(?:[A-Za-z0-9]|[A-Za-z0-9]{2}[A-Za-kmo-ruw-z0-9]|[A-Za-z0-9]{4,})?[._%@-][A-Za-z0-9._%@-]*[A-Za-z0-9])"
    r"|[A-IKLN-RT-Za-ikln-rt-z][A-Za-z0-9]{3}[._%@-][A-Za-z0-9._%@-]*[A-Za-z0-9])$"
)
"""Text that can break only the checks of length and allowed characters.

Three letters before a sign may be a month, and so may four: janv, juil, juin, mars, sept.
"""

PLAIN_LIST = rf"^{PLAIN_TEXT[1:-1]}(?:;{PLAIN_TEXT[1:-1]})*$"
"""Plain texts separated by semicolons."""
