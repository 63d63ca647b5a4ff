//! The `[accounts]` section: how a customer's account is found, and what one that is made gets.

use super::{
    conditions::Vocabulary,
    groups::Groups,
    mistakes::Mistakes,
    remedy::Remedy,
    tree::{Item, Node, Table},
    typed,
};
use crate::{
    AccountOwner, AccountPath, AccountRules, ApiName, Binding, Codec, Compare, CustomerColumns, MatchKey,
    NameForm, Names, Persons,
};

pub(super) const KEYS: &[&str] =
    &["match", "accents", "legal_forms", "where", "person_accounts", "record_type", "owner"];
/// What is said of whoever owns the opportunity.
const OF_OPPORTUNITY: &str = "opportunity";
const ACCOUNT: &str = "Account";
const PERSONS: &[(&str, Persons)] =
    &[("never", Persons::Never), ("match", Persons::Match), ("create", Persons::Create)];
const DUNS: &str = "duns";
const OWN_KEY: &str = "external_id";
/// Words for what may be compared; any other column is named by its API name.
const WORDS: &[&str] = &[DUNS, OWN_KEY, "name", "postal_code", "city", "state", "country"];
/// Words for what an account must be.
const SUBJECTS: &[(&str, &str)] =
    &[("record_type", "RecordType.DeveloperName"), ("type", "Type"), ("owner", "Owner.Username")];

const VOCABULARY: Vocabulary<'static, AccountPath> = Vocabulary {
    nothing_passes: "{ field = \"type\", in = [\"?\"] }",
    subject: &subject,
    check: &|_, _, _, _| (),
};

pub(super) fn read(
    file: &Table,
    groups: &Groups,
    names: &Names,
    mistakes: &mut Mistakes<'_>,
) -> AccountRules {
    let mut rules = AccountRules { columns: columns(&groups.bindings), ..AccountRules::default() };
    let Some(section) = file.get("accounts").and_then(|node| typed::table(node, mistakes)) else {
        return rules;
    };
    typed::known_keys(section, KEYS, "[accounts]", mistakes);
    if let Some(node) = section.get("match") {
        let listed = typed::list(node, mistakes).unwrap_or_default();
        let known = Known { columns: &rules.columns, names, bindings: &groups.bindings };
        rules.rules = listed.iter().filter_map(|rule| known.rule(rule, mistakes)).collect();
        if listed.is_empty() {
            mistakes.add(
                node.at,
                "no rule would ever find an account",
                Remedy::value("[[\"duns\"]]").advised("write at least one"),
            );
        }
    }
    rules.names = NameForm {
        without_accents: matches!(
            section.get("accents").and_then(|node| typed::one_of(node, &["keep", "ignore"], mistakes)),
            Some("ignore")
        ),
        legal_forms: section.get("legal_forms").map(|node| typed::texts(node, mistakes)).unwrap_or_default(),
    };
    rules.among = section.get("where").map(|node| VOCABULARY.read(node, mistakes)).unwrap_or_default();
    if let Some(persons) =
        section.get("person_accounts").and_then(|node| typed::meaning(node, PERSONS, mistakes))
    {
        rules.persons = persons;
    }
    let mut text =
        |key: &str| section.get(key).and_then(|node| typed::text(node, mistakes)).map(str::to_owned);
    rules.record_type = text("record_type");
    rules.owner = match text("owner") {
        Some(user) if user != OF_OPPORTUNITY => AccountOwner::User(user),
        _ => AccountOwner::Opportunity,
    };
    rules
}

/// The columns that the file's fields give to what tells customers apart.
fn columns(bindings: &[Binding]) -> CustomerColumns {
    let at = |pointer: &str, is: fn(&Codec) -> bool| {
        let here = |binding: &&Binding| {
            binding.portal.as_ref().is_some_and(|path| path.as_str() == pointer) && is(&binding.codec)
        };
        bindings.iter().filter(here).find_map(of_account)
    };
    let any = |_: &Codec| true;
    CustomerColumns {
        duns: at(
            "/customerProfile/ids",
            |codec| matches!(codec, Codec::ProfileId { profile_type } if profile_type == "Duns"),
        ),
        name: at("/customerProfile/name", any),
        postal_code: at("/customerProfile/address/postalCode", any),
        city: at("/customerProfile/address/city", any),
        state: at("/customerProfile/address/state", any),
        country: at("/customerProfile/address/country", any),
    }
}

/// The account's own column that a field is mapped to.
fn of_account(binding: &Binding) -> Option<ApiName> {
    let path = binding.crm.as_ref()?;
    let of_account = path.parents().eq([ACCOUNT]);
    of_account.then(|| ApiName::parse(path.field()).ok()).flatten()
}

/// What a rule may compare.
struct Known<'k> {
    columns: &'k CustomerColumns,
    names: &'k Names,
    bindings: &'k [Binding],
}

impl Known<'_> {
    /// None for what cannot be compared: a mistake of a company's file; of the default, it is what that file took out.
    fn rule(&self, node: &Node, mistakes: &mut Mistakes<'_>) -> Option<Vec<MatchKey>> {
        let keys = typed::list(node, mistakes)?;
        if keys.is_empty() {
            mistakes.add(
                node.at,
                "a rule without a key would match every account",
                Remedy::value("[\"duns\"]").advised("name at least one key"),
            );
            return None;
        }
        let known: Option<Vec<MatchKey>> = keys.iter().map(|key| self.key(key, mistakes)).collect();
        if known.as_ref().is_some_and(|known| known.iter().all(|key| key.how == Compare::Country)) {
            mistakes.add(
                node.at,
                "a rule of the country alone would match every account of that country",
                Remedy::value("[\"name\", \"country\"]")
                    .advised("name what tells customers of one country apart"),
            );
            return None;
        }
        known
    }

    fn key(&self, node: &Node, mistakes: &mut Mistakes<'_>) -> Option<MatchKey> {
        let text = typed::text(node, mistakes)?;
        let columns = self.columns;
        let (column, how) = match text {
            DUNS => (columns.duns.clone(), Compare::Text),
            OWN_KEY => (Some(self.names.account_key.clone()), Compare::OwnKey),
            "name" => (columns.name.clone(), Compare::Name),
            "postal_code" => (columns.postal_code.clone(), Compare::Text),
            "city" => (columns.city.clone(), Compare::Text),
            "state" => (columns.state.clone(), Compare::Text),
            "country" => (columns.country.clone(), Compare::Country),
            own => {
                let mapped = self.bindings.iter().filter_map(of_account);
                let mut mapped = mapped.filter(|column| column.as_str().eq_ignore_ascii_case(own));
                let column = mapped.next();
                if column.is_none() {
                    typed::one_of(node, WORDS, mistakes)?;
                }
                (column, Compare::Text)
            }
        };
        if column.is_none() && node.at.source > 0 {
            mistakes.add(
                node.at,
                format!("no field gives an account's column to `{}`", typed::shown(text)),
                Remedy::remove().advised("or map its field to a column of `Opportunity.Account`"),
            );
        }
        column.map(|column| MatchKey { column, how })
    }
}

fn subject(node: &Node, mistakes: &mut Mistakes<'_>) -> Option<AccountPath> {
    if let Item::Text(text) = &node.item
        && let Some((_, path)) = SUBJECTS.iter().find(|(word, _)| word == text)
    {
        return Some(AccountPath((*path).to_owned()));
    }
    typed::api_name(node, mistakes).map(|name| AccountPath(name.as_str().to_owned()))
}
