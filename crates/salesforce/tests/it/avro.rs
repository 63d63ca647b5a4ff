//! Avro written by hand, from its specification: what the product's decoder is given must not be its own library's work.

/// Bytes of one datum, appended part by part.
#[derive(Default, Clone)]
pub(crate) struct Datum(pub(crate) Vec<u8>);

impl Datum {
    /// `int` and `long`: zigzag, seven bits a byte.
    pub(crate) fn long(mut self, number: i64) -> Self {
        let mut rest = ((number << 1) ^ (number >> 63)).cast_unsigned();
        while rest > 0x7f {
            self.0.push(u8::try_from(rest & 0x7f).unwrap() | 0x80);
            rest >>= 7;
        }
        self.0.push(u8::try_from(rest).unwrap());
        self
    }

    pub(crate) fn text(self, text: &str) -> Self {
        let mut datum = self.long(text.len().try_into().unwrap());
        datum.0.extend_from_slice(text.as_bytes());
        datum
    }

    pub(crate) fn double(mut self, number: f64) -> Self {
        self.0.extend_from_slice(&number.to_le_bytes());
        self
    }

    pub(crate) fn boolean(mut self, value: bool) -> Self {
        self.0.push(value.into());
        self
    }

    /// The branch of a union, by its number.
    pub(crate) fn branch(self, number: i64) -> Self {
        self.long(number)
    }

    /// The first branch of a nullable union; takes a counter, so that it can be folded over.
    pub(crate) fn branch_none<T>(self, _: T) -> Self {
        self.branch(0)
    }

    pub(crate) fn texts(self, texts: &[&str]) -> Self {
        let datum = if texts.is_empty() { self } else { self.long(texts.len().try_into().unwrap()) };
        texts.iter().fold(datum, |datum, text| datum.text(text)).long(0)
    }
}

/// The schema of the events below: a header, text, number, date, yes or no, a compound, and a name of three types.
pub(crate) const SCHEMA: &str = r#"{
  "name": "OpportunityChangeEvent", "namespace": "com.sforce.eventbus", "type": "record", "uuid": "schema-1",
  "fields": [
    {"name": "ChangeEventHeader", "type": {"type": "record", "name": "ChangeEventHeader", "fields": [
      {"name": "entityName", "type": "string"},
      {"name": "recordIds", "type": {"type": "array", "items": "string"}},
      {"name": "changeType", "type": {"type": "enum", "name": "ChangeType", "symbols": ["CREATE", "UPDATE", "DELETE",
        "UNDELETE", "GAP_CREATE", "GAP_UPDATE", "GAP_DELETE", "GAP_UNDELETE", "GAP_OVERFLOW", "SNAPSHOT"]}},
      {"name": "changeOrigin", "type": "string"},
      {"name": "transactionKey", "type": "string"},
      {"name": "sequenceNumber", "type": "int"},
      {"name": "commitTimestamp", "type": "long"},
      {"name": "commitNumber", "type": "long"},
      {"name": "commitUser", "type": "string"},
      {"name": "nulledFields", "type": {"type": "array", "items": "string"}},
      {"name": "diffFields", "type": {"type": "array", "items": "string"}},
      {"name": "changedFields", "type": {"type": "array", "items": "string"}}]}},
    {"name": "Name", "type": ["null", "string"], "doc": "Data:Text", "default": null},
    {"name": "Amount", "type": ["null", "double"], "doc": "Data:Currency", "default": null},
    {"name": "CloseDate", "type": ["null", "long"], "doc": "Data:DateOnly", "default": null},
    {"name": "IsPrivate", "type": ["null", "boolean"], "doc": "Data:Boolean", "default": null},
    {"name": "BillingAddress", "type": ["null", {"type": "record", "name": "Address", "fields": [
      {"name": "Street", "type": ["null", "string"]}, {"name": "City", "type": ["null", "string"]},
      {"name": "Latitude", "type": ["null", "double"]}]}], "default": null},
    {"name": "ShippingAddress", "type": ["null", "Address"], "default": null},
    {"name": "Contact", "type": ["null", "string", {"type": "record", "name": "Switchable_PersonName", "fields": [
      {"name": "FirstName", "type": ["null", "string"]}, {"name": "LastName", "type": ["null", "string"]}]}]},
    {"name": "Referral_Identifier__c", "type": ["null", "string"], "default": null}]}"#;

/// A header of [`SCHEMA`]; the fields that matter to a test are set by it.
#[derive(Clone)]
pub(crate) struct Head<'a> {
    pub(crate) entity: &'a str,
    pub(crate) ids: &'a [&'a str],
    pub(crate) kind: &'a str,
    pub(crate) origin: &'a str,
    pub(crate) sequence: i64,
    pub(crate) committed: i64,
    pub(crate) user: &'a str,
    pub(crate) nulled: &'a [&'a str],
    pub(crate) diffed: &'a [&'a str],
    pub(crate) changed: &'a [&'a str],
}

pub(crate) const KINDS: [&str; 10] = [
    "CREATE",
    "UPDATE",
    "DELETE",
    "UNDELETE",
    "GAP_CREATE",
    "GAP_UPDATE",
    "GAP_DELETE",
    "GAP_UNDELETE",
    "GAP_OVERFLOW",
    "SNAPSHOT",
];

pub(crate) const OPPORTUNITY: &str = "006D000000IRFmaIAH";

impl Default for Head<'_> {
    fn default() -> Self {
        Self {
            entity: "Opportunity",
            ids: &[OPPORTUNITY],
            kind: "UPDATE",
            origin: "com/salesforce/api/rest/66.0;client=Cosell",
            sequence: 1,
            committed: 1_795_000_000_123,
            user: "00550000001fg5OAAQ",
            nulled: &[],
            diffed: &[],
            changed: &[],
        }
    }
}

impl Head<'_> {
    pub(crate) fn datum(&self) -> Datum {
        let kind = KINDS.iter().position(|kind| *kind == self.kind).unwrap();
        Datum::default()
            .text(self.entity)
            .texts(self.ids)
            .long(kind.try_into().unwrap())
            .text(self.origin)
            .text("0004a1b2-transaction")
            .long(self.sequence)
            .long(self.committed)
            .long(77)
            .text(self.user)
            .texts(self.nulled)
            .texts(self.diffed)
            .texts(self.changed)
    }

    /// The event without a body.
    pub(crate) fn empty(&self) -> Vec<u8> {
        (0..8).fold(self.datum(), Datum::branch_none).0
    }
}

/// An update of the name, to `name`.
pub(crate) fn renamed(name: &str) -> Vec<u8> {
    let head = Head { changed: &["0x02"], ..Head::default() };
    (0..7).fold(head.datum().branch(1).text(name), Datum::branch_none).0
}
