//! What of the prerequisites lies on this machine: files, keys, the store, the public address.

use std::path::Path;

use connectors::Finding;

use crate::{
    config::{Loaded, SecretRef, StoreUrl},
    store_place,
    wiring::{Wired, seal_key as read_seal_key},
};

/// The way to mend of an error that names it in its own text.
const FIX: &str = "\n  fix: ";

/// A line for an error of the program's own, which says how to mend it.
pub(crate) fn broken(id: &str, title: &str, error: &anyhow::Error) -> Finding {
    let text = format!("{error:#}");
    let (evidence, mend) = text.split_once(FIX).unwrap_or((&text, "Correct what the message names."));
    let on_one_line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    Finding::fail(id, title, on_one_line(evidence), on_one_line(mend))
}

pub(super) fn configuration(path: &Path) -> Finding {
    Finding::pass("cosell.configuration", "Configuration", format!("{} is read", path.display()))
}

/// Lists are data: nothing tells whether the portal still takes each code.
pub(super) fn code_lists(loaded: &Loaded) -> Finding {
    let mut evidence = format!("The shipped lists are those of Cosell {}", env!("CARGO_PKG_VERSION"));
    if let Some(folder) = &loaded.config.mapping.code_lists {
        let age = |path: &Path| {
            let age = std::fs::metadata(path).ok()?.modified().ok()?.elapsed().ok()?;
            Some(age.as_secs() / 86_400)
        };
        let entries = std::fs::read_dir(loaded.folder.join(folder)).into_iter().flatten().flatten();
        let lists = entries.filter(|entry| entry.path().extension().is_some_and(|ending| ending == "toml"));
        let mut told: Vec<String> = lists
            .map(|entry| {
                let days = age(&entry.path()).map_or_else(String::new, |days| format!(", {days} days old"));
                format!("{}{days}", entry.file_name().to_string_lossy())
            })
            .collect();
        told.sort_unstable();
        evidence = format!("{evidence}; your own: {}", told.join("; "));
    }
    Finding::unseen(
        "cosell.code_lists",
        "Code lists",
        format!("{evidence}. No API tells which codes the portal takes."),
        "When Microsoft announces new solution areas, plays or reasons, put a list of your own into [mapping] \
         code_lists.",
    )
}

pub(super) fn seal_key(loaded: &Loaded) -> Finding {
    let (id, title) = ("cosell.seal_key", "Seal key");
    match &loaded.config.store.seal_key {
        None => Finding::fail(
            id,
            title,
            "There is none: no sign-in to Partner Center can be kept.",
            "Set [store] seal_key to 32 random bytes in base64: openssl rand -base64 32",
        ),
        Some(place) => match read_seal_key(place, &loaded.folder) {
            Ok(_) if loaded.config.store.former_seal_key.is_some() => {
                Finding::pass(id, title, "32 bytes, and a former one: cosell store reseal makes it needless")
            }
            Ok(_) => Finding::pass(id, title, "32 bytes"),
            Err(error) => broken(id, title, &error),
        },
    }
}

/// Whether the seal key is another one than the store's.
pub(super) async fn another_key(wired: &Wired) -> Option<Finding> {
    let error = wired.store.require_key().await.err()?;
    Some(broken("cosell.another_key", "Seal key of the store", &error.into()))
}

/// Whether what was drawn before there was a seal key still lies open.
pub(super) async fn in_the_clear(wired: &Wired) -> Option<Finding> {
    let (id, title) = ("cosell.in_the_clear", "Kept in the clear");
    match wired.store.keys_in_clear().await {
        Ok(0) => None,
        Ok(keys) => Some(Finding::fail(
            id,
            title,
            format!(
                "{keys} deals' keys are from before there was a seal key: it does not protect what they seal"
            ),
            "cosell store reseal",
        )),
        Err(error) => Some(broken(id, title, &error.into())),
    }
}

/// Where the configuration says that secrets are.
fn secret_places(loaded: &Loaded) -> impl Iterator<Item = &SecretRef> {
    let (portal, crm) = (&loaded.config.partner_center, &loaded.config.salesforce);
    let database = loaded.config.store.url.as_ref().and_then(StoreUrl::place);
    let places = [
        &loaded.config.store.seal_key,
        &loaded.config.store.former_seal_key,
        &portal.client_secret,
        &portal.client_key,
        &portal.refresh_token,
        &crm.private_key,
        &crm.client_secret,
    ];
    places.into_iter().flatten().chain(database)
}

/// All secrets that cannot be read, if there are several.
pub(super) fn unread_secrets(loaded: &Loaded) -> Option<anyhow::Error> {
    let unread: Vec<String> = secret_places(loaded)
        .filter_map(|place| place.read(&loaded.folder).err())
        .map(|error| error.to_string().split(FIX).next().unwrap_or_default().to_owned())
        .collect();
    (unread.len() > 1).then(|| {
        anyhow::anyhow!("{}{FIX}put each where the configuration says that it is", unread.join("; "))
    })
}

/// Whether the files that hold secrets are for this program's user alone.
pub(super) fn secret_files(loaded: &Loaded) -> Finding {
    let (id, title) = ("cosell.secret_files", "Secret files");
    let open: Vec<String> = secret_places(loaded)
        .filter_map(|place| place.open_to_others(&loaded.folder))
        .map(|path| path.display().to_string())
        .collect();
    if open.is_empty() {
        return Finding::pass(id, title, "no other user of this machine can read one");
    }
    Finding::fail(
        id,
        title,
        format!("Other users of this machine can read {}.", open.join(", ")),
        format!("chmod 600 {}; if anybody could have read them, make new ones", open.join(" ")),
    )
}

pub(super) fn store(wired: &Wired, is_first: bool) -> Finding {
    let path = store_place::shown(&wired.loaded);
    let evidence = if is_first { format!("{path} was made") } else { format!("{path} opens") };
    Finding::pass("cosell.store", "Store", format!("{evidence}; it is of this tenant"))
}

pub(super) fn public_address(wired: &Wired) -> Finding {
    let (id, title) = ("cosell.public_url", "Public address");
    let address = wired.loaded.config.webhook.as_ref().and_then(|webhook| webhook.public_url.as_deref());
    match address {
        None => Finding::unseen(
            id,
            title,
            "[webhook] public_url is not set: polling alone finds the portal's changes.",
            "Set it to the address under which the internet reaches [webhook] listen, for changes within seconds.",
        ),
        Some(address) => Finding::unseen(
            id,
            title,
            format!("Whether the internet reaches {address} cannot be seen from inside."),
            "Run: cosell webhook test",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_that_says_how_to_mend_it_is_told_in_its_two_parts() {
        let error = anyhow::anyhow!("the seal key is not base64\n  fix: openssl rand -base64 32");
        let finding = broken("cosell.seal_key", "Seal key", &error);
        assert_eq!(finding.evidence, "the seal key is not base64");
        assert_eq!(finding.mend.as_deref(), Some("openssl rand -base64 32"));
    }
}
