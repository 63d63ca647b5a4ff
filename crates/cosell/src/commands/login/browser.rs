//! The browser of the person who signs in: whether there is one, and sending it on its way.

use std::time::Duration;

use serde_json::json;

use crate::output::{self, Format};

/// How long the browser is waited for.
pub(super) const PATIENCE: Duration = Duration::from_mins(10);

/// Says where the browser goes, and opens it if `open`.
pub(super) fn sent(address: &str, open: bool, format: Format) -> anyhow::Result<()> {
    match format {
        Format::Json => output::json(&json!({ "step": "browser", "address": address }))?,
        Format::Text => {
            let how = if open {
                "A browser opens. If it does not, open"
            } else {
                "Open in a browser on this machine"
            };
            output::line(how);
            output::line(address);
            output::line("and sign in as the user that Cosell is to work as.");
        }
    }
    if open {
        open_browser(address);
    }
    Ok(())
}

/// Whether a browser can be shown to the person who runs this.
pub(super) fn has_display() -> bool {
    let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    if set("SSH_CONNECTION") {
        return false;
    }
    cfg!(any(target_os = "macos", windows)) || set("DISPLAY") || set("WAYLAND_DISPLAY")
}

/// A browser that does not open is no failure: the address is printed.
fn open_browser(address: &str) {
    let (program, arguments): (&str, &[&str]) = if cfg!(target_os = "macos") {
        ("open", &[])
    } else if cfg!(windows) {
        ("rundll32", &["url.dll,FileProtocolHandler"])
    } else {
        ("xdg-open", &[])
    };
    let quiet = std::process::Stdio::null;
    let mut browser = std::process::Command::new(program);
    // A browser hands its environment to whatever it starts; our secrets are none of its business.
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("COSELL_") {
            browser.env_remove(name);
        }
    }
    let opened = browser.args(arguments).arg(address).stdin(quiet()).stdout(quiet()).stderr(quiet()).spawn();
    if let Err(error) = opened {
        tracing::debug!(%error, "no browser could be opened");
    }
}
