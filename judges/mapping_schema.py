"""Holds mapping files against the committed JSON Schema with an independent validator."""

import datetime
import json
import pathlib
import sys

import jsonschema
import tomli

SCHEMA = json.loads(pathlib.Path("mappings/mapping.schema.json").read_text())
GOOD = [
    pathlib.Path("mappings/default.toml"),
    pathlib.Path("crates/cosell/tests/it/company/mapping.toml"),
]
BROKEN = pathlib.Path("crates/mapping/tests/it/broken")

# The broken files whose mistake is a key, a word or a type. All other mistakes need to know the portal, Salesforce, the
# default or two places of the file at once, which a schema does not. The code lists among them are no mappings at all.
SEEN = """
008_no_version
009_empty
010_unknown_version
011_unknown_base
012_unknown_section
013_section_of_nothing
014_unknown_field_key
017_unknown_type
018_unknown_direction
019_unknown_conflict
020_unknown_moment
021_unknown_side
022_flag_as_text
023_length_as_text
024_moment_without_list
025_stage_as_number
026_field_as_text
027_empty_text
028_length_of_none
030_pointer_without_slash
031_path_without_object
034_notes_as_records
077_range_of_three_ends
098_several_at_once
100_lead_of_unknown_type
107_route_of_unknown_key
110_unknown_qualification
114_constants_of_numbers
115_too_many_elements
118_list_duplicate_code
119_list_label_twice
121_list_code_missing
122_list_unknown_key
123_list_without_version
124_list_version_of_words
125_list_of_unknown_name
126_list_day_of_none
130_condition_without_brackets
131_condition_of_words
136_text_of_unknown_key
138_contacts_of_unknown_key
140_record_type_of_unknown_key
""".split()


def plain(value):
    """TOML's values as JSON has them."""
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [plain(each) for each in value]
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    return value


def main():
    validator = jsonschema.validators.validator_for(SCHEMA)
    validator.check_schema(SCHEMA)
    wrong = []

    def refusals(path):
        return list(validator(SCHEMA).iter_errors(plain(tomli.loads(path.read_text()))))

    for path in GOOD:
        for refusal in refusals(path):
            wrong.append(f"{path} is good, and is refused: {refusal.json_path}: {refusal.message[:200]}")
    taken, refused = 0, set()
    for path in sorted(BROKEN.glob("*.toml")):
        try:
            if refusals(path):
                refused.add(path.stem)
            else:
                taken += 1
        except (tomli.TOMLDecodeError, UnicodeDecodeError):
            pass
    for name in sorted(set(SEEN) - refused):
        wrong.append(f"{name} is broken in a way that a schema sees, and is taken")
    for name in sorted(refused - set(SEEN)):
        wrong.append(f"{name} is refused too: add it to the list")
    print(f"{len(GOOD)} good files taken; {len(refused)} broken ones refused, {taken} left to the program")
    print("\n".join(wrong))
    return 1 if wrong else 0


sys.exit(main())
