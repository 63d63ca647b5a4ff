//! Everything about Partner Center that is undocumented, as named settings with defaults (reference, section 10).

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Where Microsoft's referral can be seen by the partner (reference, section 4.2: visibility by the API is inferred).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RelatedVisibility {
    /// In every list whose filter it passes, and by GET.
    Everywhere,
    /// In lists whose filter names `engagementId`, and by GET.
    Engagement,
    /// Nowhere; GET answers 404.
    Hidden,
}

/// Whose id the `related-referral-*` events carry (reference, section 6.2: undocumented).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RelatedEventId {
    /// The other party's referral, the one that changed.
    Theirs,
    /// The partner's own referral in the same engagement.
    Ours,
}

/// What step 2 of the shared create answers with (reference, section 4.3: drawn as `{id}` alone).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SecondPostBody {
    /// The whole entity.
    Full,
    /// `{"id": ...}`.
    Id,
}

/// What becomes of a refresh token that was exchanged for a new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OldRefreshToken {
    /// It works until it expires by itself.
    Stays,
    /// It is refused from now on.
    Dies,
}

/// What meets refresh tokens of everybody who is signed in when the knob is set; who signs in anew is past it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SignIn {
    /// Nothing.
    Works,
    /// Multi-factor authentication is demanded (AADSTS50076).
    MfaRequired,
    /// A Conditional Access policy demands interaction (`interaction_required`).
    InteractionRequired,
    /// The token was idle for too long (AADSTS700082).
    TokenExpired,
    /// The token was revoked, for instance by a new password (AADSTS50173).
    TokenRevoked,
}

/// What a person does who is asked to let an application in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SignInAnswer {
    /// Nothing by itself: a page waits, or an actor answers.
    Waits,
    /// Approves at once, as the Referrals admin or who the login hint names.
    Approves,
    /// Declines at once.
    Declines,
}

/// The form of `@odata.nextLink`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NextLink {
    /// As in Microsoft's samples: plain http, and without `/engagements`, where nothing answers.
    Documented,
    /// The address of the list itself.
    Sane,
}

/// Which paths `$filter` may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FilterPaths {
    /// Those that Microsoft's pages use, and the three times and identifiers every service of this kind has.
    Documented,
    /// Every member of a referral.
    Any,
}

/// What `@odata.count` counts (reference, section 2.1: unclear).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CountMeaning {
    /// Everything that passes the filter.
    Total,
    /// The items of this page.
    Page,
}

/// Whose certificate signs a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Signer {
    /// Microsoft's, as it should be.
    Genuine,
    /// The right name and issuer, out of its validity.
    Expired,
    /// The right names all along, under a root nobody trusts.
    Foreign,
    /// Under the trusted root, with an intermediate of another organisation.
    OtherOrganization,
    /// The genuine certificate, but the signature is of other bytes.
    Tampered,
    /// No signature header at all.
    Unsigned,
}

/// All settings. `GET /_sandbox/knobs` shows them, `PATCH` sets those it names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Knobs {
    /// Status of a successful POST: 200 or 201.
    pub create_status: u16,
    /// Body of the answer to the second POST.
    pub second_post_body: SecondPostBody,
    /// Whether an engagement may get a second referral of Microsoft's, so that duplicates can be counted.
    pub allow_second_microsoft_referral: bool,
    /// Status of a stale `If-Match`: 412 or 409.
    pub stale_status: u16,
    /// Paths that PATCH allows beside the built-in list, exactly as sent.
    pub patch_paths_extra: Vec<String>,
    /// Whether PATCH may close a referral as `Error`.
    pub close_as_error: bool,
    /// Whether a referral that was never accepted may be closed as Won.
    pub won_from_new: bool,
    /// Whether Declined, Lost and Error need a `statusReason`.
    pub require_status_reason: bool,
    /// Whether a deal needs the `CustomerMarketplaceIntent` attribute.
    pub require_marketplace_intent: bool,
    /// Whether POST refuses server-assigned members instead of ignoring them.
    pub refuse_server_members: bool,
    /// Whether members that no page describes are refused instead of ignored.
    pub refuse_unknown_members: bool,
    /// Solution ids that are co-sell ready; empty: any.
    pub known_solutions: Vec<String>,
    /// Longest deal name, in characters.
    pub max_name_chars: Option<usize>,
    /// Longest notes, in characters.
    pub max_notes_chars: Option<usize>,
    /// Whether a closing date in the past is refused.
    pub refuse_past_closing: bool,
    /// Whether the error's `target` is always `referral`, as in Microsoft's sample, instead of the member.
    pub whole_error_target: bool,
    /// How long a new referral stays out of lists, in milliseconds. GET sees it at once.
    pub late_in_lists_ms: u64,
    /// How far lists lag behind writes, in milliseconds.
    pub list_lag_ms: u64,
    /// How far GET lags behind writes, in milliseconds. A new referral is seen at once.
    pub get_lag_ms: u64,
    /// Where Microsoft's referral can be seen.
    pub related_visibility: RelatedVisibility,
    /// Form of the continuation link.
    pub next_link: NextLink,
    /// Items on a full page.
    pub page_size: usize,
    /// Paths that `$filter` may name.
    pub filter_paths: FilterPaths,
    /// Meaning of `@odata.count`.
    pub count_meaning: CountMeaning,
    /// Whether `links` misspells `engagements`, as samples do.
    pub misspell_links: bool,
    /// Calls of the Referrals API let through in any 60 seconds; absent: no limit.
    pub calls_a_minute: Option<u32>,
    /// Life of an access token, in seconds.
    pub access_token_seconds: u32,
    /// What becomes of a used refresh token.
    pub old_refresh_token: OldRefreshToken,
    /// Life of a refresh token, in days.
    pub refresh_token_days: u32,
    /// What meets refresh tokens of sign-ins from before the knob was set.
    pub sign_in: SignIn,
    /// What a person does who is asked to let an application in.
    pub sign_in_answer: SignInAnswer,
    /// Whether the Referrals API answers 403 `insufficient_claims` to tokens of sign-ins from before the knob was set.
    pub claims_challenge: bool,
    /// Whether a password alone gives a token (reference, section 1.3: to be treated as dead).
    pub ropc: bool,
    /// Whether the client secret has expired (AADSTS7000222).
    pub secret_expired: bool,
    /// Whether the confidential client, too, must prove that it asked for its authorization code.
    pub require_pkce: bool,
    /// Life of a device code, in minutes.
    pub device_code_minutes: u32,
    /// Seconds that a client waits between two polls with a device code.
    pub device_code_interval_seconds: u32,
    /// Whose id the related events carry.
    pub related_event_id: RelatedEventId,
    /// Whether the partner's own changes by the API raise events.
    pub webhook_own_changes: bool,
    /// How long after the change an event leaves, in milliseconds.
    pub webhook_delay_ms: u64,
    /// At most this much more, drawn for each event, in milliseconds: events overtake each other.
    pub webhook_jitter_ms: u64,
    /// How often each event is sent besides the first time.
    pub webhook_duplicates: u8,
    /// Share of events that never leave, in percent.
    pub webhook_lose_percent: u8,
    /// Whether events that are due together leave newest first.
    pub webhook_newest_first: bool,
    /// Wait after the first failed attempt, in milliseconds; doubles up to a minute.
    pub webhook_retry_ms: u64,
    /// Who signs.
    pub webhook_signer: Signer,
}

impl Default for Knobs {
    fn default() -> Self {
        Self {
            create_status: 200,
            second_post_body: SecondPostBody::Full,
            allow_second_microsoft_referral: true,
            stale_status: 412,
            patch_paths_extra: Vec::new(),
            close_as_error: true,
            won_from_new: true,
            require_status_reason: false,
            require_marketplace_intent: true,
            refuse_server_members: true,
            refuse_unknown_members: true,
            known_solutions: Vec::new(),
            max_name_chars: None,
            max_notes_chars: None,
            refuse_past_closing: false,
            whole_error_target: false,
            late_in_lists_ms: 0,
            list_lag_ms: 0,
            get_lag_ms: 0,
            related_visibility: RelatedVisibility::Everywhere,
            next_link: NextLink::Documented,
            page_size: 100,
            filter_paths: FilterPaths::Documented,
            count_meaning: CountMeaning::Total,
            misspell_links: false,
            calls_a_minute: None,
            access_token_seconds: 3600,
            old_refresh_token: OldRefreshToken::Stays,
            refresh_token_days: 90,
            sign_in: SignIn::Works,
            sign_in_answer: SignInAnswer::Waits,
            claims_challenge: false,
            ropc: false,
            secret_expired: false,
            require_pkce: false,
            device_code_minutes: 15,
            device_code_interval_seconds: 5,
            related_event_id: RelatedEventId::Theirs,
            webhook_own_changes: true,
            webhook_delay_ms: 0,
            webhook_jitter_ms: 0,
            webhook_duplicates: 0,
            webhook_lose_percent: 0,
            webhook_newest_first: false,
            webhook_retry_ms: 1000,
            webhook_signer: Signer::Genuine,
        }
    }
}

impl Knobs {
    /// These knobs with the members of `patch` set.
    ///
    /// # Errors
    /// A sentence naming the unknown knob or the unfit value.
    pub fn patched(&self, patch: &Value) -> Result<Self, String> {
        let Value::Object(patch) = patch else { return Err("knobs are set by a JSON object".to_owned()) };
        let mut all = serde_json::to_value(self).map_err(|error| error.to_string())?;
        for (name, value) in patch {
            all[name.as_str()] = value.clone();
        }
        let knobs: Self = serde_json::from_value(all).map_err(|error| error.to_string())?;
        let fit = [
            (matches!(knobs.create_status, 200 | 201), "create_status is 200 or 201"),
            (matches!(knobs.stale_status, 412 | 409), "stale_status is 412 or 409"),
            ((1..=1000).contains(&knobs.page_size), "page_size is 1 to 1000"),
            (knobs.webhook_lose_percent <= 100, "webhook_lose_percent is at most 100"),
            (knobs.webhook_duplicates <= 10, "webhook_duplicates is at most 10"),
            (
                [knobs.webhook_delay_ms, knobs.webhook_jitter_ms, knobs.webhook_retry_ms]
                    .iter()
                    .chain(&[knobs.late_in_lists_ms, knobs.list_lag_ms, knobs.get_lag_ms])
                    .all(|wait| *wait <= 86_400_000),
                "waits and lags are at most a day",
            ),
        ];
        fit.iter().find(|(fits, _)| !fits).map_or(Ok(knobs), |(_, sentence)| Err((*sentence).to_owned()))
    }
}
