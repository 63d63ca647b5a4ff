//! What an expression can name: the documented members of the side that it computes from, and no other.

use deal_model::Side;

use super::{Flaw, datum::Sort, node::Place};
use crate::{Absent, CrmPath, PortalPath, file};

/// What the three documents are called.
const REFERRAL: &str = "referral";
const COMPANION: &str = "microsoft_referral";
const OPPORTUNITY: &str = "opportunity";
/// Members of a referral that are lists (partner-center reference, section 3): one of their elements has to be named.
const LISTS: &[&str] = &[
    "/team",
    "/customerProfile/team",
    "/customerProfile/ids",
    "/details/requirements/solutions",
    "/details/requirements/additionalRequirements/attributes",
];
const NUMBERS: &[&str] = &["/details/dealValue"];
const FLAGS: &[&str] = &["/favorite", "/isSpam", "/details/customerRequestedContact"];
const CONSENTS: &str = "/consent/";
/// Members whose type the reference leaves open.
const OPEN: &[&str] = &["/quality", "/details/incentiveLevel", "/customerProfile/isMatchingComplete"];

/// The side that is computed from, and whether the file vouches for members that no document describes.
pub(super) struct Reach<'w> {
    pub(super) source: &'w str,
    pub(super) from: Side,
    pub(super) undocumented: bool,
}

impl Reach<'_> {
    /// The value at `root.steps`.
    pub(super) fn place(&self, at: usize, root: &str, steps: &[String]) -> Result<Place, Flaw> {
        let own = match self.from {
            Side::Portal => [REFERRAL, COMPANION].as_slice(),
            Side::Crm => &[OPPORTUNITY],
        };
        if !own.contains(&root) {
            return Err(self.foreign(at, root, own));
        }
        if steps.is_empty() {
            let what = format!("`{root}` is a whole record, and no value");
            return Err(Flaw::new(at, what, format!("name one of its members: `{}`", self.example())));
        }
        match self.from {
            Side::Crm => {
                let path = CrmPath::parse(&format!("{}.{}", crate::path::ROOT_OBJECT, steps.join(".")));
                path.map(Place::Opportunity).map_err(|error| {
                    let todo = "write a path like `opportunity.Amount` or `opportunity.Account.Name`";
                    Flaw::new(at, error.to_string(), todo)
                })
            }
            Side::Portal => self.member(at, root, steps),
        }
    }

    fn member(&self, at: usize, root: &str, steps: &[String]) -> Result<Place, Flaw> {
        let escaped: Vec<String> =
            steps.iter().map(|step| step.replace('~', "~0").replace('/', "~1")).collect();
        let pointer = format!("/{}", escaped.join("/"));
        let path = PortalPath::parse(&pointer)
            .map_err(|error| Flaw::new(at, error.to_string(), "name a member of the referral"))?;
        let list = LISTS.iter().find(|list| {
            pointer.strip_prefix(**list).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        });
        let absent = match (list, file::documented(&path)) {
            (Some(list), _) => {
                let rest: Vec<&str> = pointer[list.len()..].split('/').skip(1).collect();
                let element = matches!(rest[..], [index, _, ..] if index.parse::<usize>().is_ok());
                if !element {
                    let what = format!("`{root}{}` is a list, and no one value", dotted(list));
                    let todo =
                        format!("name a member of one of its elements: `{root}{}[0].name`", dotted(list));
                    return Err(Flaw::new(at, what, todo));
                }
                Absent::Empty
            }
            (None, Some(absent)) => absent,
            (None, None) if self.undocumented => Absent::Unknown,
            (None, None) => return Err(self.unknown(at, root, &path)),
        };
        Ok(match root {
            COMPANION => Place::Companion(path),
            _ => Place::Referral(path, absent),
        })
    }

    fn unknown(&self, at: usize, root: &str, path: &PortalPath) -> Flaw {
        let written = format!("{root}{}", dotted(path.as_str()));
        let what = format!("no referral has the documented member `{written}`");
        let Some(near) = file::nearest(path.as_str(), file::documented_paths()) else {
            return Flaw::new(at, what, "correct it, or add `undocumented = true` if your portal has it");
        };
        let meant = format!("{root}{}", dotted(near));
        let flaw = Flaw::new(at, what, format!("did you mean `{meant}`?"));
        // Only what stands there as it is told can be replaced.
        if self.source[at..].starts_with(&written) { flaw.replacing(&written, &meant) } else { flaw }
    }

    fn foreign(&self, at: usize, root: &str, own: &[&str]) -> Flaw {
        let (to, source) = match self.from {
            Side::Portal => ("Salesforce", "the referral"),
            Side::Crm => ("Partner Center", "the opportunity"),
        };
        let target = match self.from {
            Side::Portal => root == OPPORTUNITY,
            Side::Crm => root == REFERRAL || root == COMPANION,
        };
        let todo = format!("begin with `{}`, as in `{}`", own.join("` or `"), self.example());
        if target {
            let what =
                format!("`{root}` cannot be seen here: what goes to {to} is computed from {source} alone");
            return Flaw::new(at, what, todo);
        }
        let near = file::nearest(root, own.iter().copied());
        let flaw = Flaw::new(at, format!("`{root}` is not known in an expression"), todo);
        match near {
            Some(near) => flaw.replacing(root, near),
            None => flaw,
        }
    }

    fn example(&self) -> &'static str {
        match self.from {
            Side::Portal => "referral.name",
            Side::Crm => "opportunity.Name",
        }
    }
}

impl Place {
    /// What the place is known to hold.
    pub(super) fn sort(&self) -> Sort {
        let (Self::Referral(path, _) | Self::Companion(path)) = self else { return Sort::Any };
        let path = path.as_str();
        if NUMBERS.contains(&path) {
            Sort::Number
        } else if FLAGS.contains(&path) || path.starts_with(CONSENTS) {
            Sort::Flag
        } else if OPEN.contains(&path) || file::documented_paths().all(|known| known != path) {
            Sort::Any
        } else {
            Sort::Text
        }
    }

    /// The place as a sentence names it.
    pub(super) fn named(&self) -> String {
        match self {
            Self::Referral(path, _) => format!("`{}` of the referral", undotted(path)),
            Self::Companion(path) => format!("`{}` of Microsoft's referral", undotted(path)),
            Self::Opportunity(path) => format!("`{}` of the opportunity", path.soql()),
        }
    }
}

/// A pointer as an expression writes it, with the leading point.
fn dotted(pointer: &str) -> String {
    pointer.replace('/', ".")
}

fn undotted(path: &PortalPath) -> String {
    dotted(path.as_str()).trim_start_matches('.').to_owned()
}
