//! Where a list goes on: what is taken of a link that a server hands out, and what is thrown away.

use std::{
    fmt::Write as _,
    hash::{DefaultHasher, Hash as _, Hasher as _},
};

/// Longest continuation that is believed, in bytes.
const MAX_BYTES: usize = 8 * 1024;

/// Where a list goes on: the query options of the server's `@odata.nextLink`, opaque.
///
/// Scheme, host and path of that link are thrown away: samples show plain http, a path that does not exist and a
/// misspelt one, and a token is never sent to an address that a server names (reference, section 2.1). The options
/// themselves go back as they came, without being decoded: what looks like an escape may be part of the token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Continuation(String);

impl Continuation {
    /// Reads the link of a page. Nothing, if it holds no `$skiptoken` and no `$skip`, or is too long.
    pub(crate) fn from_link(link: &str) -> Option<Self> {
        if link.len() > MAX_BYTES {
            return None;
        }
        let (_, query) = link.split_once('?')?;
        let query = query.split('#').next().unwrap_or_default();
        let mut kept = String::new();
        let mut leads_on = false;
        for option in query.split('&') {
            let (name, value) = option.split_once('=').unwrap_or((option, ""));
            let Some(name) = option_name(name) else { continue };
            leads_on |= !value.is_empty() && matches!(name.as_str(), "$skiptoken" | "$skip");
            if !kept.is_empty() {
                kept.push('&');
            }
            kept.push_str(&name);
            kept.push('=');
            escape_unfit(value, &mut kept);
        }
        (leads_on && kept.len() <= MAX_BYTES).then_some(Self(kept))
    }

    /// The query part of the request that continues the list.
    pub(crate) fn query(&self) -> &str {
        &self.0
    }

    /// Two continuations with different fingerprints are different.
    pub(crate) fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.0.hash(&mut hasher);
        hasher.finish()
    }
}

/// The name of an OData option in its one spelling; nothing, for anything else.
fn option_name(name: &str) -> Option<String> {
    let plain = name.strip_prefix('$').or_else(|| name.strip_prefix("%24"))?;
    let known = ["skiptoken", "skip", "top", "filter", "orderby", "select", "count", "expand"];
    known.iter().find(|known| known.eq_ignore_ascii_case(plain)).map(|known| format!("${known}"))
}

/// Escapes only what cannot stand in a query at all; an escape that is there already stays.
fn escape_unfit(value: &str, into: &mut String) {
    for byte in value.bytes() {
        if byte.is_ascii_graphic()
            && !matches!(byte, b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}')
        {
            into.push(char::from(byte));
        } else {
            write!(into, "%{byte:02X}").expect("writing to a string cannot fail");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_options_of_a_link_are_kept_as_they_are_and_its_address_is_forgotten() {
        for link in [
            "http://api.partner.microsoft.com/v1.0/referrals?$skiptoken=a%2Bb%3D%3D",
            "https://api.partner.microsoft.com/v1.0/engagments/referrals?$skiptoken=a%2Bb%3D%3D#x",
            "https://evil.example/steal?$skiptoken=a%2Bb%3D%3D&x=1&access_token=2",
            "/referrals?%24skipToken=a%2Bb%3D%3D",
            "//evil.example?$skiptoken=a%2Bb%3D%3D",
        ] {
            let continuation = Continuation::from_link(link).unwrap();
            assert_eq!(continuation.query(), "$skiptoken=a%2Bb%3D%3D", "{link}");
        }
    }

    #[test]
    fn a_token_is_not_decoded_and_what_cannot_stand_in_a_query_is_escaped() {
        let table = [
            ("x?$skiptoken=a+b", "$skiptoken=a+b"),
            ("x?$skiptoken={\"t\":1}\r\nX: y", "$skiptoken=%7B%22t%22:1%7D%0D%0AX:%20y"),
            ("x?$skiptoken=ä", "$skiptoken=%C3%A4"),
            ("x?$skip=100&$top=100", "$skip=100&$top=100"),
            ("x?$skiptoken=W3sidG9rZW4iOiIrUklE==", "$skiptoken=W3sidG9rZW4iOiIrUklE=="),
        ];
        for (link, expected) in table {
            assert_eq!(Continuation::from_link(link).unwrap().query(), expected, "{link}");
        }
    }

    #[test]
    fn a_link_that_leads_nowhere_is_none() {
        let endless = format!("x?$skiptoken={}", "a".repeat(MAX_BYTES));
        for link in ["", "https://x/referrals", "https://x/?$top=1", "x?$skiptoken=", "x?skip=1", &endless] {
            assert_eq!(Continuation::from_link(link), None, "{link}");
        }
    }
}
