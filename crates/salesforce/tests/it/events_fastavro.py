"""Writes 200 change events with fastavro, and beside each what it says, from what was written and not from reading it.

Prints one JSON document: the schema, and per event its payload in base64, its header, the names of its bitmaps and the
value of every field.
"""

import base64
import io
import json
import random

import fastavro

random.seed(20261122)

ADDRESS = {"type": "record", "name": "Address", "fields": [
    {"name": name, "type": ["null", kind]}
    for name, kind in [("Street", "string"), ("City", "string"), ("State", "string"), ("PostalCode", "string"),
                       ("Country", "string"), ("Latitude", "double"), ("Longitude", "double"), ("GeocodeAccuracy", "string")]]}
PERSON = {"type": "record", "name": "Switchable_PersonName", "fields": [
    {"name": name, "type": ["null", "string"]} for name in ["Salutation", "FirstName", "LastName", "MiddleName"]]}
KINDS = ["CREATE", "UPDATE", "DELETE", "UNDELETE", "GAP_CREATE", "GAP_UPDATE", "GAP_DELETE", "GAP_UNDELETE",
         "GAP_OVERFLOW", "SNAPSHOT"]
HEADER = {"type": "record", "name": "ChangeEventHeader", "fields": [
    {"name": "entityName", "type": "string"},
    {"name": "recordIds", "type": {"type": "array", "items": "string"}},
    {"name": "changeType", "type": {"type": "enum", "name": "ChangeType", "symbols": KINDS}},
    {"name": "changeOrigin", "type": "string"},
    {"name": "transactionKey", "type": "string"},
    {"name": "sequenceNumber", "type": "int"},
    {"name": "commitTimestamp", "type": "long"},
    {"name": "commitNumber", "type": "long"},
    {"name": "commitUser", "type": "string"},
    {"name": "nulledFields", "type": {"type": "array", "items": "string"}},
    {"name": "diffFields", "type": {"type": "array", "items": "string"}},
    {"name": "changedFields", "type": {"type": "array", "items": "string"}}]}
SCALARS = ["string", "double", "long", "boolean", "int"]
FIELDS = [{"name": "ChangeEventHeader", "type": HEADER},
          {"name": "Name", "type": ["null", "string", PERSON], "doc": "Data:SwitchablePersonName"},
          {"name": "BillingAddress", "type": ["null", ADDRESS], "doc": "Data:Address"},
          {"name": "ShippingAddress", "type": ["null", "Address"], "doc": "Data:Address"}]
# More fields than a machine word has bits.
FIELDS += [{"name": f"Field{number}__c", "type": ["null", random.choice(SCALARS)], "doc": "Data:Text"}
           for number in range(75)]
SCHEMA = {"name": "AccountChangeEvent", "namespace": "com.sforce.eventbus", "type": "record", "fields": FIELDS,
          "uuid": "judge"}


def scalar(kind):
    return {"string": lambda: random.choice(["", "x", "Müller & Söhne", "日本", "a" * 300, "🙂"]),
            "double": lambda: random.choice([0.0, -1.5, 1e300, 0.1, 48000.0]),
            "long": lambda: random.choice([0, -1, 1806451200000, 2**62, -2**63]),
            "int": lambda: random.choice([0, -1, 2**31 - 1, -2**31]),
            "boolean": lambda: random.random() < 0.5}[kind]()


def compound(record):
    return {child["name"]: scalar(child["type"][1]) if random.random() < 0.6 else None for child in record["fields"]}


def hexadecimal(bits):
    number = sum(1 << bit for bit in bits)
    digits = f"{number:X}"
    return "0x" + digits.zfill(len(digits) + len(digits) % 2)


def children(field):
    return {"Name": PERSON, "BillingAddress": ADDRESS, "ShippingAddress": ADDRESS}.get(field["name"], {}).get("fields", [])


def bitmaps(positions):
    """Entries for whole fields and for children of compounds, and the names that they stand for."""
    whole, entries, names = [], [], set()
    for position in positions:
        field = FIELDS[position]
        under = children(field)
        if under and random.random() < 0.7:
            chosen = random.sample(range(len(under)), random.randint(1, len(under)))
            entries.append(f"{position}-{hexadecimal(chosen)}")
            if len(chosen) == len(under):
                names.add(field["name"])
            else:
                names.update(f"{field['name']}.{under[child]['name']}" for child in chosen)
        else:
            whole.append(position)
            names.add(field["name"])
    return ([hexadecimal(whole)] if whole else []) + entries, sorted(names)


cases = []
for number in range(200):
    body, values = {}, {}
    for field in FIELDS[1:]:
        name, under = field["name"], children(field)
        present = random.random() < 0.5
        if name == "Name" and random.random() < 0.3:
            body[name] = values[name] = "Acme"
        elif under:
            body[name] = compound({"fields": under}) if present else None
            values[name] = "compound" if present else None
            for child in under:
                values[f"{name}.{child['name']}"] = body[name][child["name"]] if present else None
        else:
            body[name] = values[name] = scalar(field["type"][1]) if present else None
    changed, changed_names = bitmaps(sorted(random.sample(range(1, len(FIELDS)), random.randint(0, 12))))
    nulled, nulled_names = bitmaps(sorted(random.sample(range(1, len(FIELDS)), random.randint(0, 3))))
    header = {
        "entityName": "Account", "recordIds": ["001D000000IRFmaIAH"] * random.randint(1, 3),
        "changeType": random.choice(KINDS[:4]), "changeOrigin": random.choice(["", "com/salesforce/api/rest/66.0;client=X1"]),
        "transactionKey": f"transaction-{number}", "sequenceNumber": random.randint(1, 2**31 - 1),
        "commitTimestamp": random.randint(0, 4_000_000_000_000), "commitNumber": random.randint(-2**63, 2**63 - 1),
        "commitUser": "00550000001fg5OAAQ", "nulledFields": nulled, "diffFields": [], "changedFields": changed}
    written = io.BytesIO()
    fastavro.schemaless_writer(written, fastavro.parse_schema(json.loads(json.dumps(SCHEMA))),
                               {"ChangeEventHeader": header, **body})
    cases.append({"payload": base64.b64encode(written.getvalue()).decode(), "header": header, "values": values,
                  "changed": changed_names, "nulled": nulled_names})

print(json.dumps({"schema": json.dumps(SCHEMA), "cases": cases}))
