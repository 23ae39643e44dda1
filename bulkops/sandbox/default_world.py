"""The default world of a sandbox."""

from bulkops.sandbox.world import (
    Achievement,
    Application,
    Attribute,
    AttributeType,
    Audience,
    Campaign,
    CardSeries,
    Collection,
    Pool,
    Program,
    Series,
    StoreSeries,
    ValueMap,
    World,
)

ENTITIES = ("Coupon", "Referral", "Giveaway", "LoyaltyCard")

TYPES: dict[str, AttributeType] = {
    "category": "string",
    "source_system": "string",
    "priority": "number",
    "vip": "boolean",
    "purchased_at": "time",
    "tags": "(list string)",
    "scores": "(list number)",
    "visited_at": "(list time)",
    "home": "location",
    "places": "(list location)",
}


def _attributes() -> tuple[Attribute, ...]:
    """Attribute 1 carries an allowed list; the others give each importable entity one of every type."""
    listed = Attribute(id=1, entity="CartItem", name="brand", type="string", allowed_list=True, restricted=True)
    wanted = [(entity, name, kind) for entity in ENTITIES for name, kind in TYPES.items()]
    return (
        listed,
        *(
            Attribute(id=number, entity=entity, name=name, type=kind)
            for number, (entity, name, kind) in enumerate(wanted, start=2)
        ),
    )


DEFAULT = World(
    applications=(Application(id=1, name="Web shop"),),
    campaigns=(Campaign(id=1, name="Autumn"),),
    programs=(
        Program(id=1, name="points", title="Points club", tiers=("Bronze", "Silver", "Gold")),
        Program(id=2, name="cards", title="Card club", card_based=True, users_per_card=5),
    ),
    pools=(Pool(id=1, name="Gift cards"),),
    collections=(
        Collection(id=1, name="Excluded products"),
        Collection(id=2, name="Promoted products", application=1, campaign=1),
    ),
    audiences=(Audience(id=1, name="Newsletter readers"),),
    attributes=_attributes(),
    stores=(StoreSeries(pattern="STORE-{:03d}", count=50),),
    profiles=(Series(pattern="customer-{:04d}", count=300),),
    cards=(CardSeries(pattern="CARD-{:04d}", count=20),),
    value_maps=(ValueMap(id=1, values={"sku-123": 10.11, "sku-234": 595}),),
    achievements=(Achievement(id=1, title="CoffeeFree10Orders", target=10),),
)
